#include "dicom/dicom_json.h"

#include <algorithm>
#include <charconv>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/json_stream.h"
#include "base/text.h"
#include "dicom/row_builder.h"
#include "trolley/error.h"

namespace trolley {
namespace {

constexpr size_t kMaxRowDepth = 64;
constexpr size_t kMaxDataSets = 2'000'000;  // "{}," is 3 bytes, what it becomes is many times that
constexpr size_t kMaxExcerpt = 200;

// The beginning of something that need not be UTF-8, for an error message.
std::string Printable(std::string_view text) {
  std::string out(text.substr(0, kMaxExcerpt));
  std::replace_if(
      out.begin(), out.end(), [](char c) { return c < 0x20 || c > 0x7E; }, '?');
  return out;
}

[[noreturn]] void FailJson(std::string_view reason) {
  throw Error(ErrorCode::kProtocol, StrCat("Cannot read DICOM JSON: ", reason));
}

// Where in a response the parser stands.
enum class Where { kOutside, kRows, kDataSet, kAttribute, kValues, kName };

class RowHandler final : public JsonEvents {
 public:
  explicit RowHandler(DicomJsonReader::OnRow each) : each_(std::move(each)) {}

  void OnNull() override { Scalar(std::nullopt); }
  void OnBoolean(bool value) override { Scalar(value ? "true" : "false"); }
  void OnNumber(std::string_view literal) override {
    // An integer's digits are exact, also of one too long for 64 bits.
    if (literal.find_first_not_of("-0123456789") == std::string_view::npos) {
      Scalar(literal == "-0" ? "0" : literal);
      return;
    }
    double value = 0;
    std::from_chars(literal.data(), literal.data() + literal.size(), value);  // stays 0 when it is smaller than any
    char text[64];
    const auto end = std::to_chars(text, text + sizeof text, value).ptr;
    Scalar(std::string_view(text, static_cast<size_t>(end - text)));
  }
  void OnString(std::string_view text) override { Scalar(text); }

  void OnBeginObject() override {
    Descend();
    if (skipping()) {
      return;
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
  }

  void OnEndObject() override {
    if (!Ascend()) {
      return;
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
  }

  void OnBeginArray() override {
    Descend();
    if (skipping()) {
      return;
    }
    switch (where_) {
      case Where::kOutside:
        where_ = Where::kRows;
        in_array_ = true;
        break;
      case Where::kRows:
        FailJson("an array stands where a data set should");
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
  }

  void OnEndArray() override {
    if (Ascend()) {
      where_ = where_ == Where::kValues ? Where::kAttribute : Where::kOutside;
    }
  }

  void OnKey(std::string_view name) override {
    if (skipping()) {
      return;
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
  }

 private:
  bool skipping() const { return skip_depth_ != 0; }
  // Passes over the object or array that has just begun.
  void Skip() { skip_depth_ = depth_; }

  void Descend() {
    if (++depth_ > kMaxRowDepth) {
      FailJson(StrCat("it is nested deeper than ", kMaxRowDepth, " levels"));
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
      FailJson(StrCat("attribute ", TagHex(*tag_), " is not an object"));
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
      FailJson(StrCat("an object without DICOM attributes: ", Printable(excerpt_)));
    }
    if (++rows_ > kMaxDataSets) {
      throw Error(ErrorCode::kTooMany,
                  StrCat("Cannot read DICOM JSON: more than ", kMaxDataSets, " data sets in one response"));
    }
    each_(row_.Take());
    where_ = in_array_ ? Where::kRows : Where::kOutside;
  }

  void BeginName() {
    name_is_in_array_ = where_ == Where::kValues;
    where_ = Where::kName;
    attribute_.BeginName();
  }

  // nullopt: null.
  void Scalar(std::optional<std::string_view> value) {
    if (skipping()) {
      return;
    }
    const std::string_view text = value.value_or("");
    switch (where_) {
      case Where::kOutside:
      case Where::kRows:
        FailJson("it is not an array of data sets");
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
  RowBuilder row_;
  AttributeBuilder attribute_;
  const DicomJsonReader::OnRow each_;
  size_t rows_ = 0;
};

}  // namespace

class DicomJsonReader::Impl {
 public:
  explicit Impl(OnRow each) : handler_(std::move(each)), stream_(handler_) {}

  void Read(std::string_view piece) {
    std::string all;
    if (!begun_ && !beginning_.empty()) {
      all = StrCat(beginning_, piece);
      piece = all;
    }
    if (!begun_ && (piece = Begin(piece)).empty()) {
      return;
    }
    if (is_json_) {
      Parse([&] { stream_.Read(piece); });
    } else if (excerpt_.size() < kMaxExcerpt) {
      excerpt_.append(piece.substr(0, kMaxExcerpt));
    }
  }

  void Finish() {
    if (begun_ && is_json_) {
      Parse([&] { stream_.Finish(); });
    } else if (begun_ || (beginning_ != kByteOrderMark && !Trim(beginning_).empty())) {
      FailJson(StrCat("it begins with: ", Printable(Trim(begun_ ? excerpt_ : beginning_))));
    }
  }

 private:
  static constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

  // What is to be read of all that came so far: nothing while that is white space, or the mark of the byte order.
  std::string_view Begin(std::string_view all) {
    std::string_view text = all;
    if (text.starts_with(kByteOrderMark)) {
      text.remove_prefix(kByteOrderMark.size());
    }
    while (!text.empty() && Trim(text.substr(0, 1)).empty()) {
      text.remove_prefix(1);
    }
    if (text.empty() || kByteOrderMark.starts_with(all)) {
      beginning_ = all.substr(0, kByteOrderMark.size());
      return {};
    }
    begun_ = true;
    is_json_ = text.front() == '[' || text.front() == '{';
    return text;
  }

  template <typename F>
  static void Parse(F&& parse) {
    try {
      parse();
    } catch (const Error& error) {
      // Where it is malformed, and no excerpt: that would show patient data.
      if (error.code() == ErrorCode::kProtocol && !std::string_view(error.what()).starts_with("Cannot ")) {
        FailJson(error.what());
      }
      throw;
    }
  }

  RowHandler handler_;
  JsonStream stream_;
  std::string beginning_;  // of what came, as long as that says nothing
  bool begun_ = false;
  bool is_json_ = false;
  std::string excerpt_;  // of what is not
};

DicomJsonReader::DicomJsonReader(OnRow each) : impl_(std::make_unique<Impl>(std::move(each))) {}
DicomJsonReader::~DicomJsonReader() = default;

void DicomJsonReader::Read(std::string_view piece) {
  impl_->Read(piece);
}

void DicomJsonReader::Finish() {
  impl_->Finish();
}

std::vector<Attributes> ParseDicomJson(std::string_view json) {
  std::vector<Attributes> rows;
  DicomJsonReader reader([&rows](Attributes row) { rows.push_back(std::move(row)); });
  reader.Read(json);
  reader.Finish();
  return rows;
}

}  // namespace trolley
