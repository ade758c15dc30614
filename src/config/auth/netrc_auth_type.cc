// The authentication "netrc": user and password from a netrc file, by the host of the request.
#include "base/text.h"
#include "config/registry.h"
#include "trolley/authenticator.h"

namespace trolley {
namespace {

class NetrcAuthConfig final : public AuthConfig {
 public:
  explicit NetrcAuthConfig(std::filesystem::path file) : file_(std::move(file)) {}

  static std::shared_ptr<const AuthConfig> Read(ConfigTable& table) {
    return std::make_shared<NetrcAuthConfig>(table.Path("file").value_or(""));
  }

  std::string Identity() const override { return StrCat("netrc:", file_.string()); }
  std::shared_ptr<Authenticator> Make(LoginOptions, const ArchiveConfig&) const override {
    return NetrcAuthentication(file_);
  }

 private:
  const std::filesystem::path file_;  // empty: ~/.netrc
};

}  // namespace

const AuthType kNetrcAuth = {.name = "netrc", .example = "", .read = NetrcAuthConfig::Read};

}  // namespace trolley
