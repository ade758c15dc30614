#include "dicom/encoding.h"

#include <algorithm>

namespace trolley {

bool IsVr(std::string_view text) {
  return text.size() == 2 && std::all_of(text.begin(), text.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

bool HasLongLength(std::string_view vr) {
  return IsOneOf(vr, {"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"});
}

bool IsOneOf(std::string_view vr, std::initializer_list<std::string_view> vrs) {
  return std::find(vrs.begin(), vrs.end(), vr) != vrs.end();
}

bool IsAscii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

void AppendLittleEndian(std::string& out, uint64_t value, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i) {
    out.push_back(static_cast<char>(value >> (8 * i) & 0xFF));
  }
}

}  // namespace trolley
