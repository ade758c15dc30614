#include "mount/commands/open_archive.h"

#include <memory>

#include "base/text.h"
#include "cache/lmdb_environment.h"
#include "config/registry.h"
#include "trolley/error.h"
#include "trolley/log.h"

namespace trolley {

Clients OpenClients(const ArchiveConfig& config) {
  std::shared_ptr<LmdbEnvironment> lmdb;
  if (FolderOf(config) != nullptr) {
    try {
      lmdb = LmdbEnvironment::Open(config.cache_directory);
    } catch (const Error& error) {
      LogInfo(StrCat("The folder is read without its index: ", error.what()));
    }
  }
  return MakeClients(config, lmdb);
}

bool IsInsideFolderOf(const ArchiveConfig& archive, const std::filesystem::path& path) {
  const FolderEndpoint* endpoint = FolderOf(archive);
  if (endpoint == nullptr) {
    return false;
  }
  std::error_code error;
  const std::string folder = std::filesystem::canonical(endpoint->path, error).string() + "/";
  return !error && (std::filesystem::weakly_canonical(path).string() + "/").starts_with(folder);
}

std::chrono::milliseconds QueryTimeout(const ArchiveConfig& config) {
  // The first look at a big folder takes as long as it takes.
  return config.searcher->endpoint_as<FolderEndpoint>() != nullptr ? config.transfer_timeout : config.query_timeout;
}

}  // namespace trolley
