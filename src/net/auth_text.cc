#include "net/auth_text.h"

#include <algorithm>
#include <cstdint>

#include "base/error.h"
#include "base/text.h"

namespace trolley::internal {

std::string EncodeBase64(std::string_view bytes) {
  static constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
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

bool HasControl(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == '\x7f'; });
}

void CheckHeaderValue(std::string_view value, std::string_view what) {
  if (HasControl(value)) {
    throw Error(ErrorCode::kInvalidArgument, StrCat("Cannot use ", what, ": it has line breaks or control characters"));
  }
}

std::string BasicHeader(const std::string& user, const std::string& password) {
  if (HasControl(user) || user.find(':') != std::string::npos) {
    throw Error(ErrorCode::kInvalidArgument,
                "Cannot use the user name for basic authentication: it has a colon or control characters");
  }
  CheckHeaderValue(password, "the password for basic authentication");
  return StrCat("Authorization: Basic ", EncodeBase64(StrCat(user, ":", password)));
}

std::string BearerHeader(const std::string& token) {
  if (token.empty() || HasControl(token) || token.find(' ') != std::string::npos) {
    throw Error(ErrorCode::kInvalidArgument,
                "Cannot use the bearer token: it is empty or has blanks, line breaks or control characters");
  }
  return StrCat("Authorization: Bearer ", token);
}

}  // namespace trolley::internal
