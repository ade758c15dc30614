#ifndef TROLLEY_HTTP_AUTH_BEARER_AUTH_H_
#define TROLLEY_HTTP_AUTH_BEARER_AUTH_H_

#include <memory>

#include "base/secret.h"
#include "http/auth/authenticator.h"

namespace trolley {

// RFC 6750. The token is read anew at each refusal, so that a changed one works without a restart. Throws
// kInvalidArgument when there is no token, or one that the protocol cannot carry.
std::unique_ptr<Authenticator> BearerAuthentication(SecretSource token);

}  // namespace trolley

#endif  // TROLLEY_HTTP_AUTH_BEARER_AUTH_H_
