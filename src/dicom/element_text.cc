#include "dicom/element_text.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstdint>

#include "base/text.h"
#include "dicom/charset.h"

namespace trolley {
namespace {

constexpr size_t kMaxNumbers = 64;  // pixel spacings and the like; more is a table

template <size_t n>
bool IsIn(std::string_view vr, const std::string_view (&list)[n]) {
  return std::find(std::begin(list), std::end(list), vr) != std::end(list);
}

constexpr std::string_view kSingleTexts[] = {"LT", "ST", "UR", "UT"};  // "\" is a character
constexpr std::string_view kCodeTexts[] = {"AE", "AS", "CS", "DA", "DS", "DT", "IS", "TM", "UI"};
constexpr std::string_view kCharsetTexts[] = {"LO", "PN", "SH", "UC", "LT", "ST", "UT"};

size_t NumberSize(std::string_view vr) {
  if (vr == "US" || vr == "SS") {
    return 2;
  }
  if (vr == "UL" || vr == "SL" || vr == "FL" || vr == "AT") {
    return 4;
  }
  return vr == "FD" || vr == "SV" || vr == "UV" ? 8 : 0;
}

uint64_t Unsigned(std::string_view bytes, bool big_endian) {
  uint64_t value = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    value = value << 8 | static_cast<unsigned char>(bytes[big_endian ? i : bytes.size() - 1 - i]);
  }
  return value;
}

template <typename Number>
void AppendDigits(std::string& out, Number number) {
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  out.append(digits, end);
}

void AppendNumber(std::string& out, std::string_view vr, std::string_view bytes, bool big_endian) {
  if (vr == "AT") {  // two 16-bit numbers, each in the data set's byte order
    const uint64_t group = Unsigned(bytes.substr(0, 2), big_endian);
    out += TagHex(Tag{static_cast<uint32_t>(group << 16 | Unsigned(bytes.substr(2), big_endian))});
    return;
  }
  const uint64_t value = Unsigned(bytes, big_endian);
  if (vr == "FL") {
    AppendDigits(out, std::bit_cast<float>(static_cast<uint32_t>(value)));
  } else if (vr == "FD") {
    AppendDigits(out, std::bit_cast<double>(value));
  } else if (vr == "SS") {
    AppendDigits(out, static_cast<int16_t>(value));
  } else if (vr == "SL") {
    AppendDigits(out, static_cast<int32_t>(value));
  } else if (vr == "SV") {
    AppendDigits(out, static_cast<int64_t>(value));
  } else {
    AppendDigits(out, value);
  }
}

std::optional<std::string> Numbers(std::string_view vr, size_t size, std::string_view bytes, bool big_endian) {
  if (bytes.size() % size != 0 || bytes.size() / size > kMaxNumbers) {
    return std::nullopt;
  }
  std::string out;
  for (size_t at = 0; at < bytes.size(); at += size) {
    if (at > 0) {
      out.push_back('\\');
    }
    AppendNumber(out, vr, bytes.substr(at, size), big_endian);
  }
  return out;
}

std::string_view WithoutTrailingPadding(std::string_view text) {
  const size_t last = text.find_last_not_of(std::string_view(" \0", 2));
  return text.substr(0, last == std::string_view::npos ? 0 : last + 1);
}

}  // namespace

bool HasText(std::string_view vr) {
  return IsIn(vr, kCharsetTexts) || IsIn(vr, kCodeTexts) || NumberSize(vr) > 0 || vr == "UR";
}

std::optional<std::string> ElementText(Tag tag, std::string_view vr, std::string_view bytes, bool big_endian,
                                       std::string_view specific_character_set, std::string_view fallback) {
  if (const size_t size = NumberSize(vr); size > 0) {
    return Numbers(vr, size, bytes, big_endian);
  }
  const std::string text = DecodeText(bytes, IsIn(vr, kCharsetTexts) ? specific_character_set : "", tag, fallback);
  if (IsIn(vr, kSingleTexts)) {
    return std::string(WithoutTrailingPadding(text));
  }
  std::string out;
  for (const std::string_view value : Split(text, '\\')) {
    out.append(Trim(value)).push_back('\\');
  }
  out.pop_back();
  return out;
}

}  // namespace trolley
