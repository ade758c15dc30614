// Which archive is meant by a name, URL or folder, and where its things are kept by default.
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <system_error>

#include "base/error.h"
#include "base/log.h"
#include "base/message_digest.h"
#include "base/text.h"
#include "config/client_config.h"
#include "config/config.h"
#include "config/service_url.h"
#include "tree/names.h"

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
  config.searcher.type = "qido-rs";
  config.downloader.type = "wado-rs";
  config.searcher.url = NormalizeServiceUrl(url);
  config.downloader.url = config.searcher.url;
  config.name = ServiceUrlHost(config.searcher.url);
  return config;
}

// "dicom://AEC@host:port"
ArchiveConfig FromDicomUrl(const std::string& url) {
  const auto refuse = [&](std::string_view reason) {
    throw Error(ErrorCode::kInvalidArgument, StrCat("Cannot use the address '", WithoutSecrets(url), "': ", reason,
                                                    "; write dicom://AETITLE@host:port with the archive's AE title"));
  };
  std::string_view rest = std::string_view(url).substr(std::string_view("dicom://").size());
  while (rest.ends_with('/')) {
    rest.remove_suffix(1);
  }
  DicomConfig dicom;
  if (const size_t at = rest.rfind('@'); at != std::string_view::npos) {
    dicom.aec = std::string(rest.substr(0, at));
    rest.remove_prefix(at + 1);
    if (!IsAeTitle(dicom.aec) || dicom.aec.find(':') != std::string::npos) {
      refuse("what stands before '@' is no AE title");
    }
  }
  const size_t colon = rest.ends_with(']') ? std::string_view::npos : rest.rfind(':');
  if (colon != std::string_view::npos) {
    const auto port = ParseUint(rest.substr(colon + 1));
    if (!port || *port == 0 || *port > 65535) {
      refuse("the port is not a number from 1 to 65535");
    }
    dicom.port = static_cast<uint32_t>(*port);
    rest = rest.substr(0, colon);
  }
  if (rest.starts_with('[') && rest.ends_with(']')) {
    rest = rest.substr(1, rest.size() - 2);
  }
  if (rest.empty() || rest.find_first_of("/?#[] ,") != std::string_view::npos) {
    refuse("it names no host");
  }
  dicom.host = std::string(rest);
  ArchiveConfig config;
  config.name = dicom.host;
  config.searcher.type = "dicom-qr";
  config.downloader.type = "c-get";
  config.searcher.dicom = dicom;
  config.downloader.dicom = dicom;
  return config;
}

ArchiveConfig FromFolder(const std::filesystem::path& folder) {
  ArchiveConfig config;
  config.searcher.type = "folder";
  config.downloader.type = "folder";
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
  for (const ClientConfig* client : {&config.searcher, &config.downloader}) {
    const AuthConfig& auth = client->auth ? *client->auth : config.auth;
    const bool dicom = IsDicomType(client->type);
    const bool secret = dicom ? !client->dicom.passcode.empty() : auth.type != AuthConfig::Type::kNone;
    const bool plain = dicom ? !client->dicom.tls : client->url.starts_with("http://");
    const std::string host = dicom ? client->dicom.host : plain ? ServiceUrlHost(client->url) : "";
    const bool loopback = host.starts_with("127.") || host.starts_with("localhost") || host.starts_with("[::1]");
    if (secret && plain && !loopback) {
      LogWarning(StrCat("Archive '", config.name, "': credentials go unencrypted to ", host, "; use ",
                        dicom ? "tls = true" : "https"));
      return;
    }
  }
}

}  // namespace

void ApplyFolderDefaults(ArchiveConfig& config) {
  config.browse = "all";
  config.search_expiry = std::chrono::seconds(10);
}

std::string AuthConfig::Identity() const {
  const auto source = [](const SecretSource& where) {
    return StrCat(where.file.string(), where.environment, where.credential);
  };
  switch (type) {
    case Type::kNone:
      return "";
    case Type::kBasic:
    case Type::kDigest:
    case Type::kVitrea:
    case Type::kImpax:
      return StrCat("user:", user);
    case Type::kBearer:
      return StrCat("token:", source(secret));
    case Type::kOAuth2:
      return StrCat("client:", client_id, "@", url, scope.empty() ? "" : StrCat("/", scope), source(refresh_token));
    case Type::kNetrc:
      return StrCat("netrc:", file.string());
  }
  return "";
}

std::string ArchiveConfig::Identity() const {
  std::vector<std::string> parts;
  const auto add = [&](const std::string& part) {
    if (!part.empty() && std::find(parts.begin(), parts.end(), part) == parts.end()) {
      parts.push_back(part);
    }
  };
  for (const ClientConfig* client : {&searcher, &downloader}) {
    const DicomConfig& dicom = client->dicom;
    add(StrCat(client->type, ":",
               client->type == "folder"    ? folder.string()
               : IsDicomType(client->type) ? StrCat(dicom.aec, "@", dicom.host, ":", dicom.port, " as ", dicom.aet)
                                           : client->url));
  }
  // Whom the archive shows what is its own decision: the answers to one account are not those to another.
  for (const ClientConfig* client : {&searcher, &downloader}) {
    if (IsDicomType(client->type)) {
      add(client->dicom.user.empty() ? "" : StrCat("user:", client->dicom.user));
    } else {
      add((client->auth ? *client->auth : auth).Identity());
    }
  }
  for (const HeaderConfig& header : headers) {
    const SecretSource& from = header.secret;
    add(StrCat("header:", AsciiLower(header.name), "=",
               from.empty() ? HexDigest(DigestAlgorithm::kSha256, header.value)
                            : StrCat(from.file.string(), from.environment, from.credential)));
  }
  if (!certificate_file.empty()) {
    add(StrCat("certificate:", certificate_file.string()));
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
  if (StartsWithIgnoreCase(archive, "dicom://")) {
    return FromDicomUrl(archive);
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
                     KnownArchives(config), "), no http(s) or dicom URL, and ", reason));
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
