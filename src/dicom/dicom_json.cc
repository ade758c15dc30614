#include "dicom/dicom_json.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/text.h"
#include "dicom/row_builder.h"

namespace trolley {
namespace {

constexpr size_t kMaxDepth = 64;
constexpr size_t kMaxDataSets = 2'000'000;  // "{}," is 3 bytes, what it becomes is many times that
constexpr size_t kMaxExcerpt = 200;

// The beginning of something that need not be UTF-8, for an error message.
std::string Printable(std::string_view text) {
  std::string out(text.substr(0, kMaxExcerpt));
  std::replace_if(
      out.begin(), out.end(), [](char c) { return c < 0x20 || c > 0x7E; }, '?');
  return out;
}

[[noreturn]] void Fail(std::string_view reason) {
  throw Error(ErrorCode::kProtocol, StrCat("Cannot read DICOM JSON: ", reason));
}

// Where in an answer the parser stands.
enum class Where { kOutside, kRows, kDataSet, kAttribute, kValues, kName };

// nlohmann's SAX interface, whose names these are.
class Handler final : public nlohmann::json_sax<nlohmann::json> {
 public:
  std::vector<Attributes> TakeRows() { return std::move(rows_); }

  bool null() override { return Scalar(std::nullopt); }
  bool boolean(bool value) override { return Scalar(value ? "true" : "false"); }
  bool number_integer(number_integer_t value) override { return Scalar(std::to_string(value)); }
  bool number_unsigned(number_unsigned_t value) override { return Scalar(std::to_string(value)); }
  bool number_float(number_float_t value, const string_t& literal) override {
    // An integer too long for 64 bits arrives here as well: its digits are exact, the double is not.
    if (literal.find_first_not_of("-0123456789") == string_t::npos) {
      return Scalar(literal);
    }
    char text[64];
    const auto end = std::to_chars(text, text + sizeof text, value).ptr;
    return Scalar(std::string_view(text, static_cast<size_t>(end - text)));
  }
  bool string(string_t& value) override { return Scalar(value); }
  bool binary(binary_t&) override { return false; }

  bool start_object(size_t) override {
    Descend();
    if (skipping()) {
      return true;
    }
    switch (where_) {
      case Where::kOutside:
      case Where::kRows:
        BeginDataSet();
        break;
      case Where::kDataSet:
        if (tag_) {
          attribute_.Begin(*tag_);
          where_ = Where::kAttribute;
        } else {
          Skip();
        }
        break;
      case Where::kAttribute:
        if (key_ == "Value") {  // one that is not in an array
          BeginName();
        } else {
          Skip();
        }
        break;
      case Where::kValues:
        BeginName();
        break;
      case Where::kName:
        Skip();
        break;
    }
    return true;
  }

  bool end_object() override {
    if (!Ascend()) {
      return true;
    }
    switch (where_) {
      case Where::kName:
        attribute_.EndName();
        where_ = name_is_in_array_ ? Where::kValues : Where::kAttribute;
        break;
      case Where::kAttribute:
        attribute_.End(row_);
        where_ = Where::kDataSet;
        break;
      default:
        EndDataSet();
    }
    return true;
  }

  bool start_array(size_t) override {
    Descend();
    if (skipping()) {
      return true;
    }
    switch (where_) {
      case Where::kOutside:
        where_ = Where::kRows;
        in_array_ = true;
        break;
      case Where::kRows:
        Fail("an array stands where a data set should");
      case Where::kDataSet:
        RequireNoTag();
        Skip();
        break;
      case Where::kAttribute:
        if (key_ == "Value") {
          where_ = Where::kValues;
        } else {
          Skip();
        }
        break;
      case Where::kValues:
      case Where::kName:
        Skip();
        break;
    }
    return true;
  }

  bool end_array() override {
    if (Ascend()) {
      where_ = where_ == Where::kValues ? Where::kAttribute : Where::kOutside;
    }
    return true;
  }

  bool key(string_t& name) override {
    if (skipping()) {
      return true;
    }
    key_ = name;
    if (where_ == Where::kDataSet) {
      tag_ = ParseTagHex(name);
      (tag_ ? has_tags_ : has_others_) = true;
    } else if (where_ == Where::kAttribute && (name == "InlineBinary" || name == "BulkDataURI")) {
      attribute_.LeaveOut();
    } else if (where_ == Where::kName && !attribute_.SetGroup(name, "")) {
      attribute_.LeaveOut();  // an item of a sequence
    }
    return true;
  }

  bool parse_error(size_t position, const std::string&, const nlohmann::json::exception&) override {
    error_position_ = position;  // the exception's own text quotes the answer: patient data
    return false;
  }
  size_t error_position() const { return error_position_; }

 private:
  bool skipping() const { return skip_depth_ != 0; }
  // Passes over the object or array that has just begun.
  void Skip() { skip_depth_ = depth_; }

  void Descend() {
    if (++depth_ > kMaxDepth) {
      Fail(StrCat("it is nested deeper than ", kMaxDepth, " levels"));
    }
  }
  // Whether what ends now was of interest.
  bool Ascend() {
    const bool skipped = skipping();
    if (skip_depth_ == depth_) {
      skip_depth_ = 0;
    }
    --depth_;
    return !skipped;
  }

  void RequireNoTag() const {
    if (tag_) {
      Fail(StrCat("attribute ", TagHex(*tag_), " is not an object"));
    }
  }

  void BeginDataSet() {
    where_ = Where::kDataSet;
    has_tags_ = false;
    has_others_ = false;
    excerpt_.clear();
  }

  void EndDataSet() {
    if (has_others_ && !has_tags_) {
      Fail(StrCat("an object without DICOM attributes: ", Printable(excerpt_)));
    }
    if (rows_.size() == kMaxDataSets) {
      throw Error(ErrorCode::kTooMany,
                  StrCat("Cannot read DICOM JSON: more than ", kMaxDataSets, " data sets in one answer"));
    }
    rows_.push_back(row_.Take());
    where_ = in_array_ ? Where::kRows : Where::kOutside;
  }

  void BeginName() {
    name_is_in_array_ = where_ == Where::kValues;
    where_ = Where::kName;
    attribute_.BeginName();
  }

  // nullopt: null.
  bool Scalar(std::optional<std::string_view> value) {
    if (skipping()) {
      return true;
    }
    const std::string_view text = value.value_or("");
    switch (where_) {
      case Where::kOutside:
      case Where::kRows:
        Fail("it is not an array of data sets");
      case Where::kDataSet:
        if (!tag_) {
          NoteMember(text);
        } else if (value) {
          RequireNoTag();
        } else {
          row_.Add(*tag_, "");
        }
        break;
      case Where::kAttribute:
        if (key_ == "vr") {
          attribute_.SetVr(text);
        } else if (key_ == "Value" && value) {  // one that is not in an array
          attribute_.AddValue(text);
        }
        break;
      case Where::kValues:
        attribute_.AddValue(text);
        break;
      case Where::kName:
        attribute_.SetGroup(key_, text);
        break;
    }
    return true;
  }

  // Members of what may turn out to be an error object.
  void NoteMember(std::string_view text) {
    if (!has_tags_ && excerpt_.size() < kMaxExcerpt) {
      excerpt_ += StrCat(excerpt_.empty() ? "" : ", ", key_.substr(0, kMaxExcerpt), ": ", text.substr(0, kMaxExcerpt));
    }
  }

  Where where_ = Where::kOutside;
  size_t depth_ = 0;
  size_t skip_depth_ = 0;  // the depth of the outermost object or array passed over; 0: none
  bool in_array_ = false;
  bool name_is_in_array_ = false;
  std::string key_;
  std::optional<Tag> tag_;
  bool has_tags_ = false;
  bool has_others_ = false;
  std::string excerpt_;
  size_t error_position_ = 0;
  RowBuilder row_;
  AttributeBuilder attribute_;
  std::vector<Attributes> rows_;
};

}  // namespace

std::vector<Attributes> ParseDicomJson(std::string_view json) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (json.starts_with(kByteOrderMark)) {
    json.remove_prefix(kByteOrderMark.size());
  }
  const std::string_view text = Trim(json);
  if (text.empty()) {
    return {};
  }
  Handler handler;
  if (!nlohmann::json::sax_parse(text.data(), text.data() + text.size(), &handler)) {
    if (text.front() == '[' || text.front() == '{') {  // no excerpt: it would show patient data
      Fail(StrCat("it is malformed or cut off at byte ", handler.error_position(), " of ", text.size()));
    }
    Fail(StrCat("it begins with: ", Printable(text)));
  }
  return handler.TakeRows();
}

}  // namespace trolley
