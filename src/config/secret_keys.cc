#include "config/secret_keys.h"

#include "base/text.h"
#include "config/config_table.h"
#include "config/service_url.h"
#include "trolley/error.h"

namespace trolley {

SecretSource ReadPrefixedSource(ConfigTable& table, const std::string& prefix) {
  const std::string file_key = prefix + "file";
  const std::string environment_key = prefix + "env";
  const std::string credential_key = prefix + "credential";
  const auto file = table.String(file_key);
  const auto environment = table.String(environment_key);
  const auto credential = table.String(credential_key);
  if (file.has_value() + environment.has_value() + credential.has_value() > 1) {
    table.Refuse(StrCat("give just one of ", file_key, ", ", environment_key, " and ", credential_key));
  }
  SecretSource source;
  if (file) {
    if (file->empty()) {
      table.Refuse(file_key, StrCat("'", file_key, "' is empty"));
    }
    source.file = *table.Path(file_key);
  }
  if (environment) {
    if (environment->empty() || environment->find('=') != std::string::npos) {
      table.Refuse(environment_key, StrCat("'", environment_key, "' is not the name of an environment variable"));
    }
    source.environment = *environment;
  }
  if (credential) {
    if (credential->empty() || credential->find('/') != std::string::npos || credential->starts_with('.')) {
      table.Refuse(credential_key, StrCat("'", credential_key, "' is not the name of a systemd credential"));
    }
    source.credential = *credential;
  }
  return source;
}

SecretSource ReadSecretSource(ConfigTable& table, const std::string& name) {
  if (table.Has(name)) {
    table.Refuse(name, StrCat("secrets do not belong into this file: use ", name, "_file, ", name, "_env or ", name,
                              "_credential"));
  }
  return ReadPrefixedSource(table, name + "_");
}

SecretSource RequiredSecretSource(ConfigTable& table, const std::string& name) {
  SecretSource source = ReadSecretSource(table, name);
  if (source.empty()) {
    table.Refuse(StrCat("auth needs ", name, "_file, ", name, "_env or ", name, "_credential"));
  }
  return source;
}

UserAndPassword ReadUserAndPassword(ConfigTable& table) {
  UserAndPassword account;
  account.user = table.RequiredString("user");
  if (account.user.find(':') != std::string::npos) {
    table.Refuse("user", "a user name cannot contain ':'");
  }
  account.password = RequiredSecretSource(table, "password");
  return account;
}

std::string PlaceOf(const SecretSource& source) {
  return StrCat(source.file.string(), source.environment, source.credential);
}

std::optional<std::string> ReadServiceUrl(ConfigTable& table, const std::string& key, bool required) {
  const auto url = required ? std::optional(table.RequiredString(key)) : table.String(key);
  if (!url) {
    return std::nullopt;
  }
  try {
    return NormalizeServiceUrl(*url);
  } catch (const Error& error) {
    table.Refuse(key, error.what());
  }
}

}  // namespace trolley
