#include "dicom/part10_writer.h"

#include <array>
#include <bit>
#include <charconv>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>

#include "base/text.h"
#include "dicom/encoding.h"
#include "dicom/file_meta.h"
#include "dicom/file_meta_writer.h"
#include "trolley/error.h"
#include "trolley/log.h"

namespace trolley {
namespace {

constexpr size_t kMaxShortLength = 0xFFFE;  // of a value whose length has 16 bits

// Of one value only, in which a backslash is text.
bool IsSingleText(std::string_view vr) {
  return IsOneOf(vr, {"LT", "ST", "UR", "UT"});
}

// Pixels, and what makes no sense without them.
bool IsPixelData(Tag tag) {
  return tag.group() == 0x7FE0 || tag.value == 0x00280000;
}

void AppendTag(std::string& out, Tag tag) {
  AppendLittleEndian(out, tag.group(), 2);
  AppendLittleEndian(out, tag.element(), 2);
}

template <typename Number>
std::optional<Number> Parse(std::string_view text) {
  text = Trim(text);
  if (text.starts_with('+')) {
    text.remove_prefix(1);
  }
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size()) {
    return number;
  }
  return std::nullopt;
}

// Integers may be written as "5.0".
template <typename Number>
bool AppendInteger(std::string& out, std::string_view text) {
  std::optional<Number> number = Parse<Number>(text);
  if (!number) {
    const std::optional<double> real = Parse<double>(text);
    // Exactly representable, so the cast below is defined.
    if (!real || *real < static_cast<double>(std::numeric_limits<Number>::min()) ||
        *real >= static_cast<double>(std::numeric_limits<Number>::max()) ||
        static_cast<double>(static_cast<Number>(*real)) != *real) {
      return false;
    }
    number = static_cast<Number>(*real);
  }
  AppendLittleEndian(out, static_cast<uint64_t>(*number), sizeof(Number));
  return true;
}

bool AppendNumber(std::string& out, std::string_view vr, std::string_view text) {
  if (vr == "US") {
    return AppendInteger<uint16_t>(out, text);
  }
  if (vr == "SS") {
    return AppendInteger<int16_t>(out, text);
  }
  if (vr == "UL" || vr == "OL") {
    return AppendInteger<uint32_t>(out, text);
  }
  if (vr == "SL") {
    return AppendInteger<int32_t>(out, text);
  }
  if (vr == "UV" || vr == "OV") {
    return AppendInteger<uint64_t>(out, text);
  }
  if (vr == "SV") {
    return AppendInteger<int64_t>(out, text);
  }
  if (vr == "OW") {
    return AppendInteger<uint16_t>(out, text);
  }
  if (vr == "FL" || vr == "OF") {
    const std::optional<float> number = Parse<float>(text);
    AppendLittleEndian(out, number ? std::bit_cast<uint32_t>(*number) : 0, 4);
    return number.has_value();
  }
  if (vr == "FD" || vr == "OD") {
    const std::optional<double> number = Parse<double>(text);
    AppendLittleEndian(out, number ? std::bit_cast<uint64_t>(*number) : 0, 8);
    return number.has_value();
  }
  const std::optional<Tag> tag = ParseTagHex(text);  // AT
  AppendTag(out, tag.value_or(Tag{}));
  return tag.has_value();
}

bool IsBinary(std::string_view vr) {
  return IsOneOf(vr, {"AT", "FD", "FL", "OD", "OF", "OL", "OV", "OW", "SL", "SS", "SV", "UL", "US", "UV"});
}

// As the standard wants numbers in texts, at most 16 characters. Servers that take them for doubles send more.
std::string DecimalString(std::string_view text) {
  if (text.size() <= 16) {
    return std::string(text);
  }
  const std::optional<double> number = Parse<double>(text);
  for (int precision = 15; number && precision > 5; --precision) {
    char shorter[32];
    const auto end = std::to_chars(shorter, shorter + sizeof shorter, *number, std::chars_format::general, precision);
    if (end.ptr - shorter <= 16) {
      return {shorter, end.ptr};
    }
  }
  return std::string(text);
}

// The value's bytes without padding; nullopt when they cannot be written.
std::optional<std::string> ValueBytes(const DataElement& element) {
  if (!element.bytes.empty()) {
    return element.bytes;
  }
  std::string out;
  for (size_t i = 0; i < element.values.size(); ++i) {
    const std::string& value = element.values[i];
    if (IsBinary(element.vr)) {
      if (!AppendNumber(out, element.vr, value)) {
        return std::nullopt;
      }
      continue;
    }
    if (i > 0) {
      out.push_back(IsSingleText(element.vr) ? '\n' : '\\');
    }
    out += element.vr == "DS" ? DecimalString(Trim(value)) : value;
  }
  return out;
}

char Padding(const DataElement& element) {
  return element.vr == "UI" || element.vr.front() == 'O' || element.vr == "UN" ? '\0' : ' ';
}

void AppendDataSet(std::string& out, const DataSet& data_set, bool top);

void AppendElement(std::string& out, Tag tag, const std::string& vr, std::string_view value, char padding) {
  const size_t length = value.size() + value.size() % 2;
  // A text too long for its representation: PS3.5 §6.2.2 note on UN.
  const bool fits = HasLongLength(vr) || length <= kMaxShortLength;
  AppendTag(out, tag);
  out += fits ? vr : "UN";
  if (!fits || HasLongLength(vr)) {
    AppendLittleEndian(out, 0, 2);
    AppendLittleEndian(out, length, 4);
  } else {
    AppendLittleEndian(out, length, 2);
  }
  out += value;
  if (value.size() % 2 == 1) {
    out.push_back(padding);
  }
}

void AppendSequence(std::string& out, Tag tag, const std::vector<DataSet>& items) {
  std::string all;
  for (const DataSet& item : items) {
    std::string bytes;
    AppendDataSet(bytes, item, false);
    AppendTag(all, Tag{kItem});
    AppendLittleEndian(all, bytes.size(), 4);
    all += bytes;
  }
  AppendElement(out, tag, "SQ", all, '\0');
}

void AppendDataSet(std::string& out, const DataSet& data_set, bool top) {
  DataElement utf8{"CS", {"ISO_IR 192"}, {}, {}};
  bool charset_due = top;
  const auto put_charset = [&] {
    if (charset_due) {
      AppendElement(out, tag::kSpecificCharacterSet, utf8.vr, utf8.values.front(), ' ');
    }
    charset_due = false;
  };
  for (const auto& [tag, element] : data_set) {
    if (tag >= tag::kSpecificCharacterSet) {
      put_charset();
    }
    const bool of_the_file = tag.group() <= 0x0002 || tag.group() == 0xFFFE || tag.element() == 0;
    if (tag == tag::kSpecificCharacterSet || of_the_file || IsPixelData(tag) || element.vr.size() != 2) {
      continue;
    }
    if (element.vr == "SQ") {
      AppendSequence(out, tag, element.items);
    } else if (const std::optional<std::string> value = ValueBytes(element)) {
      AppendElement(out, tag, element.vr, *value, Padding(element));
    } else {
      LogDebug(StrCat("Left out ", TagName(tag), ": its value is none of representation ", element.vr));
    }
  }
  put_charset();
}

}  // namespace

std::string WritePart10(const DataSet& data_set) {
  const std::optional<Uid> uid = Uid::Parse(FirstValue(data_set, tag::kSOPInstanceUID));
  if (!uid) {
    throw Error(ErrorCode::kProtocol, "Cannot write a DICOM file: the data set has no valid SOPInstanceUID");
  }
  const std::optional<Uid> sop_class = Uid::Parse(FirstValue(data_set, tag::kSOPClassUID));
  const auto prefix = Part10Prefix({*uid, sop_class ? sop_class->str() : "", std::string(kExplicitLittleEndian)});
  std::string out(reinterpret_cast<const char*>(prefix.data()), prefix.size());
  AppendDataSet(out, data_set, true);
  return out;
}

}  // namespace trolley
