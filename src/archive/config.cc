#include "archive/config.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include "archive/config_table.h"
#include "archive/criteria.h"
#include "archive/service_url.h"
#include "base/error.h"
#include "base/log.h"
#include "base/text.h"

namespace trolley {
namespace {

constexpr size_t kMaxConfigBytes = 1 << 20;

// A name that is safe in paths, messages and mount options.
bool IsArchiveName(std::string_view name) {
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
  return !name.empty() && name.find_first_not_of(kAllowed) == std::string_view::npos && name[0] != '-' &&
         name[0] != '.';
}

std::string ServiceUrl(ConfigTable& table) {
  const std::string url = table.RequiredString("url");
  try {
    return NormalizeServiceUrl(url);
  } catch (const Error& error) {
    table.Refuse("url", error.what());
  }
}

// The end points: which protocol, and where.
void ReadEndPoint(ConfigTable& table, const std::vector<std::string>& types, const char* role,
                  const std::filesystem::path& base, std::string& type, std::string& url,
                  std::filesystem::path& folder) {
  type = table.RequiredString("type");
  if (std::find(types.begin(), types.end(), type) == types.end()) {
    table.Refuse("type", StrCat("unknown ", role, " type '", type, "', use ", Join(types, " or ")));
  }
  if (type == "folder") {
    const std::filesystem::path path = ExpandPath(table.RequiredString("path"), base);
    if (!folder.empty() && folder != path) {
      table.Refuse("path", "searcher and downloader name different folders");
    }
    folder = path;
  } else {
    url = ServiceUrl(table);
  }
  table.RefuseUnknownKeys();
}

void ReadEndPoints(ConfigTable& table, const std::filesystem::path& base, ArchiveConfig& archive) {
  auto searcher = table.Table("searcher");
  if (!searcher) {
    return;  // refused at the end, lest a misspelt "searcher" be called a missing one
  }
  ReadEndPoint(*searcher, {"qido-rs", "folder"}, "searcher", base, archive.searcher_type, archive.searcher_url,
               archive.folder);
  if (auto downloader = table.Table("downloader")) {
    ReadEndPoint(*downloader, {"wado-rs", "folder"}, "downloader", base, archive.downloader_type,
                 archive.downloader_url, archive.folder);
  } else {
    archive.downloader_type = archive.searcher_type == "folder" ? "folder" : "wado-rs";
    archive.downloader_url = archive.searcher_url;
  }
  if (archive.searcher_type == "folder") {
    ApplyFolderDefaults(archive);
  }
}

void ReadSecret(ConfigTable& table, const std::string& secret, const std::filesystem::path& base, AuthConfig& auth) {
  const std::string file_key = secret + "_file";
  const std::string environment_key = secret + "_env";
  const auto file = table.String(file_key);
  const auto environment = table.String(environment_key);
  if (file.has_value() == environment.has_value()) {
    table.Refuse(StrCat("auth needs either ", file_key, " or ", environment_key));
  }
  if (file) {
    if (file->empty()) {
      table.Refuse(file_key, StrCat("'", file_key, "' is empty"));
    }
    auth.secret_file = ExpandPath(*file, base);
  } else {
    if (environment->empty() || environment->find('=') != std::string::npos) {
      table.Refuse(environment_key, StrCat("'", environment_key, "' is no name of an environment variable"));
    }
    auth.secret_environment = *environment;
  }
}

void ReadAuth(ConfigTable& table, const std::filesystem::path& base, AuthConfig& auth) {
  for (const char* secret : {"password", "token", "secret"}) {
    if (table.Has(secret)) {
      table.Refuse(secret, StrCat("secrets do not belong into this file: use ", std::string_view(secret) == "token"
                                                                                    ? "token_file or token_env"
                                                                                    : "password_file or password_env"));
    }
  }
  const std::string type = table.RequiredString("type");
  if (type == "basic") {
    auth.type = AuthConfig::Type::kBasic;
    auth.user = table.RequiredString("user");
    if (auth.user.find_first_of(":\r\n") != std::string::npos) {
      table.Refuse("user", "a user name cannot contain ':' or line breaks");
    }
    ReadSecret(table, "password", base, auth);
  } else if (type == "bearer") {
    auth.type = AuthConfig::Type::kBearer;
    ReadSecret(table, "token", base, auth);
  } else if (type != "none") {
    table.Refuse("type", StrCat("unknown auth type '", type, "', use basic, bearer or none"));
  }
  table.RefuseUnknownKeys();
}

void ReadBrowse(ConfigTable& table, ArchiveConfig& archive) {
  const auto browse = table.String("browse");
  if (!browse) {
    return;
  }
  if (*browse != "all") {
    try {
      Query query;
      AddCriteria(*browse, query);
    } catch (const Error& error) {
      table.Refuse("browse", error.what());
    }
  }
  archive.browse = *browse;
}

template <typename T>
void ReadChoice(ConfigTable& table, const char* key, const std::vector<std::pair<std::string, T>>& choices, T& value) {
  const auto text = table.String(key);
  if (!text) {
    return;
  }
  std::vector<std::string> known;
  for (const auto& [name, choice] : choices) {
    if (name == *text) {
      value = choice;
      return;
    }
    known.push_back(StrCat("\"", name, "\""));
  }
  table.Refuse(key, StrCat("'", key, "' must be ", Join(known, " or ")));
}

void ReadLimits(ConfigTable& table, const std::filesystem::path& base, ArchiveConfig& archive) {
  using std::chrono::milliseconds;
  if (auto timeouts = table.Table("timeouts")) {
    timeouts->Duration("connect", milliseconds(1), archive.connect_timeout);
    timeouts->Duration("stall", milliseconds(1), archive.stall_timeout);
    timeouts->Duration("query", milliseconds(1), archive.query_timeout);
    timeouts->Duration("transfer", milliseconds(1), archive.transfer_timeout);
    timeouts->RefuseUnknownKeys();
  }
  if (auto limits = table.Table("limits")) {
    limits->Number("connections", 1, 256, archive.connections);
    limits->RefuseUnknownKeys();
  }
  if (auto cache = table.Table("cache")) {
    if (const auto directory = cache->String("directory")) {
      if (directory->empty()) {
        cache->Refuse("directory", "'directory' is empty");
      }
      archive.cache_directory = ExpandPath(*directory, base);
    }
    cache->Size("max_size", archive.cache_max_size);
    cache->Size("min_free", archive.cache_min_free);
    cache->RefuseUnknownKeys();
  }
}

ArchiveConfig ReadArchive(ConfigTable& table, const std::string& name, const std::filesystem::path& base) {
  ArchiveConfig archive;
  archive.name = name;
  ReadEndPoints(table, base, archive);
  if (auto auth = table.Table("auth")) {
    ReadAuth(*auth, base, archive.auth);
  }
  if (const auto ca_file = table.String("ca_file")) {
    archive.ca_file = ca_file->empty() ? std::filesystem::path() : ExpandPath(*ca_file, base);
  }
  ReadBrowse(table, archive);
  ReadChoice<ArchiveConfig::Names>(table, "names",
                                   {{"readable", ArchiveConfig::Names::kReadable}, {"uid", ArchiveConfig::Names::kUid}},
                                   archive.names);
  ReadChoice<ArchiveConfig::Sizes>(
      table, "sizes", {{"estimate", ArchiveConfig::Sizes::kEstimate}, {"exact", ArchiveConfig::Sizes::kExact}},
      archive.sizes);
  table.Duration("search_expiry", std::chrono::milliseconds(0), archive.search_expiry);
  ReadLimits(table, base, archive);
  table.RefuseUnknownKeys();
  if (archive.searcher_type.empty()) {
    table.Refuse(StrCat("archive '", name,
                        "' has no searcher; add searcher = { type = \"qido-rs\", url = ... } "
                        "or { type = \"folder\", path = ... }"));
  }
  return archive;
}

// nullopt when there is no such file.
std::optional<std::string> ReadConfigFile(const std::filesystem::path& file) {
  std::error_code error;
  if (std::filesystem::is_directory(file, error)) {
    throw Error(ErrorCode::kInvalidArgument, StrCat("Cannot read the configuration ", file.string(), ": a directory"));
  }
  errno = 0;
  std::ifstream in(file, std::ios::binary);
  if (!in) {
    const int code = errno;
    if (code == ENOENT || code == ENOTDIR) {
      return std::nullopt;
    }
    throw Error(ErrorCode::kInvalidArgument,
                StrCat("Cannot read the configuration ", file.string(), ": ", std::strerror(code)));
  }
  std::string text(kMaxConfigBytes + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad() || !in.eof()) {
    throw Error(ErrorCode::kInvalidArgument, StrCat("Cannot read the configuration ", file.string(),
                                                    in.bad() ? ": read error" : ": it is larger than 1 MiB"));
  }
  text.resize(static_cast<size_t>(in.gcount()));
  return text;
}

}  // namespace

Config ParseConfig(std::string_view text, const std::string& file_name) {
  std::error_code ignored;
  const std::filesystem::path base = std::filesystem::absolute(file_name, ignored).parent_path();
  Config config;
  ConfigTable top = ConfigTable::Parse(text, file_name);
  if (auto archives = top.Table("archive")) {
    for (const std::string& name : archives->Keys()) {
      if (!IsArchiveName(name)) {
        archives->Refuse(name, StrCat("'", name, "' is no archive name: use letters, digits, '.', '_' and '-'"));
      }
      auto table = archives->Table(name);
      config.archives.emplace(name, ReadArchive(*table, name, base));
    }
  }
  top.RefuseUnknownKeys();
  return config;
}

Config LoadConfig(const std::optional<std::filesystem::path>& file) {
  if (file) {
    const auto text = ReadConfigFile(*file);
    if (!text) {
      throw Error(ErrorCode::kInvalidArgument,
                  StrCat("Cannot read the configuration ", file->string(), ": no such file"));
    }
    return ParseConfig(*text, file->string());
  }
  Config config;
  for (const std::filesystem::path& path : DefaultConfigFiles()) {
    if (const auto text = ReadConfigFile(path)) {
      for (auto& [name, archive] : ParseConfig(*text, path.string()).archives) {
        config.archives.insert_or_assign(name, archive);
      }
    }
  }
  return config;
}

}  // namespace trolley
