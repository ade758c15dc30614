#ifndef TROLLEY_HTTP_AUTH_IMPAX_LOGIN_H_
#define TROLLEY_HTTP_AUTH_IMPAX_LOGIN_H_

#include <memory>
#include <string>

#include "base/secret.h"
#include "http/auth/authenticator.h"
#include "http/auth/login_options.h"

namespace trolley {

// AGFA IMPAX Data Center: GET wado_url, then {wado_url}/j_security_check with user and password in its query; a
// response with 403 is a session, "Login Failed!" with 200 is a refusal. Done before the first request, and when the
// session has ended.
struct ImpaxOptions {
  std::string wado_url;
  std::string user;
  SecretSource password;
};
std::unique_ptr<Authenticator> ImpaxAuthentication(ImpaxOptions options, LoginOptions login);

}  // namespace trolley

#endif  // TROLLEY_HTTP_AUTH_IMPAX_LOGIN_H_
