#ifndef TROLLEY_HTTP_AUTH_BASIC_AUTH_H_
#define TROLLEY_HTTP_AUTH_BASIC_AUTH_H_

#include <memory>
#include <string>

#include "base/secret.h"
#include "http/auth/authenticator.h"

namespace trolley {

// RFC 7617. The password is read anew at each refusal, so that a changed one works without a restart. Throws
// kInvalidArgument when there is no password, or one that the protocol cannot carry.
std::unique_ptr<Authenticator> BasicAuthentication(std::string user, SecretSource password);

}  // namespace trolley

#endif  // TROLLEY_HTTP_AUTH_BASIC_AUTH_H_
