// Which archive is meant by a name, URL or folder, and where its things are kept by default.
#include <pwd.h>
#include <unistd.h>

#include <cstdlib>
#include <system_error>

#include "archive/config.h"
#include "archive/names.h"
#include "archive/service_url.h"
#include "base/error.h"
#include "base/log.h"
#include "base/text.h"

namespace trolley {
namespace {

std::filesystem::path HomeDirectory() {
  if (const char* home = std::getenv("HOME"); home != nullptr && home[0] == '/') {
    return home;
  }
  // A service without HOME.
  if (const passwd* user = ::getpwuid(::getuid()); user != nullptr && user->pw_dir != nullptr) {
    return user->pw_dir;
  }
  return "/";
}

// A variable of the XDG base directory specification, which has relative paths ignored.
std::optional<std::filesystem::path> XdgDirectory(const char* variable) {
  const char* value = std::getenv(variable);
  if (value == nullptr || value[0] != '/') {
    return std::nullopt;
  }
  return std::filesystem::path(value) / "trolleyfs";
}

ArchiveConfig FromUrl(const std::string& url) {
  ArchiveConfig config;
  config.searcher_type = "qido-rs";
  config.downloader_type = "wado-rs";
  config.searcher_url = NormalizeServiceUrl(url);
  config.downloader_url = config.searcher_url;
  config.name = ServiceUrlHost(config.searcher_url);
  return config;
}

ArchiveConfig FromFolder(const std::filesystem::path& folder) {
  ArchiveConfig config;
  config.searcher_type = "folder";
  config.downloader_type = "folder";
  config.folder = folder;
  config.name = CleanName(folder.filename().string());
  for (char& c : config.name) {
    // The name becomes part of a list of mount options.
    c = c == ',' ? '_' : c;
  }
  if (config.name.empty()) {
    config.name = "folder";
  }
  ApplyFolderDefaults(config);
  return config;
}

std::string KnownArchives(const Config& config) {
  std::vector<std::string> names;
  for (const auto& [name, archive] : config.archives) {
    names.push_back(name);
  }
  return names.empty() ? "the configuration has none" : StrCat("it has ", Join(names, ", "));
}

void WarnOfPlainTextSecrets(const ArchiveConfig& config) {
  if (config.auth.type == AuthConfig::Type::kNone) {
    return;
  }
  for (const std::string& url : {config.searcher_url, config.downloader_url}) {
    const std::string host = url.empty() ? "" : ServiceUrlHost(url);
    const bool loopback = host.starts_with("127.") || host.starts_with("localhost") || host.starts_with("[::1]");
    if (url.starts_with("http://") && !loopback) {
      LogWarning(StrCat("Archive '", config.name, "': credentials go unencrypted to ", host, "; use https"));
      return;
    }
  }
}

}  // namespace

void ApplyFolderDefaults(ArchiveConfig& config) {
  config.browse = "all";
  config.search_expiry = std::chrono::seconds(10);
}

std::string ArchiveConfig::Identity() const {
  std::vector<std::string> parts;
  for (const auto& [type, url] : {std::pair(searcher_type, searcher_url), std::pair(downloader_type, downloader_url)}) {
    const std::string part = StrCat(type, ":", type == "folder" ? folder.string() : url);
    if (parts.empty() || parts.back() != part) {
      parts.push_back(part);
    }
  }
  // Whom the archive shows what is its own decision: the answers to one account are not those to another.
  switch (auth.type) {
    case AuthConfig::Type::kNone:
      break;
    case AuthConfig::Type::kBasic:
      parts.push_back(StrCat("user:", auth.user));
      break;
    case AuthConfig::Type::kBearer:
      parts.push_back(StrCat("token:", auth.secret_file.string(), auth.secret_environment));
      break;
  }
  return Join(parts, " ");
}

ArchiveConfig ResolveArchive(const std::string& archive, const Config& config) {
  if (archive.empty()) {
    throw Error(ErrorCode::kInvalidArgument,
                "Cannot find the archive '': give a name of the configuration, a URL or a folder");
  }
  if (const auto found = config.archives.find(archive); found != config.archives.end()) {
    WarnOfPlainTextSecrets(found->second);
    return found->second;
  }
  if (archive.find("://") != std::string::npos) {
    return FromUrl(archive);
  }
  std::error_code error;
  if (std::filesystem::is_directory(archive, error)) {
    const std::filesystem::path folder = std::filesystem::canonical(archive, error);
    if (!error) {
      return FromFolder(folder);
    }
  }
  std::string reason = "no existing folder";
  if (error && error != std::errc::no_such_file_or_directory && error != std::errc::not_a_directory) {
    reason = StrCat("no usable folder (", error.message(), ")");
  }
  throw Error(ErrorCode::kInvalidArgument,
              StrCat("Cannot find the archive '", WithoutSecrets(archive), "': it is no name in the configuration (",
                     KnownArchives(config), "), no http(s) URL, and ", reason));
}

std::filesystem::path DefaultCacheDirectory() {
  if (const auto directory = XdgDirectory("XDG_CACHE_HOME")) {
    return *directory;
  }
  return ::geteuid() == 0 ? "/var/cache/trolleyfs" : HomeDirectory() / ".cache/trolleyfs";
}

std::filesystem::path DefaultDemoDirectory() {
  if (const auto directory = XdgDirectory("XDG_DATA_HOME")) {
    return *directory / "demo";
  }
  return HomeDirectory() / ".local/share/trolleyfs/demo";
}

std::filesystem::path ExpandPath(const std::string& path, const std::filesystem::path& base) {
  std::filesystem::path expanded = path;
  if (path == "~" || path.starts_with("~/")) {
    expanded = HomeDirectory() / path.substr(std::min<size_t>(2, path.size()));
  }
  return (base / expanded).lexically_normal();
}

std::vector<std::filesystem::path> DefaultConfigFiles() {
  const auto own = XdgDirectory("XDG_CONFIG_HOME");
  return {"/etc/trolleyfs/config.toml", (own ? *own : HomeDirectory() / ".config/trolleyfs") / "config.toml"};
}

}  // namespace trolley
