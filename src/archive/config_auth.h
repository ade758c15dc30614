#ifndef TROLLEY_ARCHIVE_CONFIG_AUTH_H_
#define TROLLEY_ARCHIVE_CONFIG_AUTH_H_

#include <filesystem>
#include <string>
#include <vector>

#include "archive/config.h"
#include "archive/config_table.h"

namespace trolley {

// Where a secret called `name` is: one of the keys name_file, name_env and name_credential (of systemd). Not set when
// there is none of them. The secret itself is refused.
SecretSource ReadSecretSource(ConfigTable& table, const std::string& name, const std::filesystem::path& base);
// The table `auth`.
AuthConfig ReadAuth(ConfigTable& table, const std::filesystem::path& base);
// The table `headers`: NAME = "value" or NAME = { file = ... }, { env = ... }, { credential = ... }.
std::vector<HeaderConfig> ReadHeaders(ConfigTable& table, const std::filesystem::path& base);

}  // namespace trolley

#endif  // TROLLEY_ARCHIVE_CONFIG_AUTH_H_
