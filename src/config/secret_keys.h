#ifndef TROLLEY_CONFIG_SECRET_KEYS_H_
#define TROLLEY_CONFIG_SECRET_KEYS_H_

#include <optional>
#include <string>

#include "trolley/secret.h"

namespace trolley {

class ConfigTable;

// Where a secret called `name` is: one of the keys name_file, name_env and name_credential (of systemd). Not set when
// the table has none of them. The secret itself is refused.
SecretSource ReadSecretSource(ConfigTable& table, const std::string& name);
SecretSource RequiredSecretSource(ConfigTable& table, const std::string& name);
// The same with the keys `prefix`file, `prefix`env and `prefix`credential.
SecretSource ReadPrefixedSource(ConfigTable& table, const std::string& prefix);

struct UserAndPassword {
  std::string user;
  SecretSource password;
};
// The keys user, and password_file and so on.
UserAndPassword ReadUserAndPassword(ConfigTable& table);

// Where a secret is kept, for the keys of the caches.
std::string PlaceOf(const SecretSource& source);

// The URL of a service, normalised. Empty when the table has none and none is required.
std::optional<std::string> ReadServiceUrl(ConfigTable& table, const std::string& key, bool required);

}  // namespace trolley

#endif  // TROLLEY_CONFIG_SECRET_KEYS_H_
