#include "dicom/dicom_json_data_set.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "base/base64.h"
#include "base/text.h"
#include "dicom/encoding.h"
#include "trolley/error.h"

namespace trolley {
namespace {

using nlohmann::json;

constexpr int kMaxJsonDepth = 3 * 64;  // each sequence is an attribute, its values and an item
constexpr std::array<const char*, 3> kNameGroups = {"Alphabetic", "Ideographic", "Phonetic"};

[[noreturn]] void FailDataSet(std::string_view reason) {
  throw Error(ErrorCode::kProtocol, StrCat("Cannot read DICOM JSON: ", reason));
}

std::string NumberText(double number) {
  constexpr double kExact = 9007199254740992.0;  // 2^53
  char text[64];
  const auto end = std::floor(number) == number && std::abs(number) < kExact
                       ? std::to_chars(text, text + sizeof text, static_cast<int64_t>(number))
                       : std::to_chars(text, text + sizeof text, number);
  return {text, end.ptr};
}

// nullopt for arrays and objects.
std::optional<std::string> Scalar(const json& value) {
  switch (value.type()) {
    case json::value_t::null:
      return "";
    case json::value_t::string:
      return value.get<std::string>();
    case json::value_t::boolean:
      return value.get<bool>() ? "true" : "false";
    case json::value_t::number_integer:
      return std::to_string(value.get<int64_t>());
    case json::value_t::number_unsigned:
      return std::to_string(value.get<uint64_t>());
    case json::value_t::number_float:
      return NumberText(value.get<double>());
    default:
      return std::nullopt;
  }
}

bool IsName(const json& object) {
  return std::any_of(kNameGroups.begin(), kNameGroups.end(), [&](const char* group) { return object.contains(group); });
}

std::string Name(const json& object) {
  std::vector<std::string> groups;
  for (const char* group : kNameGroups) {
    const auto at = object.find(group);
    groups.push_back(at == object.end() ? "" : Scalar(*at).value_or(""));
  }
  std::string name = Join(groups, "=");
  name.erase(name.find_last_not_of('=') + 1);
  return name;
}

DataSet ToDataSet(const json& object);

// False when the attribute makes no sense.
bool AddValue(const json& value, DataElement& element) {
  if (value.is_object()) {
    if (element.vr == "PN" || IsName(value)) {
      element.values.push_back(Name(value));
      return true;
    }
    // Vitrea sends data sets as values of UN.
    if (element.vr != "SQ" && element.vr != "UN") {
      return false;
    }
    element.vr = "SQ";
    element.items.push_back(ToDataSet(value));
    return true;
  }
  std::optional<std::string> text = Scalar(value);
  if (!text || element.vr == "SQ" || element.vr == "OB") {
    return value.is_null();
  }
  element.values.push_back(*std::move(text));
  return true;
}

std::optional<DataElement> ToElement(Tag tag, const json& attribute) {
  DataElement element;
  element.vr = VrOf(tag);
  if (attribute.is_null()) {
    return element;
  }
  if (!attribute.is_object()) {
    FailDataSet(StrCat("attribute ", TagHex(tag), " is not an object"));
  }
  if (attribute.contains("BulkDataURI")) {
    return std::nullopt;
  }
  const auto vr = attribute.find("vr");
  if (vr != attribute.end() && vr->is_string() && IsVr(vr->get_ref<const std::string&>()) && *vr != "UN") {
    element.vr = vr->get<std::string>();
  }
  if (const auto binary = attribute.find("InlineBinary"); binary != attribute.end()) {
    std::optional<std::string> bytes = DecodeBase64(Scalar(*binary).value_or("!"));
    if (!bytes) {
      return std::nullopt;
    }
    if (vr != attribute.end() && *vr == "UN") {
      element.vr = "UN";  // as nobody knows how it was encoded
    }
    element.vr = element.vr == "SQ" ? "UN" : element.vr;
    element.bytes = *std::move(bytes);
    return element;
  }
  const auto values = attribute.find("Value");
  if (values == attribute.end()) {
    return element;
  }
  if (!values->is_array()) {
    return AddValue(*values, element) ? std::optional(std::move(element)) : std::nullopt;
  }
  for (const json& value : *values) {
    if (!AddValue(value, element)) {
      return std::nullopt;
    }
  }
  if (!element.items.empty() && !element.values.empty()) {
    return std::nullopt;
  }
  return element;
}

DataSet ToDataSet(const json& object) {
  DataSet data_set;
  bool other_members = false;
  bool tags = false;
  for (const auto& [name, attribute] : object.items()) {
    const std::optional<Tag> tag = ParseTagHex(name);
    if (!tag) {
      other_members = true;
      continue;
    }
    tags = true;
    if (std::optional<DataElement> element = ToElement(*tag, attribute)) {
      data_set.insert_or_assign(*tag, *std::move(element));
    }
  }
  if (other_members && !tags) {
    FailDataSet("an object without DICOM attributes");
  }
  return data_set;
}

// --- Writing ---

bool IsNumber(std::string_view vr) {
  constexpr std::array<std::string_view, 9> kNumbers = {"DS", "FD", "FL", "IS", "SL", "SS", "UL", "US", "SV"};
  return std::find(kNumbers.begin(), kNumbers.end(), vr) != kNumbers.end() || vr == "UV";
}

// As PS3.18 §F.2.2 wants it, if it can be so without changing it.
json ToValue(std::string_view vr, const std::string& text) {
  if (text.empty()) {
    return nullptr;
  }
  if (vr == "PN") {
    json name = json::object();
    const std::vector<std::string_view> groups = Split(text, '=');
    for (size_t i = 0; i < std::min(groups.size(), kNameGroups.size()); ++i) {
      if (!groups[i].empty()) {
        name[kNameGroups[i]] = groups[i];
      }
    }
    return name;
  }
  const std::string trimmed(Trim(text));
  if (IsNumber(vr)) {
    json number = json::parse(trimmed, nullptr, false);
    return number.is_number() ? number : json(text);
  }
  return text;
}

json ToJson(const DataSet& data_set) {
  json object = json::object();
  for (const auto& [tag, element] : data_set) {
    json& attribute = object[TagHex(tag)];
    attribute["vr"] = element.vr;
    if (!element.bytes.empty()) {
      attribute["InlineBinary"] = EncodeBase64(element.bytes);
    }
    for (const std::string& value : element.values) {
      attribute["Value"].push_back(ToValue(element.vr, value));
    }
    for (const DataSet& item : element.items) {
      attribute["Value"].push_back(ToJson(item));
    }
  }
  return object;
}

}  // namespace

void ParseDataSets(std::string_view text, const std::function<void(DataSet)>& each) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.starts_with(kByteOrderMark)) {
    text.remove_prefix(kByteOrderMark.size());
  }
  text = Trim(text);
  if (text.empty()) {
    return;
  }
  if (text.front() != '[' && text.front() != '{') {
    FailDataSet("it is not an array of data sets");
  }
  const bool in_array = text.front() == '[';
  // Each data set of the array is taken out as soon as it is read.
  const auto take = [&](int depth, json::parse_event_t event, json& parsed) {
    if (depth > kMaxJsonDepth) {
      FailDataSet("it is nested too deep");
    }
    if (!in_array || depth != 1) {
      return true;
    }
    if (event == json::parse_event_t::object_end) {
      each(ToDataSet(parsed));
      return false;
    }
    if (event == json::parse_event_t::array_start || event == json::parse_event_t::value) {
      FailDataSet("something else stands where a data set should");
    }
    return true;
  };
  const json document = json::parse(text.begin(), text.end(), take, false);
  if (document.is_discarded()) {  // no excerpt: it would show patient data
    FailDataSet("it is malformed or cut off");
  }
  if (!in_array) {
    each(ToDataSet(document));
  }
}

std::string WriteDicomJson(const DataSet& data_set) {
  return ToJson(data_set).dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace trolley
