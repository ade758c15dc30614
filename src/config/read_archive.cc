// The keys of an archive, apart from those of its searcher, downloader and authentication (see registry.h). Each key is
// named only where it is read; mount/CONFIGURATION.md describes them, and a test compares the two.
#include "config/read_archive.h"

#include <utility>
#include <vector>

#include "base/text.h"
#include "config/header_keys.h"
#include "config/registry.h"
#include "config/secret_keys.h"
#include "trolley/criteria.h"
#include "trolley/error.h"

namespace trolley {
namespace {

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

void ReadLimits(ConfigTable& table, ArchiveConfig& archive) {
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
      archive.cache_directory = *cache->Path("directory");
    }
    cache->Size("max_size", archive.cache_max_size);
    cache->Size("min_free", archive.cache_min_free);
    cache->RefuseUnknownKeys();
  }
}

void ReadCertificates(ConfigTable& table, ArchiveConfig& archive) {
  for (const auto& [key, file] :
       {std::pair("ca_file", &archive.ca_file), std::pair("certificate_file", &archive.certificate_file),
        std::pair("key_file", &archive.key_file)}) {
    *file = table.Path(key).value_or("");
  }
  archive.key_password = ReadSecretSource(table, "key_password");
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
  archive.orthanc_url = ReadServiceUrl(table, "orthanc_url", false).value_or("");
}

}  // namespace

ArchiveConfig ReadArchive(ConfigTable& table, const std::string& name) {
  ArchiveConfig archive;
  archive.name = name;
  ReadClients(table, archive);
  if (auto auth = table.Table("auth")) {
    archive.auth = ReadAuth(*auth);
  }
  if (auto headers = table.Table("headers")) {
    archive.headers = ReadHeaders(*headers);
  }
  ReadCertificates(table, archive);
  table.Bool("http2", archive.http2);
  ReadProfile(table, archive);
  ReadBrowse(table, archive);
  table.Choice<NameStyle>("names", {{"readable", NameStyle::kReadable}, {"uid", NameStyle::kUid}}, archive.names);
  using Sizes = ArchiveConfig::Sizes;
  table.Choice<Sizes>("sizes", {{"estimate", Sizes::kEstimate}, {"exact", Sizes::kExact}}, archive.sizes);
  table.Duration("search_expiry", std::chrono::milliseconds(0), archive.search_expiry);
  ReadLimits(table, archive);
  table.RefuseUnknownKeys();
  if (archive.searcher == nullptr) {
    std::vector<std::string> examples;
    for (const SearcherType* type : SearcherTypes()) {
      examples.push_back(StrCat("{ type = \"", type->name, "\", ", type->example, " }"));
    }
    table.Refuse(StrCat("archive '", name, "' has no searcher; add searcher = ", Join(examples, " or ")));
  }
  return archive;
}

}  // namespace trolley
