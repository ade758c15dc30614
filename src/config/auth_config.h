#ifndef TROLLEY_CONFIG_AUTH_CONFIG_H_
#define TROLLEY_CONFIG_AUTH_CONFIG_H_

#include <filesystem>
#include <string>
#include <vector>

#include "config/config.h"
#include "config/config_table.h"

namespace trolley {

// Where a secret called `name` is: one of the keys name_file, name_env and name_credential (of systemd). Not set when
// there is none of them. The secret itself is refused.
SecretSource ReadSecretSource(ConfigTable& table, const std::string& name, const std::filesystem::path& base);
// The table `auth`.
AuthConfig ReadAuth(ConfigTable& table, const std::filesystem::path& base);
// The table `headers`: NAME = "value" or NAME = { file = ... }, { env = ... }, { credential = ... }.
std::vector<HeaderConfig> ReadHeaders(ConfigTable& table, const std::filesystem::path& base);

}  // namespace trolley

#endif  // TROLLEY_CONFIG_AUTH_CONFIG_H_
