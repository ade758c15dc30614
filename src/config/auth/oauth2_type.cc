// The authentication "oauth2": a token from a token server, by client credentials or a refresh token.
#include "base/text.h"
#include "config/registry.h"
#include "config/secret_keys.h"
#include "trolley/authenticator.h"

namespace trolley {
namespace {

class OAuth2Config final : public AuthConfig, public HasOptions<OAuth2Options> {
 public:
  explicit OAuth2Config(OAuth2Options options) : HasOptions(std::move(options)) {}

  static std::shared_ptr<const AuthConfig> Read(ConfigTable& table) {
    OAuth2Options options;
    options.token_url = *ReadServiceUrl(table, "token_url", true);
    options.client_id = table.RequiredString("client_id");
    options.scope = table.String("scope").value_or("");
    options.refresh_token = ReadSecretSource(table, "refresh_token");
    options.client_secret = ReadSecretSource(table, "client_secret");
    // A public client has no secret, and needs a refresh token then.
    if (options.client_secret.empty() && options.refresh_token.empty()) {
      table.Refuse("auth needs client_secret_file, _env or _credential, or a refresh token");
    }
    using Place = OAuth2Options::ClientAuthentication;
    bool in_body = options.client_authentication == Place::kBody;
    table.Bool("client_in_body", in_body);
    options.client_authentication = in_body ? Place::kBody : Place::kBasic;
    return std::make_shared<OAuth2Config>(std::move(options));
  }

  std::string Identity() const override {
    return StrCat("client:", options().client_id, "@", options().token_url,
                  options().scope.empty() ? "" : StrCat("/", options().scope), PlaceOf(options().refresh_token));
  }
  std::shared_ptr<Authenticator> Make(LoginOptions login, const ArchiveConfig&) const override {
    return OAuth2Authentication(options(), std::move(login));
  }
};

}  // namespace

const AuthType kOAuth2 = {
    .name = "oauth2",
    .example = R"(token_url = "https://id.example/token", client_id = "mount", client_secret_file = "client.secret")",
    .read = OAuth2Config::Read,
};

}  // namespace trolley
