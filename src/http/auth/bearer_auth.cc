#include "http/auth/bearer_auth.h"

#include <utility>

#include "http/auth/auth_text.h"
#include "http/auth/lines_authenticator.h"

namespace trolley {

std::unique_ptr<Authenticator> BearerAuthentication(SecretSource token) {
  return internal::LineFromSecret(std::move(token), internal::BearerHeader);
}

}  // namespace trolley
