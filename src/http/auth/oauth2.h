#ifndef TROLLEY_HTTP_AUTH_OAUTH2_H_
#define TROLLEY_HTTP_AUTH_OAUTH2_H_

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/secret.h"
#include "http/auth/authenticator.h"
#include "http/auth/login_options.h"

namespace trolley {

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

}  // namespace trolley

#endif  // TROLLEY_HTTP_AUTH_OAUTH2_H_
