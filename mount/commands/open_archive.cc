#include "mount/commands/open_archive.h"

#include <memory>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "cache/lmdb_environment.h"

namespace trolley {

Clients OpenClients(const ArchiveConfig& config) {
  std::shared_ptr<LmdbEnvironment> lmdb;
  if (!config.folder.empty()) {
    try {
      lmdb = LmdbEnvironment::Open(config.cache_directory);
    } catch (const Error& error) {
      LogInfo(StrCat("The folder is read without its index: ", error.what()));
    }
  }
  return MakeClients(config, lmdb);
}

std::chrono::milliseconds QueryTimeout(const ArchiveConfig& config) {
  // The first look at a big folder takes as long as it takes.
  return config.searcher.type == "folder" ? config.transfer_timeout : config.query_timeout;
}

}  // namespace trolley
