#include <utility>

#include "http/auth/auth_text.h"
#include "http/auth/lines_authenticator.h"
#include "trolley/authenticator.h"

namespace trolley {

std::unique_ptr<Authenticator> BearerAuthentication(SecretSource token) {
  return internal::LineFromSecret(std::move(token), internal::BearerHeader);
}

}  // namespace trolley
