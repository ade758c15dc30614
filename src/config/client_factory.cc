// Turns the configuration of an archive into connections. The only part of the program that knows which settings of the
// archive a connection gets; the types of clients in types/ add what is theirs.
#include "config/client_factory.h"

#include <utility>

#include "base/rate_limiter.h"
#include "base/secret_reader.h"
#include "cache/blob_store.h"
#include "config/registry.h"
#include "config/search_stores.h"
#include "orthanc/orthanc_detection.h"
#include "trolley/authenticator.h"
#include "trolley/error.h"

namespace trolley {
namespace {

constexpr uint64_t kMaxFolderIndexBytes = uint64_t{8} << 30;

// The connection of any request to the archive, but for its authentication.
HttpOptions PlainHttpOptions(const ArchiveConfig& archive) {
  HttpOptions options;
  options.connect_timeout = archive.connect_timeout;
  options.stall_timeout = archive.stall_timeout;
  options.ca_file = archive.ca_file;
  options.http2 = archive.http2;
  for (const Endpoint* endpoint : {&archive.searcher->endpoint(), &archive.downloader->endpoint()}) {
    if (const auto* http = std::get_if<HttpEndpoint>(endpoint)) {
      options.home.push_back(http->url);
    }
  }
  for (const HeaderConfig& header : archive.headers) {
    options.headers.push_back({header.name, header.value, header.secret});
  }
  options.client_certificate = {archive.certificate_file, archive.key_file, archive.key_password};
  return options;
}

// The secret is read when it is needed, so that it can change without a restart.
SecretFunction ReadLater(const SecretSource& secret) {
  return secret.empty() ? SecretFunction() : [secret] { return ReadSecret(secret); };
}

DicomPeer MakePeer(const ArchiveConfig& archive, const DicomEndpoint& endpoint) {
  DicomPeer peer = endpoint.peer;
  peer.connect_timeout = archive.connect_timeout;
  peer.stall_timeout = archive.stall_timeout;
  peer.max_associations = archive.associations;
  if (endpoint.tls) {
    DicomTls tls;
    tls.ca_file = archive.ca_file;
    tls.certificate_file = archive.certificate_file;
    tls.key_file = archive.key_file;
    tls.key_password = ReadLater(archive.key_password);
    tls.check_host = endpoint.check_host;
    peer.tls = std::move(tls);
  }
  if (!endpoint.user.empty()) {
    peer.user = DicomUser{endpoint.user, ReadLater(endpoint.passcode)};
  }
  return peer;
}

bool IsSameApplication(const DicomEndpoint& a, const DicomEndpoint& b) {
  return a.peer.host == b.peer.host && a.peer.port == b.peer.port && a.peer.calling_aet == b.peer.calling_aet &&
         a.peer.called_aet == b.peer.called_aet && a.tls == b.tls && a.check_host == b.check_host && a.user == b.user &&
         a.passcode == b.passcode;
}

}  // namespace

ClientFactory::ClientFactory(const ArchiveConfig& archive, std::shared_ptr<LmdbEnvironment> lmdb)
    : archive_(archive), lmdb_(std::move(lmdb)) {
  if (archive_.requests_per_second > 0) {
    rate_limiter_ = std::make_shared<RateLimiter>(archive_.requests_per_second);
  }
}

std::shared_ptr<HttpClient> ClientFactory::Http(const HttpEndpoint& endpoint) {
  if (endpoint.auth != nullptr) {
    return MakeHttp(endpoint);
  }
  if (http_ == nullptr) {
    http_ = MakeHttp(endpoint);
  }
  return http_;
}

std::shared_ptr<HttpClient> ClientFactory::MakeHttp(const HttpEndpoint& endpoint) const {
  HttpOptions options = PlainHttpOptions(archive_);
  options.rate_limiter = rate_limiter_;
  if (endpoint.auth != nullptr) {
    // Its credentials are not shown to the other client's host.
    options.home = {endpoint.url};
  }
  const AuthConfig* auth = endpoint.auth != nullptr ? endpoint.auth.get() : archive_.auth.get();
  if (auth != nullptr) {
    LoginOptions login;
    login.http = PlainHttpOptions(archive_);
    options.auth = auth->Make(std::move(login), archive_);
  }
  return std::make_shared<HttpClient>(std::move(options));
}

std::shared_ptr<AssociationPool> ClientFactory::Associations(const DicomEndpoint& endpoint) {
  for (const SharedAssociations& shared : associations_) {
    if (IsSameApplication(shared.endpoint, endpoint)) {
      return shared.pool;
    }
  }
  DicomPeer peer = MakePeer(archive_, endpoint);
  peer.pace = rate_limiter_;
  associations_.push_back({endpoint, std::make_shared<AssociationPool>(std::move(peer))});
  return associations_.back().pool;
}

std::shared_ptr<FolderArchive> ClientFactory::Folder(const FolderEndpoint& endpoint) {
  if (folder_ == nullptr) {
    FolderOptions options;
    options.path = endpoint.path;
    options.rescan_interval = archive_.search_expiry;
    std::shared_ptr<FolderIndexStore> index = MakeMemoryFolderIndexStore();
    if (lmdb_ != nullptr) {
      index =
          MakeFolderIndexStore(std::make_shared<BlobStore>(lmdb_, "folder", archive_.Identity(), kMaxFolderIndexBytes));
    }
    folder_ = std::make_shared<FolderArchive>(std::move(options), std::move(index));
  }
  return folder_;
}

std::shared_ptr<OrthancRest> ClientFactory::Orthanc() {
  if (!orthanc_) {
    orthanc_ = MakeOrthanc();
  }
  return *orthanc_;
}

std::shared_ptr<OrthancRest> ClientFactory::MakeOrthanc() {
  const auto* searcher = archive_.searcher->endpoint_as<HttpEndpoint>();
  const bool detect = archive_.profile == ServerProfile::kAuto;
  if (searcher == nullptr || !searcher->dicom_web || (!detect && archive_.profile != ServerProfile::kOrthanc)) {
    return nullptr;
  }
  std::string url = archive_.orthanc_url;
  if (url.empty()) {
    try {
      url = OrthancRoot(searcher->url);
    } catch (const Error&) {
      if (detect) {
        return nullptr;  // nothing is above the service
      }
      throw;
    }
  }
  return std::make_shared<OrthancRest>(std::move(url), Http(*searcher),
                                       detect ? OrthancRest::Basis::kDetected : OrthancRest::Basis::kConfigured);
}

}  // namespace trolley
