// The authentication "basic": user and password with each request.
#include "base/text.h"
#include "config/registry.h"
#include "config/secret_keys.h"
#include "trolley/authenticator.h"

namespace trolley {
namespace {

class BasicAuthConfig final : public AuthConfig, public HasOptions<UserAndPassword> {
 public:
  explicit BasicAuthConfig(UserAndPassword account) : HasOptions(std::move(account)) {}

  static std::shared_ptr<const AuthConfig> Read(ConfigTable& table) {
    return std::make_shared<BasicAuthConfig>(ReadUserAndPassword(table));
  }

  std::string Identity() const override { return StrCat("user:", options().user); }
  std::shared_ptr<Authenticator> Make(LoginOptions, const ArchiveConfig&) const override {
    return BasicAuthentication(options().user, options().password);
  }
};

}  // namespace

const AuthType kBasicAuth = {
    .name = "basic",
    .example = R"(user = "reader", password_file = "pacs.secret")",
    .read = BasicAuthConfig::Read,
};

}  // namespace trolley
