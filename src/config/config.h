#ifndef TROLLEY_CONFIG_CONFIG_H_
#define TROLLEY_CONFIG_CONFIG_H_

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "http/server_profile.h"
#include "tree/names.h"

namespace trolley {

// Whom the archive is told that it talks to. Holds no secret, only where it is.
struct AuthConfig {
  enum class Type { kNone, kBasic, kDigest, kBearer, kOAuth2, kVitrea, kImpax, kNetrc } type = Type::kNone;
  std::string user;             // basic, digest, vitrea, impax
  SecretSource secret;          // the password, token or client secret
  std::string url;              // oauth2: token end point; vitrea: login; impax: empty means the downloader's URL
  std::string client_id;        // oauth2
  std::string scope;            // oauth2; may be empty
  SecretSource refresh_token;   // oauth2; not set: client credentials grant
  bool client_in_body = false;  // oauth2: the client's credentials go into the form, not into a header
  std::string realm;            // vitrea
  std::filesystem::path file;   // netrc; empty: ~/.netrc

  // As whom, for the cache's keys.
  std::string Identity() const;
};

// The other side of an association: for dicom-qr, c-get and c-move.
struct DicomConfig {
  std::string host;
  uint32_t port = 104;
  std::string aet = "TROLLEYFS";  // ours
  std::string aec = "ANY-SCP";    // theirs
  bool tls = false;
  std::string user;              // user identity, PS3.7 D.3.3.7; empty: none
  SecretSource passcode;         // not set: the user's name alone
  bool patient_root = false;     // dicom-qr
  bool relational = false;       // dicom-qr: relational queries, if the archive negotiates them
  std::string charset;           // dicom-qr: of questions with other than ASCII letters; empty: UTF-8
  std::string fallback_charset;  // dicom-qr: of answers that name none but need one; empty: none
  std::string move_aet;          // c-move: where the archive sends to; empty: aet
  uint32_t move_port = 0;        // c-move: our port
  std::string bind;              // c-move: the numeric address that we listen on; empty: all
};

struct ClientConfig {
  std::string type;  // "qido-rs", "dicom-qr", "mint", "folder"; "wado-rs", "wado-uri", ...
  std::string url;   // normalised; empty for DICOM and folders
  DicomConfig dicom;
  std::optional<AuthConfig> auth;  // instead of the archive's
  // mint
  bool mint_reference = false;  // the dialect of the reference server, not Vitrea's
  std::string date_parameters;  // "minStudyDate" or "min_study_date"
  // rad69
  std::string repository_uid;
  std::vector<std::string> errors_to_ignore;
  bool request_per_series = true;
  bool bare_soap = false;  // no MTOM/XOP
};

struct HeaderConfig {
  std::string name;
  std::string value;    // when `secret` is not set
  SecretSource secret;  // the value
};

// One archive, as a table [archive.NAME] of the configuration gives it, or as made from a URL or folder.
struct ArchiveConfig {
  std::string name;  // "hospital"; for a URL or folder, a short name for messages and the file system name
  ClientConfig searcher;
  ClientConfig downloader;
  std::filesystem::path folder;  // folder: absolute
  ServerProfile profile = ServerProfile::kAuto;
  std::string
      orthanc_url;  // profiles orthanc and auto: where Orthanc's own REST interface is; empty: above its DICOMweb
  AuthConfig auth;
  std::vector<HeaderConfig> headers;  // sent with each HTTP request to the archive
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
  uint32_t connections = 32;                            // at most so many transfers at a time; see Concurrency
  uint32_t associations = 2;                            // at most so many DICOM associations at a time
  uint32_t requests_per_second = 0;                     // to the archive, over HTTP or associations; 0: no limit
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
// A name in `config`, an http(s) URL of a DICOMweb service, "dicom://AET@host:port", or an existing folder; throws
// kInvalidArgument saying which of these were tried. A URL or folder has the defaults of this file. A URL with user
// info ("https://user:secret@...") is refused: argv is visible to everybody.
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

#endif  // TROLLEY_CONFIG_CONFIG_H_
