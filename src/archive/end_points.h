#ifndef TROLLEY_ARCHIVE_END_POINTS_H_
#define TROLLEY_ARCHIVE_END_POINTS_H_

#include <cstdint>
#include <memory>

#include "archive/config.h"
#include "cache/lmdb_environment.h"
#include "download/downloader.h"
#include "net/association_pool.h"
#include "net/http.h"
#include "search/folder.h"
#include "search/searcher.h"

namespace trolley {

// What an archive's configuration names: whom to ask, and whom to fetch from. Asks nobody when it is made.
struct EndPoints {
  std::shared_ptr<Searcher> searcher;
  std::shared_ptr<Downloader> downloader;
  // Null where they are not used. A searcher and a downloader at the same address share one.
  std::shared_ptr<AssociationPool> searcher_associations;
  std::shared_ptr<AssociationPool> downloader_associations;
  std::shared_ptr<FolderArchive> folder;
};

// `lmdb` is where a folder's index is kept; null: in memory only. Throws kInvalidArgument for what does not fit
// together, also for a secret that cannot be read, and kUnavailable when c-move's port is in use.
EndPoints MakeEndPoints(const ArchiveConfig& config, const std::shared_ptr<LmdbEnvironment>& lmdb);

// How many transfers at a time are asked of the archive, and how many over a long way, where more than a few pay.
uint32_t TransfersAtATime(const ArchiveConfig& config, const EndPoints& ends);
uint32_t MostTransfersAtATime(const ArchiveConfig& config, const EndPoints& ends);

std::shared_ptr<Authenticator> MakeAuthenticator(const AuthConfig& auth, const ArchiveConfig& config);
std::shared_ptr<HttpClient> MakeHttpClient(const ArchiveConfig& config, const EndPointConfig& end_point,
                                           std::shared_ptr<RequestPace> pace = nullptr);

}  // namespace trolley

#endif  // TROLLEY_ARCHIVE_END_POINTS_H_
