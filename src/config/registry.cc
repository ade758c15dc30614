// Finds the type that a table names, and lets it read the table.
#include "config/registry.h"

#include <vector>

#include "base/text.h"

namespace trolley {
namespace {

#define TROLLEY_ADDRESS(name) &(name),
constexpr const SearcherType* kSearcherTypes[] = {TROLLEY_SEARCHER_TYPES(TROLLEY_ADDRESS)};
constexpr const DownloaderType* kDownloaderTypes[] = {TROLLEY_DOWNLOADER_TYPES(TROLLEY_ADDRESS)};
constexpr const AuthType* kAuthTypes[] = {TROLLEY_AUTH_TYPES(TROLLEY_ADDRESS)};
#undef TROLLEY_ADDRESS

// The type that the key `type` names.
template <typename Type>
const Type& ReadType(ConfigTable& table, std::span<const Type* const> types, std::string_view role) {
  const std::string given = table.RequiredString("type");
  std::vector<std::string> known;
  for (const Type* type : types) {
    if (type->name == given) {
      return *type;
    }
    known.emplace_back(type->name);
  }
  table.Refuse("type", StrCat("unknown ", role, " type '", given, "', use ", Join(known, " or ")));
}

// The endpoint that a configured downloader may share: its credentials are its own, or those of the archive.
Endpoint WithoutAuth(Endpoint endpoint) {
  if (auto* http = std::get_if<HttpEndpoint>(&endpoint)) {
    http->auth = nullptr;
  }
  return endpoint;
}

// Null when the type of searcher has none.
std::shared_ptr<const DownloaderConfig> DefaultDownloader(const SearcherType& type, const SearcherConfig& searcher) {
  for (const DownloaderType* each : kDownloaderTypes) {
    if (each->name == type.default_downloader) {
      ConfigTable nothing = ConfigTable::Make({});
      return each->read(nothing, &searcher.endpoint());
    }
  }
  return nullptr;
}

}  // namespace

std::span<const SearcherType* const> SearcherTypes() {
  return kSearcherTypes;
}
std::span<const DownloaderType* const> DownloaderTypes() {
  return kDownloaderTypes;
}
std::span<const AuthType* const> AuthTypes() {
  return kAuthTypes;
}

const FolderEndpoint* FolderOf(const ArchiveConfig& archive) {
  const auto* folder = archive.searcher->endpoint_as<FolderEndpoint>();
  return folder != nullptr ? folder : archive.downloader->endpoint_as<FolderEndpoint>();
}

std::shared_ptr<const AuthConfig> ReadAuth(ConfigTable& table) {
  for (const char* name : {"secret", "password", "token"}) {
    if (table.Has(name)) {
      const std::string use = std::string_view(name) == "token" ? "token" : "password";
      table.Refuse(name, StrCat("secrets do not belong into this file: use ", use, "_file, ", use, "_env or ", use,
                                "_credential"));
    }
  }
  const AuthType& type = ReadType(table, AuthTypes(), "auth");
  auto auth = type.read(table);
  table.RefuseUnknownKeys();
  return auth;
}

void ReadClients(ConfigTable& table, ArchiveConfig& archive) {
  auto searcher = table.Table("searcher");
  auto downloader = table.Table("downloader");
  if (!searcher) {
    return;  // refused at the end: a misspelt "searcher" must be reported as that, not as a missing one
  }
  const SearcherType& type = ReadType(*searcher, SearcherTypes(), "searcher");
  archive.searcher = type.read(*searcher);
  searcher->RefuseUnknownKeys();
  if (downloader) {
    const Endpoint inherited = WithoutAuth(archive.searcher->endpoint());
    archive.downloader = ReadType(*downloader, DownloaderTypes(), "downloader").read(*downloader, &inherited);
    downloader->RefuseUnknownKeys();
  } else {
    archive.downloader = DefaultDownloader(type, *archive.searcher);
    if (archive.downloader == nullptr) {
      table.Refuse(StrCat("a searcher of type ", type.name,
                          " needs a downloader: add downloader = { type = \"rad69\", url = ... }"));
    }
  }
  archive.searcher->ApplyDefaults(archive);
}

ArchiveConfig ArchiveOf(const SearcherType& type, ConfigTable searcher) {
  ArchiveConfig archive;
  archive.searcher = type.read(searcher);
  archive.downloader = DefaultDownloader(type, *archive.searcher);
  archive.searcher->ApplyDefaults(archive);
  return archive;
}

}  // namespace trolley
