// The authentication "none": where the archive has one that a single client must not use.
#include "config/registry.h"
#include "trolley/authenticator.h"

namespace trolley {
namespace {

class NoAuthConfig final : public AuthConfig {
 public:
  static std::shared_ptr<const AuthConfig> Read(ConfigTable&) { return std::make_shared<NoAuthConfig>(); }

  std::string Identity() const override { return ""; }
  std::shared_ptr<Authenticator> Make(LoginOptions, const ArchiveConfig&) const override { return nullptr; }
};

}  // namespace

const AuthType kNoAuth = {.name = "none", .example = "", .read = NoAuthConfig::Read};

}  // namespace trolley
