#ifndef TROLLEY_HTTP_AUTH_LOGIN_H_
#define TROLLEY_HTTP_AUTH_LOGIN_H_

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/secret.h"
#include "http/auth/authenticator.h"
#include "http/http_client.h"

// Authentication that asks a server first: for a token, or for a session. However many threads need one, one request
// fetches it; the others wait for it, each as long as its own context allows. What the server refuses is not asked
// again with the same secret for a while, so that no account gets locked.
namespace trolley {

struct LoginOptions {
  // For the login's own requests: CA, proxy, time-outs; its `auth` is not used. Its client certificate and headers go
  // along only where the login's origin is one of its `home`.
  HttpOptions http = {};
  std::chrono::milliseconds timeout{15000};  // for one login, or the caller's deadline when that is earlier
  std::chrono::seconds refused_wait{60};     // after a refusal, unless the secret changed
  std::chrono::seconds min_age{5};           // what was refused although it is younger is not fetched anew
  std::function<Clock::time_point()> now = [] { return Clock::now(); };
};

// RFC 6749: client credentials (section 4.4) or, with a refresh token, that grant (section 6).
struct OAuth2Options {
  std::string token_url;  // https; http for a loopback address only
  std::string client_id;
  SecretSource client_secret = {};  // empty: a public client, with a refresh token only
  SecretSource refresh_token = {};  // empty: the client credentials grant
  std::string scope = {};
  std::vector<std::pair<std::string, std::string>> parameters = {};  // what the server wants besides: "audience"
  enum class ClientAuthentication { kBasic, kBody } client_authentication = ClientAuthentication::kBasic;
  std::chrono::seconds renew_before{60};  // its end; at most half of the token's life
};
// Throws kInvalidArgument for options that make no sense. The first token is fetched with the first request. When the
// server gives a new refresh token, that one is kept in memory only, and the log says so.
std::unique_ptr<Authenticator> OAuth2Authentication(OAuth2Options options, LoginOptions login);

// Vitrea Connection: when a request is refused, POST login_url with X-Userid, X-Password and X-Realm; the session
// cookies of the answer count. An old cookie is dropped before a new login.
struct VitreaOptions {
  std::string login_url;
  std::string user;
  SecretSource password;
  std::string realm = "DefaultSystemRealm";
};
std::unique_ptr<Authenticator> VitreaAuthentication(VitreaOptions options, LoginOptions login);

// AGFA IMPAX Data Center: GET wado_url, then {wado_url}/j_security_check with user and password in its query; what
// comes with 403 is a session, "Login Failed!" with 200 is none. Done before the first request, and when the session
// has ended.
struct ImpaxOptions {
  std::string wado_url;
  std::string user;
  SecretSource password;
};
std::unique_ptr<Authenticator> ImpaxAuthentication(ImpaxOptions options, LoginOptions login);

}  // namespace trolley

#endif  // TROLLEY_HTTP_AUTH_LOGIN_H_
