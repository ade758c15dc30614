#ifndef TROLLEY_HTTP_AUTH_VITREA_LOGIN_H_
#define TROLLEY_HTTP_AUTH_VITREA_LOGIN_H_

#include <memory>
#include <string>

#include "base/secret.h"
#include "http/auth/authenticator.h"
#include "http/auth/login_options.h"

namespace trolley {

// Vitrea Connection: when a request is refused, POST login_url with X-Userid, X-Password and X-Realm; the session
// cookies of the response count. An old cookie is dropped before a new login.
struct VitreaOptions {
  std::string login_url;
  std::string user;
  SecretSource password;
  std::string realm = "DefaultSystemRealm";
};
std::unique_ptr<Authenticator> VitreaAuthentication(VitreaOptions options, LoginOptions login);

}  // namespace trolley

#endif  // TROLLEY_HTTP_AUTH_VITREA_LOGIN_H_
