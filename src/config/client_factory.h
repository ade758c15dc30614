#ifndef TROLLEY_CONFIG_CLIENT_FACTORY_H_
#define TROLLEY_CONFIG_CLIENT_FACTORY_H_

#include <memory>
#include <optional>
#include <vector>

#include "cache/lmdb_environment.h"
#include "config/endpoint.h"
#include "dimse/association_pool.h"
#include "orthanc/orthanc_rest.h"
#include "trolley/config.h"
#include "trolley/folder_archive.h"
#include "trolley/http_client.h"

namespace trolley {

// Makes the connections that the types of searchers and downloaders (see registry.h) need, with the archive's time
// limits, certificates and credentials. Searcher and downloader share what has the same address. For one archive and
// one thread; the archive's configuration must live longer. Sends nothing.
class ClientFactory {
 public:
  ClientFactory(const ArchiveConfig& archive, std::shared_ptr<LmdbEnvironment> lmdb);

  const ArchiveConfig& archive() const { return archive_; }
  // One for all, unless an endpoint has an authentication of its own: connections and tokens are shared.
  std::shared_ptr<HttpClient> Http(const HttpEndpoint& endpoint);
  // One for all endpoints that are the same application with the same account.
  std::shared_ptr<AssociationPool> Associations(const DicomEndpoint& endpoint);
  std::shared_ptr<FolderArchive> Folder(const FolderEndpoint& endpoint);
  // Orthanc's own interface, when the searcher is a DICOMweb service which is configured as an Orthanc or may be one;
  // else null.
  std::shared_ptr<OrthancRest> Orthanc();

 private:
  std::shared_ptr<HttpClient> MakeHttp(const HttpEndpoint& endpoint) const;
  std::shared_ptr<OrthancRest> MakeOrthanc();

  struct SharedAssociations {
    DicomEndpoint endpoint;
    std::shared_ptr<AssociationPool> pool;
  };

  const ArchiveConfig& archive_;
  const std::shared_ptr<LmdbEnvironment> lmdb_;  // null: the index of a folder is kept in memory
  std::shared_ptr<RateLimiter> rate_limiter_;    // null: no limit
  std::shared_ptr<HttpClient> http_;
  std::shared_ptr<FolderArchive> folder_;
  std::optional<std::shared_ptr<OrthancRest>> orthanc_;
  std::vector<SharedAssociations> associations_;
};

}  // namespace trolley

#endif  // TROLLEY_CONFIG_CLIENT_FACTORY_H_
