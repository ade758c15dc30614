// The authentication "bearer": a token with each request.
#include "base/text.h"
#include "config/registry.h"
#include "config/secret_keys.h"
#include "trolley/authenticator.h"

namespace trolley {
namespace {

class BearerAuthConfig final : public AuthConfig {
 public:
  explicit BearerAuthConfig(SecretSource token) : token_(std::move(token)) {}

  static std::shared_ptr<const AuthConfig> Read(ConfigTable& table) {
    return std::make_shared<BearerAuthConfig>(RequiredSecretSource(table, "token"));
  }

  std::string Identity() const override { return StrCat("token:", PlaceOf(token_)); }
  std::shared_ptr<Authenticator> Make(LoginOptions, const ArchiveConfig&) const override {
    return BearerAuthentication(token_);
  }

 private:
  const SecretSource token_;
};

}  // namespace

const AuthType kBearerAuth = {
    .name = "bearer",
    .example = R"(token_file = "pacs.token")",
    .read = BearerAuthConfig::Read,
};

}  // namespace trolley
