// Login at Vitrea. LoginGrant decides when and calls Obtain() on the thread of the request that needs a session.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/secret_reader.h"
#include "base/text.h"
#include "http/auth/auth_text.h"
#include "http/auth/login_check.h"
#include "http/auth/login_grant.h"
#include "http/http_status.h"
#include "http/url_for_log.h"
#include "trolley/authenticator.h"
#include "trolley/error.h"
#include "trolley/http_client.h"

namespace trolley {
namespace {

class VitreaLogin : public internal::Login {
 public:
  VitreaLogin(VitreaOptions options, const LoginOptions& login)
      : options_(std::move(options)),
        http_(internal::LoginConnection(login, options_.login_url)),
        password_(options_.password) {}

  std::vector<std::string> Secrets() override { return {password_.Read()}; }

  // Begins without any cookie: servers refuse a login that comes with one of an ended session.
  internal::Grant Obtain(const std::vector<std::string>& secrets, const Context& context) override {
    internal::CheckHeaderValue(secrets[0], "the password for the login");
    HttpRequest request;
    request.method = "POST";
    request.url = options_.login_url;
    request.headers = {StrCat("X-Userid: ", options_.user), StrCat("X-Password: ", secrets[0]),
                       StrCat("X-Realm: ", options_.realm)};
    const HttpResponse response = http_.Fetch(request, context, internal::kMaxLoginResponse);
    CheckStatus(response.head, StrCat("log in at ", UrlForLog(options_.login_url)));
    internal::Grant grant;
    grant.cookies.Add(options_.login_url, response.head);
    if (response.head.status >= 300 || grant.cookies.empty()) {
      internal::FailLogin(
          ErrorCode::kProtocol, options_.login_url,
          StrCat("the server responded with ", response.head.status, " without a session cookie; check login_url"));
    }
    return grant;
  }

  bool Refused(const HttpHead& head) const override { return head.status == 401; }

 private:
  const VitreaOptions options_;
  HttpClient http_;
  SecretReader password_;
};

}  // namespace

std::unique_ptr<Authenticator> VitreaAuthentication(VitreaOptions options, LoginOptions login) {
  internal::CheckLogin(options.login_url, options.user);
  internal::CheckHeaderValue(options.realm, "the realm for the login");
  auto method = std::make_unique<VitreaLogin>(std::move(options), login);
  return std::make_unique<internal::GrantAuthenticator>(std::move(method), false, std::move(login));
}

}  // namespace trolley
