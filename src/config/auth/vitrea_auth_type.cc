// The authentication "vitrea": a session of Vitrea Connection.
#include "base/text.h"
#include "config/registry.h"
#include "config/secret_keys.h"
#include "trolley/authenticator.h"

namespace trolley {
namespace {

class VitreaAuthConfig final : public AuthConfig, public HasOptions<VitreaOptions> {
 public:
  explicit VitreaAuthConfig(VitreaOptions options) : HasOptions(std::move(options)) {}

  static std::shared_ptr<const AuthConfig> Read(ConfigTable& table) {
    VitreaOptions options;
    options.login_url = *ReadServiceUrl(table, "login_url", true);
    if (const auto realm = table.String("realm")) {
      options.realm = *realm;
    }
    UserAndPassword account = ReadUserAndPassword(table);
    options.user = std::move(account.user);
    options.password = std::move(account.password);
    return std::make_shared<VitreaAuthConfig>(std::move(options));
  }

  std::string Identity() const override { return StrCat("user:", options().user); }
  std::shared_ptr<Authenticator> Make(LoginOptions login, const ArchiveConfig&) const override {
    return VitreaAuthentication(options(), std::move(login));
  }
};

}  // namespace

const AuthType kVitreaAuth = {
    .name = "vitrea",
    .example = R"(login_url = "https://vitrea.example/login", user = "reader", password_file = "pacs.secret")",
    .read = VitreaAuthConfig::Read,
};

}  // namespace trolley
