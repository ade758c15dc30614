// Login at IMPAX: user and password go to /j_security_check, and cookies hold the session. LoginGrant decides when and
// calls Obtain() on the thread of the request that needs a session.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/secret_reader.h"
#include "base/text.h"
#include "http/auth/login_check.h"
#include "http/auth/login_grant.h"
#include "http/http_status.h"
#include "http/url_for_log.h"
#include "trolley/authenticator.h"
#include "trolley/error.h"
#include "trolley/http_client.h"

namespace trolley {
namespace {

class ImpaxLogin : public internal::Login {
 public:
  ImpaxLogin(ImpaxOptions options, const LoginOptions& login)
      : options_(std::move(options)),
        http_(internal::LoginConnection(login, options_.wado_url)),
        password_(options_.password) {}

  std::vector<std::string> Secrets() override { return {password_.Read()}; }

  internal::Grant Obtain(const std::vector<std::string>& secrets, const Context& context) override {
    internal::Grant grant;
    HttpRequest request;
    request.url = options_.wado_url;
    request.follow_redirects = false;
    grant.cookies.Add(request.url, http_.Fetch(request, context, internal::kMaxLoginResponse).head);

    const std::string check = StrCat(options_.wado_url, "/j_security_check");
    request.url =
        StrCat(check, "?j_username=", PercentEncode(options_.user), "&j_password=", PercentEncode(secrets[0]));
    if (std::string cookies = grant.cookies.Line(request.url); !cookies.empty()) {
      request.headers.push_back(std::move(cookies));
    }
    const HttpResponse response = http_.Fetch(request, context, internal::kMaxLoginResponse);
    grant.cookies.Add(request.url, response.head);
    if (response.body.find("Login Failed!") != std::string::npos) {
      internal::FailLogin(ErrorCode::kAccessDenied, check,
                          "\"Login Failed!\"; check the user and the password in the configuration");
    }
    // 403: this address shows nothing, but the session is logged in.
    if (response.head.status != 403 && (response.head.status < 300 || response.head.status > 399)) {
      CheckStatus(response.head, StrCat("log in at ", UrlForLog(check)));
    }
    if (response.head.status == 404 || response.head.status == 410 || grant.cookies.empty()) {
      internal::FailLogin(
          ErrorCode::kProtocol, check,
          StrCat("the server responded with ", response.head.status, " without a session cookie; check wado_url"));
    }
    return grant;
  }

  // The response to a request without session is a page that asks for a password.
  bool Refused(const HttpHead& head) const override {
    const bool page = head.status == 200 && StartsWithIgnoreCase(head.Header("content-type"), "text/html");
    const bool sent_there = head.status >= 300 && head.status <= 399 &&
                            AsciiLower(head.Header("location")).find("login") != std::string::npos;
    return head.status == 401 || page || sent_there;
  }

 private:
  const ImpaxOptions options_;
  HttpClient http_;
  SecretReader password_;
};

}  // namespace

std::unique_ptr<Authenticator> ImpaxAuthentication(ImpaxOptions options, LoginOptions login) {
  internal::CheckLogin(options.wado_url, options.user);
  options.wado_url = WithoutTrailingSlashes(std::move(options.wado_url));
  auto method = std::make_unique<ImpaxLogin>(std::move(options), login);
  return std::make_unique<internal::GrantAuthenticator>(std::move(method), true, std::move(login));
}

}  // namespace trolley
