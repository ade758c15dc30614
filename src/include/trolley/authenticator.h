#ifndef TROLLEY_AUTHENTICATOR_H_
#define TROLLEY_AUTHENTICATOR_H_

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "trolley/context.h"
#include "trolley/http_client.h"
#include "trolley/secret.h"

namespace trolley {

// A request to one of the archive's own hosts, which is about to be sent or was refused.
struct AuthRequest {
  std::string_view method;
  const std::string& url;
  const Context& context;  // the caller's; ends the wait for a login
};

// Authenticates requests. The client calls Headers() before each request to the archive's own hosts, never for others,
// and Renew() after each refusal. Thread-safe.
class Authenticator {
 public:
  virtual ~Authenticator() = default;
  // Header lines ("Authorization: Bearer ...", "Cookie: ...") for this request. Never logged. May log in or fetch a
  // token first, within the request's context; throws when that fails (kAccessDenied when it is refused).
  virtual std::vector<std::string> Headers(const AuthRequest& request) = 0;
  // True: this response means that credentials are missing, wrong or out of date, and Renew() is called.
  virtual bool Refused(const HttpHead& head) const;
  // A request with these lines of Headers() was refused with this response. True: Headers() returns other lines now, or
  // will fetch others, so the request is sent once more. Does not wait. Many requests may be refused together.
  virtual bool Renew(const AuthRequest& request, const HttpHead& refusal, const std::vector<std::string>& sent);
};

// RFC 7617. The password is read anew at each refusal, so that a changed one works without a restart. Throws
// kInvalidArgument when there is no password, or one that the protocol cannot carry.
std::unique_ptr<Authenticator> BasicAuthentication(std::string user, SecretSource password);

// RFC 6750. The token is read anew at each refusal, so that a changed one works without a restart. Throws
// kInvalidArgument when there is no token, or one that the protocol cannot carry.
std::unique_ptr<Authenticator> BearerAuthentication(SecretSource token);

// RFC 7616 (SHA-256, SHA-512-256, MD5, each also as -sess; qop "auth" or, as in RFC 2069, none). The password is read
// anew at each refusal. Throws kInvalidArgument when there is none.
std::unique_ptr<Authenticator> DigestAuthentication(std::string user, SecretSource password);

// User and password from a netrc file, by the host of each request, sent as in RFC 7617. Empty: $NETRC or ~/.netrc.
// Throws kInvalidArgument when the file cannot be read. A host that it does not name gets no credentials.
std::unique_ptr<Authenticator> NetrcAuthentication(std::filesystem::path netrc_file);

// These headers and those of `other` (may be null). HttpClient uses it for HttpOptions::headers.
std::unique_ptr<Authenticator> CustomHeaders(std::vector<CustomHeader> headers, std::shared_ptr<Authenticator> other);

// Options of the authentications that request a token or a session from a server first. One request fetches it for all
// threads; the others wait, each as long as its own context allows. A refused secret is not tried again for a while, so
// that no account gets locked.
struct LoginOptions {
  // For the login's own requests: CA, proxy, time-outs. `auth` is not used. The client certificate and headers are sent
  // only if the login's origin is one of `home`.
  HttpOptions http = {};
  std::chrono::milliseconds timeout{15000};  // for one login, or the caller's deadline when that is earlier
  std::chrono::seconds refused_wait{60};     // after a refusal, unless the secret changed
  std::chrono::seconds min_age{5};           // a grant younger than this that is refused is not renewed
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
// cookies of the response count. An old cookie is dropped before a new login.
struct VitreaOptions {
  std::string login_url;
  std::string user;
  SecretSource password;
  std::string realm = "DefaultSystemRealm";
};
std::unique_ptr<Authenticator> VitreaAuthentication(VitreaOptions options, LoginOptions login);

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

#endif  // TROLLEY_AUTHENTICATOR_H_
