// The authentication "impax": a session of an AGFA IMPAX Data Center, by default at the downloader's own address.
#include "base/text.h"
#include "config/registry.h"
#include "config/secret_keys.h"
#include "trolley/authenticator.h"

namespace trolley {
namespace {

class ImpaxAuthConfig final : public AuthConfig, public HasOptions<ImpaxOptions> {
 public:
  explicit ImpaxAuthConfig(ImpaxOptions options) : HasOptions(std::move(options)) {}

  static std::shared_ptr<const AuthConfig> Read(ConfigTable& table) {
    ImpaxOptions options;
    options.wado_url = ReadServiceUrl(table, "login_url", false).value_or("");
    UserAndPassword account = ReadUserAndPassword(table);
    options.user = std::move(account.user);
    options.password = std::move(account.password);
    return std::make_shared<ImpaxAuthConfig>(std::move(options));
  }

  std::string Identity() const override { return StrCat("user:", options().user); }
  std::shared_ptr<Authenticator> Make(LoginOptions login, const ArchiveConfig& archive) const override {
    ImpaxOptions with_archive = options();
    const auto* downloader = archive.downloader->endpoint_as<HttpEndpoint>();
    if (with_archive.wado_url.empty() && downloader != nullptr) {
      with_archive.wado_url = downloader->url;
    }
    return ImpaxAuthentication(std::move(with_archive), std::move(login));
  }
};

}  // namespace

const AuthType kImpaxAuth = {
    .name = "impax",
    .example = R"(user = "reader", password_file = "pacs.secret")",
    .read = ImpaxAuthConfig::Read,
};

}  // namespace trolley
