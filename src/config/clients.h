#ifndef TROLLEY_CONFIG_CLIENTS_H_
#define TROLLEY_CONFIG_CLIENTS_H_

#include <cstdint>
#include <memory>

#include "cache/lmdb_environment.h"
#include "dimse/association_pool.h"
#include "trolley/config.h"
#include "trolley/downloader.h"
#include "trolley/folder_archive.h"
#include "trolley/searcher.h"

namespace trolley {

// The searcher and the downloader that an archive's configuration names.
struct Clients {
  std::shared_ptr<Searcher> searcher;
  std::shared_ptr<Downloader> downloader;
  // Null where they are not used. A searcher and a downloader at the same address share one.
  std::shared_ptr<AssociationPool> searcher_associations;
  std::shared_ptr<AssociationPool> downloader_associations;
  std::shared_ptr<FolderArchive> folder;
};

// Sends nothing yet. `lmdb` is where the index of a folder is kept; null: in memory only. Throws kInvalidArgument for
// what does not fit together and for a secret that cannot be read, and kUnavailable when c-move's port is in use.
Clients MakeClients(const ArchiveConfig& config, const std::shared_ptr<LmdbEnvironment>& lmdb);

// How many transfers run together, and how many on a high-latency link, where more of them raise the throughput.
uint32_t Concurrency(const ArchiveConfig& config, const Clients& clients);
uint32_t MaxConcurrency(const ArchiveConfig& config, const Clients& clients);

}  // namespace trolley

#endif  // TROLLEY_CONFIG_CLIENTS_H_
