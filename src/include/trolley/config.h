#ifndef TROLLEY_CONFIG_H_
#define TROLLEY_CONFIG_H_

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "trolley/readable_storage.h"
#include "trolley/secret.h"
#include "trolley/server_profile.h"

namespace trolley {

class SearcherConfig;
class DownloaderConfig;
class AuthConfig;

// A header of one's own in each HTTP request to the archive.
struct HeaderConfig {
  std::string name;
  std::string value;    // when `secret` is not set
  SecretSource secret;  // the value
};

// One archive, as a table [archive.NAME] of the configuration gives it, or as made from a URL or folder.
struct ArchiveConfig {
  std::string name;  // "hospital"; for a URL or folder, a short name for messages and the file system name
  // How the archive is searched and retrieved from, by type ("qido-rs", "c-get"). Never null in an archive that is read
  // or resolved by the functions below.
  std::shared_ptr<const SearcherConfig> searcher = {};
  std::shared_ptr<const DownloaderConfig> downloader = {};
  ServerProfile profile = ServerProfile::kAuto;
  std::string
      orthanc_url;  // profiles orthanc and auto: where Orthanc's own REST interface is; empty: above its DICOMweb
  std::shared_ptr<const AuthConfig> auth = {};  // of HTTP requests; null: none
  std::vector<HeaderConfig> headers;
  // PEM, for https and DICOM TLS.
  std::filesystem::path ca_file;           // empty: the system's
  std::filesystem::path certificate_file;  // empty: none is shown
  std::filesystem::path key_file;
  SecretSource key_password;                      // not set: the key is not encrypted
  bool http2 = false;                             // see HttpOptions
  std::string browse = "StudyDate=last 30 days";  // criteria, or "all" (the default for folders)
  NameStyle names = NameStyle::kReadable;
  enum class Sizes { kEstimate, kExact } sizes = Sizes::kEstimate;
  std::chrono::milliseconds search_expiry{600000};
  std::chrono::milliseconds connect_timeout{5000};
  std::chrono::milliseconds stall_timeout{30000};
  std::chrono::milliseconds query_timeout{60000};
  std::chrono::milliseconds transfer_timeout{3600000};  // for one instance, from its first byte to its last
  uint32_t connections = 32;                            // concurrency limit of transfers; see Concurrency
  uint32_t associations = 2;                            // concurrency limit of DICOM associations
  uint32_t requests_per_second = 0;                     // to the archive, over HTTP or associations; 0: no limit
  std::filesystem::path cache_directory;                // empty: DefaultCacheDirectory()
  uint64_t cache_max_size = uint64_t{10} << 30;
  uint64_t cache_min_free = uint64_t{512} << 20;

  // The archive and the account that it sees, independent of the archive's name: the key under which instances and
  // search results are cached. Holds no secret.
  std::string Identity() const;
};

struct Config {
  std::map<std::string, ArchiveConfig> archives;
};

// Reads TOML. Throws kInvalidArgument, one line: "FILE:LINE: unknown key 'sercher', did you mean 'searcher'?" for
// unknown keys, wrong types, missing or contradicting values; secrets given in the file itself are refused.
Config ParseConfig(std::string_view toml, const std::string& file_name);
// The given file, or else ~/.config/trolleyfs/config.toml (XDG_CONFIG_HOME) over /etc/trolleyfs/config.toml, archive by
// archive; missing default files are no error.
Config LoadConfig(const std::optional<std::filesystem::path>& file);
// A name in `config`, an http(s) URL of a DICOMweb service, "dicom://AET@host:port", or an existing folder; throws
// kInvalidArgument saying which of these were tried. A URL or folder has the defaults of this file. A URL with user
// info ("https://user:secret@...") is refused: argv is visible to everybody.
ArchiveConfig ResolveArchive(const std::string& archive, const Config& config);

}  // namespace trolley

#endif  // TROLLEY_CONFIG_H_
