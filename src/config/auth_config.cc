#include "config/auth_config.h"

#include <algorithm>
#include <map>

#include "base/error.h"
#include "base/text.h"
#include "config/service_url.h"

namespace trolley {
namespace {

using Type = AuthConfig::Type;

const std::map<std::string, Type>& Types() {
  static const std::map<std::string, Type> types = {
      {"none", Type::kNone},     {"basic", Type::kBasic},   {"digest", Type::kDigest}, {"bearer", Type::kBearer},
      {"oauth2", Type::kOAuth2}, {"vitrea", Type::kVitrea}, {"impax", Type::kImpax},   {"netrc", Type::kNetrc},
  };
  return types;
}

SecretSource ReadSource(ConfigTable& table, const std::string& prefix, const std::filesystem::path& base) {
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
    source.file = ExpandPath(*file, base);
  }
  if (environment) {
    if (environment->empty() || environment->find('=') != std::string::npos) {
      table.Refuse(environment_key, StrCat("'", environment_key, "' is no name of an environment variable"));
    }
    source.environment = *environment;
  }
  if (credential) {
    if (credential->empty() || credential->find('/') != std::string::npos || credential->starts_with('.')) {
      table.Refuse(credential_key, StrCat("'", credential_key, "' is no name of a systemd credential"));
    }
    source.credential = *credential;
  }
  return source;
}

SecretSource RequiredSecret(ConfigTable& table, const std::string& name, const std::filesystem::path& base) {
  SecretSource source = ReadSecretSource(table, name, base);
  if (source.empty()) {
    table.Refuse(StrCat("auth needs ", name, "_file, ", name, "_env or ", name, "_credential"));
  }
  return source;
}

std::string ReadUser(ConfigTable& table) {
  std::string user = table.RequiredString("user");
  if (user.find(':') != std::string::npos) {
    table.Refuse("user", "a user name cannot contain ':'");
  }
  return user;
}

std::string ReadUrl(ConfigTable& table, const char* key, bool required) {
  const auto url = required ? std::optional(table.RequiredString(key)) : table.String(key);
  if (!url) {
    return "";
  }
  try {
    return NormalizeServiceUrl(*url);
  } catch (const Error& error) {
    table.Refuse(key, error.what());
  }
}

void ReadOAuth2(ConfigTable& table, const std::filesystem::path& base, AuthConfig& auth) {
  auth.url = ReadUrl(table, "token_url", true);
  auth.client_id = table.RequiredString("client_id");
  auth.scope = table.String("scope").value_or("");
  auth.refresh_token = ReadSecretSource(table, "refresh_token", base);
  // A public client has no secret, and needs a refresh token then.
  auth.secret = ReadSecretSource(table, "client_secret", base);
  if (auth.secret.empty() && auth.refresh_token.empty()) {
    table.Refuse("auth needs client_secret_file, _env or _credential, or a refresh token");
  }
  table.Bool("client_in_body", auth.client_in_body);
}

}  // namespace

SecretSource ReadSecretSource(ConfigTable& table, const std::string& name, const std::filesystem::path& base) {
  if (table.Has(name)) {
    table.Refuse(name, StrCat("secrets do not belong into this file: use ", name, "_file, ", name, "_env or ", name,
                              "_credential"));
  }
  return ReadSource(table, name + "_", base);
}

AuthConfig ReadAuth(ConfigTable& table, const std::filesystem::path& base) {
  for (const char* name : {"secret", "password", "token"}) {
    if (table.Has(name)) {
      const std::string use = std::string_view(name) == "token" ? "token" : "password";
      table.Refuse(name, StrCat("secrets do not belong into this file: use ", use, "_file, ", use, "_env or ", use,
                                "_credential"));
    }
  }
  AuthConfig auth;
  const std::string type = table.RequiredString("type");
  const auto known = Types().find(type);
  if (known == Types().end()) {
    std::vector<std::string> names;
    for (const auto& [name, each] : Types()) {
      names.push_back(name);
    }
    table.Refuse("type", StrCat("unknown auth type '", type, "', use one of ", Join(names, ", ")));
  }
  auth.type = known->second;
  switch (auth.type) {
    case Type::kNone:
      break;
    case Type::kBasic:
    case Type::kDigest:
      auth.user = ReadUser(table);
      auth.secret = RequiredSecret(table, "password", base);
      break;
    case Type::kBearer:
      auth.secret = RequiredSecret(table, "token", base);
      break;
    case Type::kOAuth2:
      ReadOAuth2(table, base, auth);
      break;
    case Type::kVitrea:
      auth.url = ReadUrl(table, "login_url", true);
      auth.realm = table.String("realm").value_or("DefaultSystemRealm");
      auth.user = ReadUser(table);
      auth.secret = RequiredSecret(table, "password", base);
      break;
    case Type::kImpax:
      auth.url = ReadUrl(table, "login_url", false);
      auth.user = ReadUser(table);
      auth.secret = RequiredSecret(table, "password", base);
      break;
    case Type::kNetrc:
      if (const auto file = table.String("file"); file && !file->empty()) {
        auth.file = ExpandPath(*file, base);
      }
      break;
  }
  table.RefuseUnknownKeys();
  return auth;
}

std::vector<HeaderConfig> ReadHeaders(ConfigTable& table, const std::filesystem::path& base) {
  std::vector<HeaderConfig> headers;
  for (const std::string& name : table.Keys()) {
    constexpr std::string_view kToken = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    if (name.empty() || name.find_first_not_of(kToken) != std::string::npos) {
      table.Refuse(name, StrCat("'", name, "' is no name of a header"));
    }
    // They would break the framing of the request.
    for (const char* own : {"host", "content-length", "transfer-encoding", "connection", "accept"}) {
      if (AsciiLower(name) == own) {
        table.Refuse(name, StrCat("the header '", name, "' is ours to set"));
      }
    }
    HeaderConfig header;
    header.name = name;
    if (table.IsTable(name)) {
      auto source = table.Table(name);
      header.secret = ReadSource(*source, "", base);
      if (header.secret.empty()) {
        table.Refuse(name, StrCat("'", name, "' needs file, env or credential"));
      }
      source->RefuseUnknownKeys();
    } else {
      header.value = table.RequiredString(name);
    }
    headers.push_back(std::move(header));
  }
  return headers;
}

}  // namespace trolley
