#ifndef TROLLEY_CONFIG_REGISTRY_H_
#define TROLLEY_CONFIG_REGISTRY_H_

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "config/config_table.h"
#include "config/endpoint.h"
#include "trolley/authenticator.h"
#include "trolley/config.h"

// The types of searchers, downloaders and authentication that a configuration can name. Each has one file, in types/ or
// auth/, which holds its name, its keys, what they mean, and how it is made. To add one: write such a file, and add its
// name to the list here. Nothing else compares the names of types.
#define TROLLEY_SEARCHER_TYPES(type) type(kQidoRs) type(kDicomQr) type(kMint) type(kFolderSearcher)
#define TROLLEY_DOWNLOADER_TYPES(type) \
  type(kWadoRs) type(kWadoUri) type(kWadoRsMetadata) type(kRad69) type(kCGet) type(kCMove) type(kFolderDownloader)
#define TROLLEY_AUTH_TYPES(type)                                                                                     \
  type(kBasicAuth) type(kBearerAuth) type(kDigestAuth) type(kImpaxAuth) type(kNetrcAuth) type(kNoAuth) type(kOAuth2) \
      type(kVitreaAuth)

namespace trolley {

class Authenticator;
class ClientFactory;
class Downloader;
class Searcher;
struct LoginOptions;

// The configuration of one client: its type, its address, and in the class of its type the options. Immutable.
class ClientConfig {
 public:
  virtual ~ClientConfig() = default;
  ClientConfig(const ClientConfig&) = delete;
  ClientConfig& operator=(const ClientConfig&) = delete;

  std::string_view type() const { return type_; }  // "qido-rs"
  const Endpoint& endpoint() const { return endpoint_; }
  // The endpoint, when it is of that kind; else null.
  template <typename T>
  const T* endpoint_as() const {
    return std::get_if<T>(&endpoint_);
  }

 protected:
  ClientConfig(std::string_view type, Endpoint endpoint) : type_(type), endpoint_(std::move(endpoint)) {}

 private:
  const std::string_view type_;
  const Endpoint endpoint_;
};

class SearcherConfig : public ClientConfig {
 public:
  // Sends nothing. Throws kInvalidArgument for what does not fit together.
  virtual std::shared_ptr<Searcher> Make(ClientFactory& factory) const = 0;
  // Defaults of the archive that are different with this searcher; before the archive's own keys are read.
  virtual void ApplyDefaults(ArchiveConfig&) const {}

 protected:
  using ClientConfig::ClientConfig;
};

class DownloaderConfig : public ClientConfig {
 public:
  // As above; kUnavailable when a port that it needs is in use.
  virtual std::shared_ptr<Downloader> Make(ClientFactory& factory) const = 0;
  // Whether it gives the very files whose sizes the Orthanc at the searcher reports.
  virtual bool GivesFilesOfOrthanc(const ArchiveConfig&) const { return false; }

 protected:
  using ClientConfig::ClientConfig;
};

class AuthConfig {
 public:
  virtual ~AuthConfig() = default;
  // The account, for the caches' keys: what one account sees is not what another sees. Never a secret, only where it
  // is. Empty: no credentials.
  virtual std::string Identity() const = 0;
  // `login`: for requests of the authentication itself. May be null: none.
  virtual std::shared_ptr<Authenticator> Make(LoginOptions login, const ArchiveConfig& archive) const = 0;
};

// The second base of the configurations that have options of their own.
template <typename Options>
class HasOptions {
 public:
  const Options& options() const { return options_; }

 protected:
  explicit HasOptions(Options options) : options_(std::move(options)) {}
  ~HasOptions() = default;

 private:
  const Options options_;
};

struct SearcherType {
  std::string_view name;
  std::string_view example;             // the keys that it needs, in TOML, for messages
  std::string_view default_downloader;  // made from the searcher's endpoint; empty: has to be configured
  std::shared_ptr<const SearcherConfig> (*read)(ConfigTable& table);
};

struct DownloaderType {
  std::string_view name;
  std::string_view example;
  // Null `searcher` where nothing can be inherited.
  std::shared_ptr<const DownloaderConfig> (*read)(ConfigTable& table, const Endpoint* searcher);
};

struct AuthType {
  std::string_view name;
  std::string_view example;
  std::shared_ptr<const AuthConfig> (*read)(ConfigTable& table);
};

#define TROLLEY_DECLARE(name) extern const SearcherType name;
TROLLEY_SEARCHER_TYPES(TROLLEY_DECLARE)
#undef TROLLEY_DECLARE
#define TROLLEY_DECLARE(name) extern const DownloaderType name;
TROLLEY_DOWNLOADER_TYPES(TROLLEY_DECLARE)
#undef TROLLEY_DECLARE
#define TROLLEY_DECLARE(name) extern const AuthType name;
TROLLEY_AUTH_TYPES(TROLLEY_DECLARE)
#undef TROLLEY_DECLARE

std::span<const SearcherType* const> SearcherTypes();
std::span<const DownloaderType* const> DownloaderTypes();
std::span<const AuthType* const> AuthTypes();

// The folder that the searcher or the downloader reads; null: none.
const FolderEndpoint* FolderOf(const ArchiveConfig& archive);

// The table `auth`.
std::shared_ptr<const AuthConfig> ReadAuth(ConfigTable& table);
// The tables `searcher` and `downloader` of an archive; a downloader that is not configured is the searcher's default.
// Null searcher: the table has none.
void ReadClients(ConfigTable& table, ArchiveConfig& archive);
// An archive with all defaults: a searcher of this type, which has a default downloader.
ArchiveConfig ArchiveOf(const SearcherType& type, ConfigTable searcher);

}  // namespace trolley

#endif  // TROLLEY_CONFIG_REGISTRY_H_
