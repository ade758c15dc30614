#ifndef TROLLEY_ARCHIVE_CONFIG_H_
#define TROLLEY_ARCHIVE_CONFIG_H_

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace trolley {

struct AuthConfig {
  enum class Type { kNone, kBasic, kBearer } type = Type::kNone;
  std::string user;
  // Where the secret is; exactly one is set for kBasic and kBearer.
  std::filesystem::path secret_file;
  std::string secret_environment;
};

// One archive, as a table [archive.NAME] of the configuration gives it, or as made from a URL or folder.
struct ArchiveConfig {
  std::string name;              // "hospital"; for a URL or folder, a short name for messages and the file system name
  std::string searcher_type;     // "qido-rs", "folder"
  std::string searcher_url;      // qido-rs
  std::string downloader_type;   // "wado-rs", "folder"
  std::string downloader_url;    // wado-rs
  std::filesystem::path folder;  // folder: absolute
  AuthConfig auth;
  std::filesystem::path ca_file;                  // empty: the system's
  std::string browse = "StudyDate=last 30 days";  // criteria, or "all" (the default for folders)
  enum class Names { kReadable, kUid } names = Names::kReadable;
  enum class Sizes { kEstimate, kExact } sizes = Sizes::kEstimate;
  std::chrono::milliseconds search_expiry{600000};
  std::chrono::milliseconds connect_timeout{5000};
  std::chrono::milliseconds stall_timeout{30000};
  std::chrono::milliseconds query_timeout{60000};
  std::chrono::milliseconds transfer_timeout{3600000};  // for one instance, from its first byte to its last
  uint32_t connections = 8;                             // at most so many transfers at a time
  std::filesystem::path cache_directory;                // empty: DefaultCacheDirectory()
  uint64_t cache_max_size = uint64_t{10} << 30;
  uint64_t cache_min_free = uint64_t{512} << 20;

  // What the archive is, independent of its name, and as whom it is asked: the key under which its instances and
  // answers are cached. Holds no secret.
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
// A name in `config`, an http(s) URL of a DICOMweb service, or an existing folder; throws kInvalidArgument saying which
// of these were tried. A URL or folder has the defaults of this file. A URL with user info ("https://user:secret@...")
// is refused: argv is visible to everybody.
ArchiveConfig ResolveArchive(const std::string& archive, const Config& config);

// For a folder everything is shown and answers expire after 10 seconds, unless its configuration says otherwise.
void ApplyFolderDefaults(ArchiveConfig& config);
// `path` of a configuration file: "~/" is the home directory, a relative path starts at `base`.
std::filesystem::path ExpandPath(const std::string& path, const std::filesystem::path& base);
// The system's, then the user's; where LoadConfig looks.
std::vector<std::filesystem::path> DefaultConfigFiles();
// $XDG_CACHE_HOME/trolleyfs; else /var/cache/trolleyfs for root, ~/.cache/trolleyfs for others.
std::filesystem::path DefaultCacheDirectory();
// $XDG_DATA_HOME/trolleyfs/demo or ~/.local/share/trolleyfs/demo
std::filesystem::path DefaultDemoDirectory();

}  // namespace trolley

#endif  // TROLLEY_ARCHIVE_CONFIG_H_
