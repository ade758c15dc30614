#include "http/auth/auth_text.h"

#include <algorithm>

#include "base/base64.h"
#include "base/text.h"
#include "trolley/error.h"

namespace trolley::internal {

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
