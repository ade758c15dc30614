#include "config/clients.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "base/error.h"
#include "base/rate_limiter.h"
#include "base/text.h"
#include "cache/blob_store.h"
#include "config/client_config.h"
#include "config/search_stores.h"
#include "download/c_get/c_get.h"
#include "download/c_move/c_move.h"
#include "download/folder/folder_downloader.h"
#include "download/rad69/rad69.h"
#include "download/wado/wado_rs.h"
#include "download/wado/wado_rs_metadata.h"
#include "download/wado/wado_uri.h"
#include "http/auth/login.h"
#include "orthanc/orthanc_downloader.h"
#include "orthanc/orthanc_rest.h"
#include "orthanc/orthanc_searcher.h"
#include "search/c_find/c_find.h"
#include "search/mint/mint.h"
#include "search/qido/qido_rs.h"

namespace trolley {
namespace {

constexpr uint64_t kMaxFolderIndexBytes = uint64_t{8} << 30;
constexpr uint32_t kConnections = 8;  // nearby, more do not bring more

// Client certificate, CA and headers, without the authentication.
HttpOptions PlainHttpOptions(const ArchiveConfig& config) {
  HttpOptions options;
  options.connect_timeout = config.connect_timeout;
  options.stall_timeout = config.stall_timeout;
  options.ca_file = config.ca_file;
  options.http2 = config.http2;
  for (const ClientConfig* client : {&config.searcher, &config.downloader}) {
    if (!client->url.empty()) {
      options.home.push_back(client->url);
    }
  }
  for (const HeaderConfig& header : config.headers) {
    options.headers.push_back({header.name, header.value, header.secret});
  }
  options.client_certificate = {config.certificate_file, config.key_file, config.key_password};
  return options;
}

SecretFunction ReadLater(const SecretSource& secret) {
  return secret.empty() ? SecretFunction() : [secret] { return ReadSecret(secret); };
}

DicomPeer MakePeer(const ArchiveConfig& config, const DicomConfig& dicom) {
  DicomPeer peer;
  peer.host = dicom.host;
  peer.port = static_cast<uint16_t>(dicom.port);
  peer.calling_aet = dicom.aet;
  peer.called_aet = dicom.aec;
  peer.connect_timeout = config.connect_timeout;
  peer.stall_timeout = config.stall_timeout;
  peer.max_associations = config.associations;
  if (dicom.tls) {
    peer.tls = DicomTls{config.ca_file, config.certificate_file, config.key_file, ReadLater(config.key_password)};
  }
  if (!dicom.user.empty()) {
    peer.user = DicomUser{dicom.user, ReadLater(dicom.passcode)};
  }
  return peer;
}

bool SamePeer(const DicomConfig& a, const DicomConfig& b) {
  return a.host == b.host && a.port == b.port && a.aet == b.aet && a.aec == b.aec && a.tls == b.tls &&
         a.user == b.user && a.passcode == b.passcode;
}

// Makes the parts of one archive; what both ends can share is made once.
class Maker {
 public:
  Maker(const ArchiveConfig& config, const std::shared_ptr<LmdbEnvironment>& lmdb) : config_(config), lmdb_(lmdb) {
    if (config.requests_per_second > 0) {
      pace_ = std::make_shared<RateLimiter>(config.requests_per_second);
    }
  }

  Clients Make() {
    if (config_.searcher.type == "folder" || config_.downloader.type == "folder") {
      OpenFolder();
    }
    if (config_.searcher.type == "qido-rs") {
      UseOrthanc();
    }
    ends_.searcher = MakeSearcher();
    ends_.downloader = MakeDownloader();
    return std::move(ends_);
  }

 private:
  void UseOrthanc() {
    const bool guess = config_.profile == ServerProfile::kAuto;
    if (!guess && config_.profile != ServerProfile::kOrthanc) {
      return;
    }
    std::string url = config_.orthanc_url;
    try {
      url = url.empty() ? OrthancRoot(config_.searcher.url) : url;
    } catch (const Error&) {
      if (guess) {
        return;  // nothing is above the service
      }
      throw;
    }
    rest_ = std::make_shared<OrthancRest>(std::move(url), Http(config_.searcher),
                                          guess ? OrthancRest::Basis::kGuess : OrthancRest::Basis::kTold);
  }

  void OpenFolder() {
    FolderOptions options;
    options.path = config_.folder;
    options.rescan_interval = config_.search_expiry;
    std::shared_ptr<FolderIndexStore> index = MakeMemoryFolderIndexStore();
    if (lmdb_ != nullptr) {
      index =
          MakeFolderIndexStore(std::make_shared<BlobStore>(lmdb_, "folder", config_.Identity(), kMaxFolderIndexBytes));
    }
    ends_.folder = std::make_shared<FolderArchive>(std::move(options), std::move(index));
  }

  // One for both ends, unless one has an authentication of its own: connections and tokens are shared.
  std::shared_ptr<HttpClient> Http(const ClientConfig& client) {
    if (client.auth) {
      return MakeHttpClient(config_, client, pace_);
    }
    if (http_ == nullptr) {
      http_ = MakeHttpClient(config_, client, pace_);
    }
    return http_;
  }

  std::shared_ptr<AssociationPool> Associations(const DicomConfig& dicom) {
    if (pool_ == nullptr || !SamePeer(dicom, pool_peer_)) {
      DicomPeer peer = MakePeer(config_, dicom);
      peer.pace = pace_;
      pool_ = std::make_shared<AssociationPool>(std::move(peer));
      pool_peer_ = dicom;
    }
    return pool_;
  }

  // What is opened is the file whose size the searcher's Orthanc tells, not one of another server or with a file meta
  // information of our own.
  bool GivesStoredFiles() const {
    const ClientConfig& client = config_.downloader;
    return (client.type == "wado-rs" && (client.url == config_.searcher.url || !config_.orthanc_url.empty())) ||
           (client.type == "wado-uri" && config_.profile == ServerProfile::kOrthanc);
  }

  std::shared_ptr<Searcher> MakeSearcher() {
    const ClientConfig& client = config_.searcher;
    if (client.type == "folder") {
      return MakeFolderSearcher(ends_.folder);
    }
    if (client.type == "qido-rs") {
      QidoRsOptions options;
      options.url = client.url;
      options.query_timeout = config_.query_timeout;
      options.profile = config_.profile;
      auto qido = MakeQidoRsSearcher(std::move(options), Http(client));
      return rest_ != nullptr && GivesStoredFiles() ? MakeOrthancSizesSearcher(std::move(qido), rest_)
                                                    : std::move(qido);
    }
    if (client.type == "mint") {
      MintOptions options;
      options.url = client.url;
      options.query_timeout = config_.query_timeout;
      options.dialect = client.mint_reference ? MintDialect::kReference : MintDialect::kVitrea;
      if (client.date_parameters == "min_study_date") {
        options.min_date_parameter = "min_study_date";
        options.max_date_parameter = "max_study_date";
      }
      return MakeMintSearcher(std::move(options), Http(client));
    }
    if (client.type == "dicom-qr") {
      CFindOptions options;
      options.patient_root = client.dicom.patient_root;
      options.relational = client.dicom.relational;
      options.query_timeout = config_.query_timeout;
      if (!client.dicom.charset.empty()) {
        options.query_charset = client.dicom.charset;
      }
      if (!client.dicom.fallback_charset.empty()) {
        options.fallback_charset = client.dicom.fallback_charset;
      }
      ends_.searcher_associations = Associations(client.dicom);
      return MakeCFindSearcher(std::move(options), ends_.searcher_associations);
    }
    Unknown("searcher", client.type);
  }

  std::shared_ptr<Downloader> MakeDownloader() {
    const ClientConfig& client = config_.downloader;
    if (client.type == "folder") {
      return MakeFolderDownloader([folder = ends_.folder](const InstanceReference& instance, const Context& context) {
        return folder->FindFile(instance, context);
      });
    }
    return IsDicomType(client.type) ? MakeDicomDownloader(client) : MakeHttpDownloader(client);
  }

  std::shared_ptr<Downloader> MakeHttpDownloader(const ClientConfig& client) {
    const auto http = Http(client);
    if (client.type == "wado-rs") {
      WadoRsOptions options;
      options.url = client.url;
      options.profile = config_.profile;
      auto wado = MakeWadoRsDownloader(std::move(options), http);
      // Not with what another server has.
      const bool same = client.url == config_.searcher.url || !config_.orthanc_url.empty();
      return rest_ != nullptr && same ? MakeOrthancDownloader(rest_, http, std::move(wado)) : std::move(wado);
    }
    if (client.type == "wado-uri") {
      WadoUriOptions options;
      options.url = client.url;
      return MakeWadoUriDownloader(std::move(options), http);
    }
    if (client.type == "wado-rs-metadata") {
      WadoRsMetadataOptions options;
      options.url = client.url;
      return MakeWadoRsMetadataDownloader(std::move(options), http);
    }
    if (client.type == "rad69") {
      Rad69Options options;
      options.url = client.url;
      if (!client.repository_uid.empty()) {
        options.repository_uid = client.repository_uid;
      }
      options.errors_to_ignore = client.errors_to_ignore;
      options.request =
          client.request_per_series ? Rad69Options::Request::kPerSeries : Rad69Options::Request::kAllAtOnce;
      options.envelope = client.bare_soap ? Rad69Options::Envelope::kSoap : Rad69Options::Envelope::kMtom;
      return MakeRad69Downloader(std::move(options), http);
    }
    Unknown("downloader", client.type);
  }

  std::shared_ptr<Downloader> MakeDicomDownloader(const ClientConfig& client) {
    ends_.downloader_associations = Associations(client.dicom);
    const bool patient_root = config_.searcher.type == "dicom-qr" && config_.searcher.dicom.patient_root;
    if (client.type == "c-get") {
      CGetOptions options;
      options.patient_root = patient_root;
      return MakeCGetDownloader(options, ends_.downloader_associations);
    }
    if (client.type == "c-move") {
      CMoveOptions options;
      options.patient_root = patient_root;
      options.move_aet = client.dicom.move_aet.empty() ? client.dicom.aet : client.dicom.move_aet;
      options.move_port = static_cast<uint16_t>(client.dicom.move_port);
      options.bind_address = client.dicom.bind;
      return MakeCMoveDownloader(std::move(options), ends_.downloader_associations);
    }
    Unknown("downloader", client.type);
  }

  [[noreturn]] void Unknown(std::string_view role, std::string_view type) {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat("Cannot open archive ", config_.name, ": unknown ", role, " type '", type, "'"));
  }

  const ArchiveConfig& config_;
  const std::shared_ptr<LmdbEnvironment>& lmdb_;
  Clients ends_;
  std::shared_ptr<RateLimiter> pace_;  // null: no limit
  std::shared_ptr<HttpClient> http_;
  std::shared_ptr<OrthancRest> rest_;  // null unless it is used
  std::shared_ptr<AssociationPool> pool_;
  DicomConfig pool_peer_;
};

}  // namespace

std::shared_ptr<Authenticator> MakeAuthenticator(const AuthConfig& auth, const ArchiveConfig& config) {
  LoginOptions login;
  login.http = PlainHttpOptions(config);
  switch (auth.type) {
    case AuthConfig::Type::kNone:
      return nullptr;
    case AuthConfig::Type::kBasic:
      return BasicAuthentication(auth.user, auth.secret);
    case AuthConfig::Type::kDigest:
      return DigestAuthentication(auth.user, auth.secret);
    case AuthConfig::Type::kBearer:
      return BearerAuthentication(auth.secret);
    case AuthConfig::Type::kOAuth2: {
      OAuth2Options options;
      options.token_url = auth.url;
      options.client_id = auth.client_id;
      options.client_secret = auth.secret;
      options.refresh_token = auth.refresh_token;
      options.scope = auth.scope;
      options.client_authentication = auth.client_in_body ? OAuth2Options::ClientAuthentication::kBody
                                                          : OAuth2Options::ClientAuthentication::kBasic;
      return OAuth2Authentication(std::move(options), std::move(login));
    }
    case AuthConfig::Type::kVitrea: {
      VitreaOptions options;
      options.login_url = auth.url;
      options.user = auth.user;
      options.password = auth.secret;
      options.realm = auth.realm;
      return VitreaAuthentication(std::move(options), std::move(login));
    }
    case AuthConfig::Type::kImpax: {
      ImpaxOptions options;
      options.wado_url = auth.url.empty() ? config.downloader.url : auth.url;
      options.user = auth.user;
      options.password = auth.secret;
      return ImpaxAuthentication(std::move(options), std::move(login));
    }
    case AuthConfig::Type::kNetrc:
      return NetrcAuthentication(auth.file);
  }
  return nullptr;
}

std::shared_ptr<HttpClient> MakeHttpClient(const ArchiveConfig& config, const ClientConfig& client,
                                           std::shared_ptr<RateLimiter> pace) {
  HttpOptions options = PlainHttpOptions(config);
  options.pace = std::move(pace);
  if (client.auth) {
    // What is this end's is not shown to the other one's host.
    options.home = {client.url};
  }
  options.auth = MakeAuthenticator(client.auth ? *client.auth : config.auth, config);
  return std::make_shared<HttpClient>(std::move(options));
}

uint32_t Concurrency(const ArchiveConfig& config, const Clients& ends) {
  const uint32_t most = MaxConcurrency(config, ends);
  return ends.downloader_associations == nullptr ? std::min(most, kConnections) : most;
}

uint32_t MaxConcurrency(const ArchiveConfig& config, const Clients& ends) {
  if (ends.downloader_associations == nullptr) {
    return config.connections;
  }
  // One is left for questions where both share them: a long transfer must not hold up a listing. Of two, one fetches
  // ahead and one serves who opens something meanwhile; a question then waits for the latter at most.
  const bool shared = ends.searcher_associations == ends.downloader_associations;
  return config.associations > 2 && shared ? config.associations - 1 : config.associations;
}

Clients MakeClients(const ArchiveConfig& config, const std::shared_ptr<LmdbEnvironment>& lmdb) {
  return Maker(config, lmdb).Make();
}

}  // namespace trolley
