#include "dicom/native_xml.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <pugixml.hpp>
#include <string>
#include <utility>

#include "base/base64.h"
#include "base/text.h"
#include "trolley/error.h"

namespace trolley {
namespace {

constexpr int kMaxXmlDepth = 64;

[[noreturn]] void FailXml(std::string_view reason) {
  throw Error(ErrorCode::kProtocol, StrCat("Cannot read the Native DICOM Model: ", reason));
}

// Servers do and do not use a namespace prefix.
std::string_view LocalName(const pugi::xml_node& node) {
  const std::string_view name = node.name();
  const size_t colon = name.find(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

pugi::xml_node Child(const pugi::xml_node& node, std::string_view name) {
  for (const pugi::xml_node& child : node.children()) {
    if (LocalName(child) == name) {
      return child;
    }
  }
  return {};
}

// The position that `number="3"` gives to a value or an item; the next one where it is missing or absurd.
size_t Position(const pugi::xml_node& node, size_t next) {
  constexpr uint64_t kMaxGap = 1000;
  const std::optional<uint64_t> number = ParseUint(node.attribute("number").value());
  return number && *number > next && *number <= next + kMaxGap ? static_cast<size_t>(*number) - 1 : next;
}

std::string Group(const pugi::xml_node& group) {
  constexpr std::array<const char*, 5> kComponents = {"FamilyName", "GivenName", "MiddleName", "NamePrefix",
                                                      "NameSuffix"};
  std::vector<std::string> components;
  for (const char* component : kComponents) {
    components.emplace_back(Child(group, component).text().get());
  }
  std::string name = Join(components, "^");
  name.erase(name.find_last_not_of('^') + 1);
  return name;
}

std::string Name(const pugi::xml_node& person) {
  std::string name = StrCat(Group(Child(person, "Alphabetic")), "=", Group(Child(person, "Ideographic")), "=",
                            Group(Child(person, "Phonetic")));
  name.erase(name.find_last_not_of('=') + 1);
  return name;
}

DataSet ToDataSet(const pugi::xml_node& parent, int depth);

// nullopt: its value is elsewhere, or makes no sense.
std::optional<DataElement> ToElement(Tag tag, const pugi::xml_node& attribute, int depth) {
  DataElement element;
  element.vr = attribute.attribute("vr").value();
  if (element.vr.size() != 2 ||
      !std::all_of(element.vr.begin(), element.vr.end(), [](char c) { return c >= 'A' && c <= 'Z'; })) {
    element.vr = VrOf(tag);
  }
  for (const pugi::xml_node& child : attribute.children()) {
    const std::string_view name = LocalName(child);
    if (name == "Value") {
      element.values.resize(std::max(element.values.size(), Position(child, element.values.size())));
      element.values.emplace_back(child.text().get());
    } else if (name == "PersonName") {
      element.values.resize(std::max(element.values.size(), Position(child, element.values.size())));
      element.values.push_back(Name(child));
    } else if (name == "Item") {
      element.vr = "SQ";
      element.items.push_back(ToDataSet(child, depth + 1));
    } else if (name == "InlineBinary") {
      std::optional<std::string> bytes = DecodeBase64(child.text().get());
      if (!bytes || element.vr == "SQ") {
        return std::nullopt;
      }
      element.bytes = *std::move(bytes);
    } else if (name == "BulkData") {
      return std::nullopt;
    }
  }
  const int kinds =
      (element.values.empty() ? 0 : 1) + (element.bytes.empty() ? 0 : 1) + (element.items.empty() ? 0 : 1);
  const bool text_in_binary = element.vr == "OB" && !element.values.empty();
  return kinds > 1 || text_in_binary ? std::nullopt : std::optional(std::move(element));
}

// Private attributes may come without their block: then the private creator says which it is (PS3.19 §A.1.6).
Tag InBlock(Tag tag, const std::string& creator, DataSet& data_set) {
  if (tag.group() % 2 == 0 || tag.element() > 0xFF || creator.empty()) {
    return tag;
  }
  for (uint32_t block = 0x10; block <= 0xFF; ++block) {
    const Tag creator_tag{static_cast<uint32_t>(tag.group()) << 16 | block};
    const auto [at, is_new] = data_set.try_emplace(creator_tag, DataElement{"LO", {creator}, {}, {}});
    if (is_new || (at->second.values.size() == 1 && Trim(at->second.values.front()) == creator)) {
      return Tag{tag.value | block << 8};
    }
  }
  return tag;
}

DataSet ToDataSet(const pugi::xml_node& parent, int depth) {
  if (depth > kMaxXmlDepth) {
    FailXml("it is nested too deep");
  }
  DataSet data_set;
  for (const pugi::xml_node& attribute : parent.children()) {
    if (LocalName(attribute) != "DicomAttribute") {
      continue;
    }
    const std::optional<Tag> tag = ParseTagHex(attribute.attribute("tag").value());
    if (!tag) {
      FailXml("an attribute has no tag");
    }
    const std::string creator(Trim(attribute.attribute("privateCreator").value()));
    if (std::optional<DataElement> element = ToElement(*tag, attribute, depth)) {
      data_set.insert_or_assign(InBlock(*tag, creator, data_set), *std::move(element));
    }
  }
  return data_set;
}

}  // namespace

DataSet ParseNativeXml(std::string_view xml) {
  pugi::xml_document document;
  // White space is part of a value.
  const pugi::xml_parse_result result =
      document.load_buffer(xml.data(), xml.size(), pugi::parse_default | pugi::parse_ws_pcdata_single);
  if (!result) {  // no excerpt: it would show patient data
    FailXml(StrCat("it is malformed or cut off at byte ", static_cast<int64_t>(result.offset)));
  }
  const pugi::xml_node model = document.document_element();
  if (LocalName(model) != "NativeDicomModel") {
    FailXml("it is another kind of document");
  }
  return ToDataSet(model, 0);
}

}  // namespace trolley
