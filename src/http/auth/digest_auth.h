#ifndef TROLLEY_HTTP_AUTH_DIGEST_AUTH_H_
#define TROLLEY_HTTP_AUTH_DIGEST_AUTH_H_

#include <memory>
#include <string>

#include "base/secret.h"
#include "http/auth/authenticator.h"

namespace trolley {

// RFC 7616 (SHA-256, SHA-512-256, MD5, each also as -sess; qop "auth" or, as in RFC 2069, none). The password is read
// anew at each refusal. Throws kInvalidArgument when there is none.
std::unique_ptr<Authenticator> DigestAuthentication(std::string user, SecretSource password);

}  // namespace trolley

#endif  // TROLLEY_HTTP_AUTH_DIGEST_AUTH_H_
