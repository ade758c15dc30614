#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "http/auth/auth_text.h"
#include "http/auth/login.h"
#include "http/auth/login_grant.h"
#include "http/http_exchange.h"

namespace trolley {
namespace {

constexpr size_t kMaxLoginResponse = size_t{1} << 20;

void CheckLogin(const std::string& url, const std::string& user) {
  if (user.empty()) {
    throw Error(ErrorCode::kInvalidArgument, StrCat("Cannot log in at ", UrlForLog(url), ": there is no user name"));
  }
  internal::CheckHeaderValue(user, "the user name for the login");
  const auto parts = internal::ParseHttpUrl(url);
  if (!parts) {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat("Cannot log in at ", UrlForLog(url), ": this is no valid http or https URL"));
  }
  if (parts->scheme == "http" && !internal::IsLoopback(parts->host)) {
    LogWarning(StrCat("The password goes unencrypted to ", UrlForLog(url), "; use https"));
  }
}

[[noreturn]] void Fail(ErrorCode code, const std::string& url, std::string_view reason) {
  throw Error(code, StrCat("Cannot log in at ", UrlForLog(url), ": ", reason));
}

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
    const HttpResponse response = http_.Fetch(request, context, kMaxLoginResponse);
    CheckStatus(response.head, StrCat("log in at ", UrlForLog(options_.login_url)));
    internal::Grant grant;
    grant.cookies.Add(options_.login_url, response.head);
    if (response.head.status >= 300 || grant.cookies.empty()) {
      Fail(ErrorCode::kProtocol, options_.login_url,
           StrCat("the server answered ", response.head.status, " without a session cookie; check login_url"));
    }
    return grant;
  }

  bool Refused(const HttpHead& head) const override { return head.status == 401; }

 private:
  const VitreaOptions options_;
  HttpClient http_;
  SecretReader password_;
};

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
    grant.cookies.Add(request.url, http_.Fetch(request, context, kMaxLoginResponse).head);

    const std::string check = StrCat(options_.wado_url, "/j_security_check");
    request.url =
        StrCat(check, "?j_username=", PercentEncode(options_.user), "&j_password=", PercentEncode(secrets[0]));
    if (std::string cookies = grant.cookies.Line(request.url); !cookies.empty()) {
      request.headers.push_back(std::move(cookies));
    }
    const HttpResponse response = http_.Fetch(request, context, kMaxLoginResponse);
    grant.cookies.Add(request.url, response.head);
    if (response.body.find("Login Failed!") != std::string::npos) {
      Fail(ErrorCode::kAccessDenied, check, "\"Login Failed!\"; check the user and the password in the configuration");
    }
    // 403: this address shows nothing, but the session is logged in.
    if (response.head.status != 403 && (response.head.status < 300 || response.head.status > 399)) {
      CheckStatus(response.head, StrCat("log in at ", UrlForLog(check)));
    }
    if (response.head.status == 404 || response.head.status == 410 || grant.cookies.empty()) {
      Fail(ErrorCode::kProtocol, check,
           StrCat("the server answered ", response.head.status, " without a session cookie; check wado_url"));
    }
    return grant;
  }

  // A request without session is answered with the page that asks for a password.
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

std::unique_ptr<Authenticator> VitreaAuthentication(VitreaOptions options, LoginOptions login) {
  CheckLogin(options.login_url, options.user);
  internal::CheckHeaderValue(options.realm, "the realm for the login");
  auto method = std::make_unique<VitreaLogin>(std::move(options), login);
  return std::make_unique<internal::GrantAuthenticator>(std::move(method), false, std::move(login));
}

std::unique_ptr<Authenticator> ImpaxAuthentication(ImpaxOptions options, LoginOptions login) {
  CheckLogin(options.wado_url, options.user);
  options.wado_url = WithoutTrailingSlashes(std::move(options.wado_url));
  auto method = std::make_unique<ImpaxLogin>(std::move(options), login);
  return std::make_unique<internal::GrantAuthenticator>(std::move(method), true, std::move(login));
}

}  // namespace trolley
