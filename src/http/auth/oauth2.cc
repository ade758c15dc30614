// OAuth 2.0 (RFC 6749): obtains access tokens from the token endpoint. LoginGrant decides when and calls Obtain() on
// the thread of the request that needs a token. Secrets must not get into error texts, which end up in logs.

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/secret_reader.h"
#include "base/text.h"
#include "http/auth/auth_text.h"
#include "http/auth/login_grant.h"
#include "http/http_status.h"
#include "http/http_url.h"
#include "http/url_for_log.h"
#include "trolley/authenticator.h"
#include "trolley/error.h"
#include "trolley/http_client.h"
#include "trolley/log.h"

namespace trolley {
namespace {

using nlohmann::json;

constexpr size_t kMaxTokenResponse = size_t{256} << 10;
constexpr size_t kMaxDescription = 200;
constexpr double kMaxLife = 10.0 * 365 * 86400;

[[noreturn]] void RefuseOption(std::string_view reason) {
  throw Error(ErrorCode::kInvalidArgument, StrCat("Cannot use OAuth2: ", reason));
}

void Check(const OAuth2Options& options) {
  const auto url = internal::ParseHttpUrl(options.token_url);
  if (!url) {
    RefuseOption("the token URL is not a valid https URL");
  }
  if (url->scheme != "https" && !internal::IsLoopback(url->host)) {
    RefuseOption(StrCat("the token URL ", UrlForLog(options.token_url), " would carry secrets unencrypted; use https"));
  }
  if (options.client_id.empty()) {
    RefuseOption("there is no client id");
  }
  if (options.client_secret.empty() && options.refresh_token.empty()) {
    RefuseOption("there is neither a client secret nor a refresh token");
  }
  for (const auto& [name, value] : options.parameters) {
    for (const std::string_view own : {"grant_type", "client_id", "client_secret", "refresh_token", "scope"}) {
      if (name == own) {
        RefuseOption(StrCat("the parameter ", name, " is set by other options"));
      }
    }
  }
}

std::string FormEncode(const std::vector<std::pair<std::string, std::string>>& fields) {
  std::string body;
  for (const auto& [name, value] : fields) {
    body += StrCat(body.empty() ? "" : "&", PercentEncode(name), "=", PercentEncode(value));
  }
  return body;
}

std::optional<std::string> Text(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? std::optional(found->get<std::string>()) : std::nullopt;
}

// Some servers send it as a string.
std::optional<Clock::duration> Life(const json& object) {
  const auto found = object.find("expires_in");
  std::optional<double> seconds;
  if (found != object.end() && found->is_number()) {
    seconds = found->get<double>();
  } else if (found != object.end() && found->is_string()) {
    if (const auto number = ParseUint(found->get<std::string>())) {
      seconds = static_cast<double>(*number);
    }
  }
  if (!seconds || !(*seconds > 0)) {
    return std::nullopt;
  }
  return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(std::min(*seconds, kMaxLife)));
}

class OAuth2Login : public internal::Login {
 public:
  OAuth2Login(OAuth2Options options, const LoginOptions& login)
      : options_(std::move(options)), now_(login.now), http_(internal::LoginConnection(login, options_.token_url)) {
    if (!options_.client_secret.empty()) {
      client_secret_.emplace(options_.client_secret);
    }
    if (!options_.refresh_token.empty()) {
      refresh_token_.emplace(options_.refresh_token);
    }
  }

  // The client's secret and the refresh token, empty where there is none.
  std::vector<std::string> Secrets() override {
    std::string refresh_token = refresh_token_ ? refresh_token_->Read() : "";
    if (!rotated_.empty() && refresh_token == rotated_from_) {
      refresh_token = rotated_;
    }
    return {client_secret_ ? client_secret_->Read() : "", std::move(refresh_token)};
  }

  internal::Grant Obtain(const std::vector<std::string>& secrets, const Context& context) override {
    const auto start = now_();
    const HttpResponse response = http_.Fetch(Request(secrets), context, kMaxTokenResponse);
    const json reply = json::parse(response.body, nullptr, false);
    if (response.head.status != 200) {
      ThrowRefusal(response.head, reply, secrets);
    }
    const auto token = reply.is_object() ? Text(reply, "access_token") : std::nullopt;
    if (!token) {
      Fail(ErrorCode::kProtocol, "the response holds no access token");
    }
    if (const auto type = Text(reply, "token_type"); type && !EqualsIgnoreCase(*type, "bearer")) {
      Fail(ErrorCode::kUnsupported, "the token is not of the type Bearer");
    }
    internal::Grant grant{.line = TokenLine(*token)};
    if (const auto life = Life(reply)) {
      grant.expires = start + *life;
      grant.renew_at = *grant.expires - std::min<Clock::duration>(options_.renew_before, *life / 2);
    }
    KeepRefreshToken(Text(reply, "refresh_token").value_or(""), secrets[1]);
    return grant;
  }

  bool Refused(const HttpHead& head) const override { return head.status == 401; }

 private:
  using Fields = std::vector<std::pair<std::string, std::string>>;

  HttpRequest Request(const std::vector<std::string>& secrets) const {
    const std::string& client_secret = secrets[0];
    const std::string& refresh_token = secrets[1];
    Fields fields = refresh_token.empty() ? Fields{{"grant_type", "client_credentials"}}
                                          : Fields{{"grant_type", "refresh_token"}, {"refresh_token", refresh_token}};
    if (!options_.scope.empty()) {
      fields.emplace_back("scope", options_.scope);
    }
    fields.insert(fields.end(), options_.parameters.begin(), options_.parameters.end());
    HttpRequest request;
    request.method = "POST";
    request.url = options_.token_url;
    request.headers = {"Accept: application/json", "Content-Type: application/x-www-form-urlencoded"};
    if (client_secret.empty()) {
      fields.emplace_back("client_id", options_.client_id);
    } else if (options_.client_authentication == OAuth2Options::ClientAuthentication::kBody) {
      fields.emplace_back("client_id", options_.client_id);
      fields.emplace_back("client_secret", client_secret);
    } else {
      // RFC 6749, section 2.3.1: both are form-encoded first.
      request.headers.push_back(internal::BasicHeader(PercentEncode(options_.client_id), PercentEncode(client_secret)));
    }
    request.body = FormEncode(fields);
    return request;
  }

  [[noreturn]] void Fail(ErrorCode code, std::string_view reason) const {
    throw Error(code, StrCat("Cannot get a token from ", UrlForLog(options_.token_url), ": ", reason));
  }

  std::string TokenLine(const std::string& token) const {
    try {
      return internal::BearerHeader(token);
    } catch (const Error&) {
      Fail(ErrorCode::kProtocol, "the token that it gave is malformed");
    }
  }

  // RFC 6749, section 5.2
  [[noreturn]] void ThrowRefusal(const HttpHead& head, const json& reply,
                                 const std::vector<std::string>& secrets) const {
    const std::string error = reply.is_object() ? Text(reply, "error").value_or("") : "";
    if (head.status >= 400 && head.status < 500 && head.status != 408 && head.status != 429 && !error.empty()) {
      const std::string description = Text(reply, "error_description").value_or("");
      std::string reason = Shown(error, secrets);
      if (!description.empty()) {
        reason += StrCat(" (", Shown(description, secrets), ")");
      }
      Fail(ErrorCode::kAccessDenied, StrCat("the server says ", reason, "; check the client id, its secret",
                                            refresh_token_ ? " and the refresh token" : "", " in the configuration"));
    }
    CheckStatus(head, StrCat("get a token from ", UrlForLog(options_.token_url)));
    Fail(ErrorCode::kProtocol, StrCat("the server responded with ", head.status, "; check the token URL"));
  }

  // Text from a server goes into logs: in one line, and without the secrets that were sent.
  std::string Shown(const std::string& text, const std::vector<std::string>& secrets) const {
    for (const std::string& secret : secrets) {
      if (!secret.empty() &&
          (text.find(secret) != std::string::npos || text.find(PercentEncode(secret)) != std::string::npos)) {
        return "...";
      }
    }
    std::string shown = text.substr(0, kMaxDescription);
    std::replace_if(
        shown.begin(), shown.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
    return shown;
  }

  void KeepRefreshToken(const std::string& given, const std::string& used) {
    if (!refresh_token_ || given.empty() || given == used) {
      return;
    }
    if (rotated_.empty()) {
      LogWarning(StrCat("The server of ", UrlForLog(options_.token_url),
                        " gave a new refresh token. It is kept in memory alone: after a restart the one in ",
                        options_.refresh_token.Describe(), " may be refused, and a new one is needed there"));
    }
    rotated_from_ = rotated_ == used ? rotated_from_ : used;
    rotated_ = given;
  }

  const OAuth2Options options_;
  const std::function<Clock::time_point()> now_;
  HttpClient http_;
  std::optional<SecretReader> client_secret_;
  std::optional<SecretReader> refresh_token_;
  std::string rotated_;       // the refresh token that the server gave last
  std::string rotated_from_;  // the configured one that it comes from
};

}  // namespace

std::unique_ptr<Authenticator> OAuth2Authentication(OAuth2Options options, LoginOptions login) {
  Check(options);
  auto method = std::make_unique<OAuth2Login>(std::move(options), login);
  return std::make_unique<internal::GrantAuthenticator>(std::move(method), true, std::move(login));
}

}  // namespace trolley
