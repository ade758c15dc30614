#include "config/config.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "config/auth_config.h"
#include "config/client_config.h"
#include "config/config_table.h"
#include "config/service_url.h"
#include "tree/criteria.h"

namespace trolley {
namespace {

constexpr size_t kMaxConfigBytes = 1 << 20;

// A name that is safe in paths, messages and mount options.
bool IsArchiveName(std::string_view name) {
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
  return !name.empty() && name.find_first_not_of(kAllowed) == std::string_view::npos && name[0] != '-' &&
         name[0] != '.';
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
    limits->Number("associations", 1, 64, archive.associations);
    limits->Number("requests_per_second", 1, 10000, archive.requests_per_second);
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

void ReadCertificates(ConfigTable& table, const std::filesystem::path& base, ArchiveConfig& archive) {
  for (const auto& [key, file] :
       {std::pair("ca_file", &archive.ca_file), std::pair("certificate_file", &archive.certificate_file),
        std::pair("key_file", &archive.key_file)}) {
    if (const auto path = table.String(key); path && !path->empty()) {
      *file = ExpandPath(*path, base);
    }
  }
  archive.key_password = ReadSecretSource(table, "key_password", base);
  if (archive.certificate_file.empty() != archive.key_file.empty()) {
    table.Refuse("certificate_file and key_file belong together");
  }
}

void ReadProfile(ConfigTable& table, ArchiveConfig& archive) {
  if (const auto profile = table.String("profile")) {
    try {
      archive.profile = ParseServerProfile(*profile);
    } catch (const Error& error) {
      table.Refuse("profile", error.what());
    }
  }
  if (const auto url = table.String("orthanc_url")) {
    try {
      archive.orthanc_url = NormalizeServiceUrl(*url);
    } catch (const Error& error) {
      table.Refuse("orthanc_url", error.what());
    }
  }
}

ArchiveConfig ReadArchive(ConfigTable& table, const std::string& name, const std::filesystem::path& base) {
  ArchiveConfig archive;
  archive.name = name;
  ReadClients(table, base, archive);
  if (auto auth = table.Table("auth")) {
    archive.auth = ReadAuth(*auth, base);
  }
  if (auto headers = table.Table("headers")) {
    archive.headers = ReadHeaders(*headers, base);
  }
  ReadCertificates(table, base, archive);
  table.Bool("http2", archive.http2);
  ReadProfile(table, archive);
  ReadBrowse(table, archive);
  ReadChoice<NameStyle>(table, "names", {{"readable", NameStyle::kReadable}, {"uid", NameStyle::kUid}}, archive.names);
  ReadChoice<ArchiveConfig::Sizes>(
      table, "sizes", {{"estimate", ArchiveConfig::Sizes::kEstimate}, {"exact", ArchiveConfig::Sizes::kExact}},
      archive.sizes);
  table.Duration("search_expiry", std::chrono::milliseconds(0), archive.search_expiry);
  ReadLimits(table, base, archive);
  table.RefuseUnknownKeys();
  if (archive.searcher.type.empty()) {
    table.Refuse(StrCat("archive '", name,
                        "' has no searcher; add searcher = { type = \"qido-rs\", url = ... }, "
                        "{ type = \"dicom-qr\", host = ..., aec = ... } or { type = \"folder\", path = ... }"));
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
