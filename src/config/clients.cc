#include "config/clients.h"

#include <algorithm>

#include "config/client_factory.h"
#include "config/registry.h"

namespace trolley {
namespace {

constexpr uint32_t kConnections = 8;  // on a fast link, more connections do not raise the throughput

}  // namespace

Clients MakeClients(const ArchiveConfig& config, const std::shared_ptr<LmdbEnvironment>& lmdb) {
  ClientFactory factory(config, lmdb);
  Clients clients;
  clients.searcher = config.searcher->Make(factory);
  clients.downloader = config.downloader->Make(factory);
  if (const auto* endpoint = config.searcher->endpoint_as<DicomEndpoint>()) {
    clients.searcher_associations = factory.Associations(*endpoint);
  }
  if (const auto* endpoint = config.downloader->endpoint_as<DicomEndpoint>()) {
    clients.downloader_associations = factory.Associations(*endpoint);
  }
  if (const FolderEndpoint* folder = FolderOf(config)) {
    clients.folder = factory.Folder(*folder);
  }
  return clients;
}

uint32_t Concurrency(const ArchiveConfig& config, const Clients& clients) {
  const uint32_t most = MaxConcurrency(config, clients);
  return clients.downloader_associations == nullptr ? std::min(most, kConnections) : most;
}

uint32_t MaxConcurrency(const ArchiveConfig& config, const Clients& clients) {
  if (clients.downloader_associations == nullptr) {
    return config.connections;
  }
  // Where searcher and downloader share associations, one is left for queries: a long transfer must not hold up a
  // listing. Of two, one prefetches and one serves a reader; a query then waits for the latter at most.
  const bool shared = clients.searcher_associations == clients.downloader_associations;
  return config.associations > 2 && shared ? config.associations - 1 : config.associations;
}

}  // namespace trolley
