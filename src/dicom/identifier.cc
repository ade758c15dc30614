#include "dicom/identifier.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstdint>
#include <optional>

#include "base/text.h"
#include "dicom/charset.h"
#include "dicom/element_text.h"
#include "dicom/encoding.h"
#include "dicom/row_builder.h"
#include "trolley/error.h"

namespace trolley {
namespace {

constexpr size_t kMaxIdentifierValue = 64 * 1024;

// --- Writing ---

template <typename Number>
std::optional<Number> ParseNumber(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(number) : std::nullopt;
}

template <typename Number>
bool AppendExactInteger(std::string& out, std::string_view text) {
  const std::optional<Number> number = ParseNumber<Number>(text);
  if (number) {
    AppendLittleEndian(out, static_cast<uint64_t>(*number), sizeof(Number));
  }
  return number.has_value();
}

// False when the text is no such number.
bool AppendBinary(std::string& out, std::string_view vr, std::string_view text) {
  if (vr == "US") {
    return AppendExactInteger<uint16_t>(out, text);
  }
  if (vr == "SS") {
    return AppendExactInteger<int16_t>(out, text);
  }
  if (vr == "UL") {
    return AppendExactInteger<uint32_t>(out, text);
  }
  if (vr == "SL") {
    return AppendExactInteger<int32_t>(out, text);
  }
  if (vr == "FL") {
    const auto number = ParseNumber<float>(text);
    AppendLittleEndian(out, std::bit_cast<uint32_t>(number.value_or(0)), 4);
    return number.has_value();
  }
  if (vr == "FD") {
    const auto number = ParseNumber<double>(text);
    AppendLittleEndian(out, std::bit_cast<uint64_t>(number.value_or(0)), 8);
    return number.has_value();
  }
  return false;
}

bool IsText(std::string_view vr) {
  constexpr std::array<std::string_view, 16> kTexts = {"AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO",
                                                       "LT", "PN", "SH", "ST", "TM", "UI", "UR", "UT"};
  return vr == "UC" || std::find(kTexts.begin(), kTexts.end(), vr) != kTexts.end();
}

std::string EncodeValue(Tag tag, std::string_view vr, const std::string& value, std::string_view charset) {
  const auto fail = [&](std::string_view why) {
    return Error(ErrorCode::kUnsupported, StrCat("Cannot search by ", TagName(tag), ": ", why));
  };
  std::string bytes;
  if (value.empty()) {
    return bytes;
  }
  if (IsText(vr)) {
    std::optional<std::string> encoded = IsAscii(value) ? value : EncodeText(value, charset);
    if (!encoded) {
      throw fail(StrCat("the value cannot be written in the character set ", charset, " of queries"));
    }
    bytes = *std::move(encoded);
    if (bytes.size() % 2 != 0) {
      bytes.push_back(vr == "UI" ? '\0' : ' ');
    }
    return bytes;
  }
  for (const std::string_view one : Split(value, '\\')) {
    if (!AppendBinary(bytes, vr, Trim(one))) {
      throw fail(StrCat("a C-FIND cannot match this value of type ", vr));
    }
  }
  return bytes;
}

void AppendElement(std::string& out, Tag tag, std::string_view vr, std::string_view value, bool explicit_vr) {
  AppendLittleEndian(out, tag.group(), 2);
  AppendLittleEndian(out, tag.element(), 2);
  if (!explicit_vr) {
    AppendLittleEndian(out, value.size(), 4);
  } else if (HasLongLength(vr)) {
    out.append(vr).append(2, '\0');
    AppendLittleEndian(out, value.size(), 4);
  } else if (value.size() <= 0xFFFE) {
    out.append(vr);
    AppendLittleEndian(out, value.size(), 2);
  } else {
    throw Error(ErrorCode::kUnsupported, StrCat("Cannot search by ", TagName(tag), ": the value is too long"));
  }
  out.append(value);
}

// --- Reading ---

[[noreturn]] void Malformed() {
  throw Error(ErrorCode::kProtocol, "Cannot read the response of the archive: it is not a DICOM data set");
}

struct IdentifierElement {
  Tag tag;
  std::string_view vr;
  uint32_t length;
};

class IdentifierReader {
 public:
  IdentifierReader(std::string_view bytes, bool explicit_vr) : rest_(bytes), explicit_vr_(explicit_vr) {}

  bool empty() const { return rest_.empty(); }

  IdentifierElement Next() {
    IdentifierElement element{Tag{static_cast<uint32_t>(TakeNumber(2) << 16)}, {}, 0};
    element.tag.value |= TakeNumber(2);
    if (explicit_vr_ && element.tag.group() != kDelimiterGroup) {
      element.vr = Take(2);
      if (!HasLongLength(element.vr)) {
        element.length = TakeNumber(2);
        return element;
      }
      Take(2);
    } else if (element.tag.group() != kDelimiterGroup) {
      element.vr = VrOf(element.tag);
    }
    element.length = TakeNumber(4);
    return element;
  }

  std::string_view Take(size_t count) {
    if (count > rest_.size()) {
      Malformed();
    }
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }

  // Nested items and sequences of undefined length are counted, not descended into.
  void SkipUndefined(std::string_view vr) {
    const bool outer = explicit_vr_;
    explicit_vr_ = explicit_vr_ && vr != "UN";  // PS3.5 §6.2.2, note 6
    for (size_t depth = 1; depth > 0;) {
      const IdentifierElement element = Next();
      if (element.tag.value == kItemEnd || element.tag.value == kSequenceEnd) {
        --depth;
      } else if (element.length == kUndefinedLength) {
        ++depth;
      } else {
        Take(element.length);
      }
    }
    explicit_vr_ = outer;
  }

 private:
  uint32_t TakeNumber(size_t bytes) {
    uint32_t value = 0;
    size_t shift = 0;
    for (const char c : Take(bytes)) {
      value |= static_cast<uint32_t>(static_cast<unsigned char>(c)) << shift;
      shift += 8;
    }
    return value;
  }

  std::string_view rest_;
  bool explicit_vr_;
};

}  // namespace

std::string EncodeIdentifier(const std::map<Tag, std::string>& values, bool explicit_vr,
                             std::string_view specific_character_set) {
  const bool ascii = std::all_of(values.begin(), values.end(), [](const auto& entry) { return IsAscii(entry.second); });
  std::map<Tag, std::string> all = values;
  // Some archives name theirs only when asked for it.
  all[tag::kSpecificCharacterSet] = ascii ? std::string() : std::string(specific_character_set);
  std::string out;
  for (const auto& [tag, value] : all) {
    const std::string_view vr = VrOf(tag);
    AppendElement(out, tag, vr, EncodeValue(tag, vr, value, specific_character_set), explicit_vr);
  }
  return out;
}

Attributes DecodeIdentifier(std::string_view bytes, bool explicit_vr, std::string_view fallback_character_set) {
  IdentifierReader reader(bytes, explicit_vr);
  RowBuilder row;
  std::string charset;
  while (!reader.empty()) {
    const IdentifierElement element = reader.Next();
    if (element.length == kUndefinedLength) {
      reader.SkipUndefined(element.vr);
      continue;
    }
    const std::string_view value = reader.Take(element.length);
    const std::string_view vr = element.vr == "UN" ? VrOf(element.tag) : element.vr;
    if (element.tag.group() % 2 == 1 || element.tag.element() == 0 || value.size() > kMaxIdentifierValue ||
        !HasText(vr)) {
      continue;
    }
    const std::optional<std::string> text = ElementText(element.tag, vr, value, false, charset, fallback_character_set);
    if (!text) {
      continue;
    }
    if (element.tag == tag::kSpecificCharacterSet) {
      charset = *text;
    }
    row.Add(element.tag, *text);
  }
  return row.Take();
}

}  // namespace trolley
