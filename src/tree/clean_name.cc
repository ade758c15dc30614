// The part of names.h that decides which characters a file name may have: CleanName.
#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "tree/names.h"

namespace trolley {
namespace {

constexpr char32_t kInvalid = 0xFFFD;

// The next character of `text` (not empty) and its length in bytes; a byte that is not UTF-8 is kInvalid.
std::pair<char32_t, size_t> Decode(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) {
    return {lead, 1};
  }
  const size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) {
    return {kInvalid, 1};
  }
  char32_t character = lead & (0x7Fu >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0u) != 0x80) {
      return {kInvalid, 1};
    }
    character = (character << 6) | (byte(i) & 0x3Fu);
  }
  const bool overlong = (length == 3 && character < 0x800) || (length == 4 && character < 0x10000);
  const bool surrogate = character >= 0xD800 && character <= 0xDFFF;
  if (overlong || surrogate || character > 0x10FFFF) {
    return {kInvalid, 1};
  }
  return {character, length};
}

using Ranges = std::pair<char32_t, char32_t>;

template <size_t N>
bool IsIn(const std::array<Ranges, N>& ranges, char32_t c) {
  return std::any_of(ranges.begin(), ranges.end(), [c](const Ranges& r) { return c >= r.first && c <= r.second; });
}

// Unicode's White_Space, with the line and paragraph separators.
constexpr std::array<Ranges, 10> kBlanks = {{{0x09, 0x0D},
                                             {0x20, 0x20},
                                             {0x85, 0x85},
                                             {0xA0, 0xA0},
                                             {0x1680, 0x1680},
                                             {0x2000, 0x200A},
                                             {0x2028, 0x2029},
                                             {0x202F, 0x202F},
                                             {0x205F, 0x205F},
                                             {0x3000, 0x3000}}};

// Controls, and what Unicode calls Default_Ignorable_Code_Point (bidi controls, zero width, variation selectors, tags),
// interlinear annotation, noncharacters: two names that look the same must not differ in these.
constexpr std::array<Ranges, 21> kInvisible = {
    {{0x00, 0x08},     {0x0E, 0x1F},     {0x7F, 0x84},      {0x86, 0x9F},     {0xAD, 0xAD},     {0x034F, 0x034F},
     {0x061C, 0x061C}, {0x115F, 0x1160}, {0x17B4, 0x17B5},  {0x180B, 0x180F}, {0x200B, 0x200F}, {0x202A, 0x202E},
     {0x2060, 0x206F}, {0x3164, 0x3164}, {0xFDD0, 0xFDEF},  {0xFE00, 0xFE0F}, {0xFEFF, 0xFEFF}, {0xFFA0, 0xFFA0},
     {0xFFF0, 0xFFFB}, {0xFFFE, 0xFFFF}, {0x1BCA0, 0x1BCA3}}};

bool IsInvisible(char32_t c) {
  return IsIn(kInvisible, c) || (c >= 0x1D173 && c <= 0x1D17A) || (c >= 0xE0000 && c <= 0xE0FFF) ||
         (c & 0xFFFE) == 0xFFFE;
}

// "/" ends a name, "=" would make criteria of it; the others cannot be copied to Windows and SMB shares.
constexpr std::u32string_view kForbidden = U"/\\:*?\"<>|=";

}  // namespace

std::string CleanName(std::string_view text) {
  // More than a name can hold is never needed, however long the archive's value is.
  constexpr size_t kMaxBytes = 1024;
  std::string name;
  bool blank = false;
  while (!text.empty() && name.size() < kMaxBytes) {
    const auto [character, length] = Decode(text);
    const std::string_view bytes = text.substr(0, length);
    text.remove_prefix(length);
    if (IsIn(kBlanks, character)) {
      blank = true;
      continue;
    }
    if (IsInvisible(character)) {
      continue;
    }
    // A leading "." hides a file, a leading "-" reads as an option, a leading "~" as a home directory.
    if (name.empty() && (character == '.' || character == '-' || character == '~')) {
      continue;
    }
    if (blank && !name.empty()) {
      name.push_back(' ');
    }
    blank = false;
    if (character == kInvalid || kForbidden.find(character) != std::u32string_view::npos) {
      name.push_back('_');
    } else {
      name.append(bytes);
    }
  }
  // Windows takes trailing dots and blanks off.
  while (name.ends_with('.') || name.ends_with(' ')) {
    name.pop_back();
  }
  return name;
}

}  // namespace trolley
