#include <utility>

#include "http/auth/auth_text.h"
#include "http/auth/lines_authenticator.h"
#include "trolley/authenticator.h"

namespace trolley {

std::unique_ptr<Authenticator> BasicAuthentication(std::string user, SecretSource password) {
  return internal::LineFromSecret(std::move(password), [user = std::move(user)](const std::string& secret) {
    return internal::BasicHeader(user, secret);
  });
}

}  // namespace trolley
