// The authentication "digest": user and password with each request.
#include "base/text.h"
#include "config/registry.h"
#include "config/secret_keys.h"
#include "trolley/authenticator.h"

namespace trolley {
namespace {

class DigestAuthConfig final : public AuthConfig, public HasOptions<UserAndPassword> {
 public:
  explicit DigestAuthConfig(UserAndPassword account) : HasOptions(std::move(account)) {}

  static std::shared_ptr<const AuthConfig> Read(ConfigTable& table) {
    return std::make_shared<DigestAuthConfig>(ReadUserAndPassword(table));
  }

  std::string Identity() const override { return StrCat("user:", options().user); }
  std::shared_ptr<Authenticator> Make(LoginOptions, const ArchiveConfig&) const override {
    return DigestAuthentication(options().user, options().password);
  }
};

}  // namespace

const AuthType kDigestAuth = {
    .name = "digest",
    .example = R"(user = "reader", password_file = "pacs.secret")",
    .read = DigestAuthConfig::Read,
};

}  // namespace trolley
