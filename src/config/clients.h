#ifndef TROLLEY_CONFIG_CLIENTS_H_
#define TROLLEY_CONFIG_CLIENTS_H_

#include <cstdint>
#include <memory>

#include "cache/lmdb_environment.h"
#include "config/config.h"
#include "dimse/association_pool.h"
#include "download/downloader.h"
#include "http/http_client.h"
#include "search/folder/folder_archive.h"
#include "search/searcher.h"

namespace trolley {

// What an archive's configuration names: whom to ask, and whom to fetch from. Asks nobody when it is made.
struct Clients {
  std::shared_ptr<Searcher> searcher;
  std::shared_ptr<Downloader> downloader;
  // Null where they are not used. A searcher and a downloader at the same address share one.
  std::shared_ptr<AssociationPool> searcher_associations;
  std::shared_ptr<AssociationPool> downloader_associations;
  std::shared_ptr<FolderArchive> folder;
};

// `lmdb` is where a folder's index is kept; null: in memory only. Throws kInvalidArgument for what does not fit
// together, also for a secret that cannot be read, and kUnavailable when c-move's port is in use.
Clients MakeClients(const ArchiveConfig& config, const std::shared_ptr<LmdbEnvironment>& lmdb);

// How many transfers at a time are asked of the archive, and how many over a long way, where more than a few pay.
uint32_t Concurrency(const ArchiveConfig& config, const Clients& ends);
uint32_t MaxConcurrency(const ArchiveConfig& config, const Clients& ends);

std::shared_ptr<Authenticator> MakeAuthenticator(const AuthConfig& auth, const ArchiveConfig& config);
std::shared_ptr<HttpClient> MakeHttpClient(const ArchiveConfig& config, const ClientConfig& client,
                                           std::shared_ptr<RateLimiter> pace = nullptr);

}  // namespace trolley

#endif  // TROLLEY_CONFIG_CLIENTS_H_
