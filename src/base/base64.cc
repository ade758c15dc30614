#include "base/base64.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace trolley {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

std::string EncodeBase64(std::string_view bytes) {
  std::string out;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    for (size_t j = 0; j < 3; ++j) {
      group = group << 8 | (i + j < bytes.size() ? static_cast<unsigned char>(bytes[i + j]) : 0U);
    }
    const size_t digits = std::min<size_t>(bytes.size() - i, 3) + 1;
    for (size_t j = 0; j < 4; ++j) {
      out.push_back(j < digits ? kAlphabet[group >> (18 - 6 * j) & 63U] : '=');
    }
  }
  return out;
}

std::optional<std::string> DecodeBase64(std::string_view text) {
  std::string out;
  out.reserve(text.size() / 4 * 3 + 3);
  uint32_t group = 0;
  size_t digits = 0;
  bool padded = false;
  for (const char c : text) {
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
      continue;
    }
    const size_t value = kAlphabet.find(c);
    if (c == '=') {
      padded = true;
      continue;
    }
    if (padded || value == std::string_view::npos) {
      return std::nullopt;
    }
    group = group << 6 | static_cast<uint32_t>(value);
    if (++digits % 4 == 0) {
      out.push_back(static_cast<char>(group >> 16 & 255U));
      out.push_back(static_cast<char>(group >> 8 & 255U));
      out.push_back(static_cast<char>(group & 255U));
    }
  }
  switch (digits % 4) {
    case 1:
      return std::nullopt;
    case 2:
      out.push_back(static_cast<char>(group >> 4 & 255U));
      break;
    case 3:
      out.push_back(static_cast<char>(group >> 10 & 255U));
      out.push_back(static_cast<char>(group >> 2 & 255U));
      break;
    default:
      break;
  }
  return out;
}

}  // namespace trolley
