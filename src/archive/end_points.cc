#include "archive/end_points.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "archive/config_end_points.h"
#include "archive/stores.h"
#include "base/error.h"
#include "base/text.h"
#include "cache/stores.h"
#include "download/c_get.h"
#include "download/c_move.h"
#include "download/folder.h"
#include "download/orthanc.h"
#include "download/rad69.h"
#include "download/wado_rs.h"
#include "download/wado_rs_metadata.h"
#include "download/wado_uri.h"
#include "net/auth_login.h"
#include "net/orthanc_rest.h"
#include "net/request_pace.h"
#include "search/c_find.h"
#include "search/mint.h"
#include "search/orthanc_sizes.h"
#include "search/qido_rs.h"

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
  for (const EndPointConfig* end_point : {&config.searcher, &config.downloader}) {
    if (!end_point->url.empty()) {
      options.home.push_back(end_point->url);
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
      pace_ = std::make_shared<RequestPace>(config.requests_per_second);
    }
  }

  EndPoints Make() {
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
  std::shared_ptr<HttpClient> Http(const EndPointConfig& end_point) {
    if (end_point.auth) {
      return MakeHttpClient(config_, end_point, pace_);
    }
    if (http_ == nullptr) {
      http_ = MakeHttpClient(config_, end_point, pace_);
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
    const EndPointConfig& end_point = config_.downloader;
    return (end_point.type == "wado-rs" && (end_point.url == config_.searcher.url || !config_.orthanc_url.empty())) ||
           (end_point.type == "wado-uri" && config_.profile == ServerProfile::kOrthanc);
  }

  std::shared_ptr<Searcher> MakeSearcher() {
    const EndPointConfig& end_point = config_.searcher;
    if (end_point.type == "folder") {
      return MakeFolderSearcher(ends_.folder);
    }
    if (end_point.type == "qido-rs") {
      QidoRsOptions options;
      options.url = end_point.url;
      options.query_timeout = config_.query_timeout;
      options.profile = config_.profile;
      auto qido = MakeQidoRsSearcher(std::move(options), Http(end_point));
      return rest_ != nullptr && GivesStoredFiles() ? MakeOrthancSizesSearcher(std::move(qido), rest_)
                                                    : std::move(qido);
    }
    if (end_point.type == "mint") {
      MintOptions options;
      options.url = end_point.url;
      options.query_timeout = config_.query_timeout;
      options.dialect = end_point.mint_reference ? MintDialect::kReference : MintDialect::kVitrea;
      if (end_point.date_parameters == "min_study_date") {
        options.min_date_parameter = "min_study_date";
        options.max_date_parameter = "max_study_date";
      }
      return MakeMintSearcher(std::move(options), Http(end_point));
    }
    if (end_point.type == "dicom-qr") {
      CFindOptions options;
      options.patient_root = end_point.dicom.patient_root;
      options.relational = end_point.dicom.relational;
      options.query_timeout = config_.query_timeout;
      if (!end_point.dicom.charset.empty()) {
        options.query_charset = end_point.dicom.charset;
      }
      if (!end_point.dicom.fallback_charset.empty()) {
        options.fallback_charset = end_point.dicom.fallback_charset;
      }
      ends_.searcher_associations = Associations(end_point.dicom);
      return MakeCFindSearcher(std::move(options), ends_.searcher_associations);
    }
    Unknown("searcher", end_point.type);
  }

  std::shared_ptr<Downloader> MakeDownloader() {
    const EndPointConfig& end_point = config_.downloader;
    if (end_point.type == "folder") {
      return MakeFolderDownloader([folder = ends_.folder](const InstanceReference& instance, const Context& context) {
        return folder->FindFile(instance, context);
      });
    }
    return IsDicomType(end_point.type) ? MakeDicomDownloader(end_point) : MakeHttpDownloader(end_point);
  }

  std::shared_ptr<Downloader> MakeHttpDownloader(const EndPointConfig& end_point) {
    const auto http = Http(end_point);
    if (end_point.type == "wado-rs") {
      WadoRsOptions options;
      options.url = end_point.url;
      options.profile = config_.profile;
      auto wado = MakeWadoRsDownloader(std::move(options), http);
      // Not with what another server has.
      const bool same = end_point.url == config_.searcher.url || !config_.orthanc_url.empty();
      return rest_ != nullptr && same ? MakeOrthancDownloader(rest_, http, std::move(wado)) : std::move(wado);
    }
    if (end_point.type == "wado-uri") {
      WadoUriOptions options;
      options.url = end_point.url;
      return MakeWadoUriDownloader(std::move(options), http);
    }
    if (end_point.type == "wado-rs-metadata") {
      WadoRsMetadataOptions options;
      options.url = end_point.url;
      return MakeWadoRsMetadataDownloader(std::move(options), http);
    }
    if (end_point.type == "rad69") {
      Rad69Options options;
      options.url = end_point.url;
      if (!end_point.repository_uid.empty()) {
        options.repository_uid = end_point.repository_uid;
      }
      options.errors_to_ignore = end_point.errors_to_ignore;
      options.request =
          end_point.request_per_series ? Rad69Options::Request::kPerSeries : Rad69Options::Request::kAllAtOnce;
      options.envelope = end_point.bare_soap ? Rad69Options::Envelope::kSoap : Rad69Options::Envelope::kMtom;
      return MakeRad69Downloader(std::move(options), http);
    }
    Unknown("downloader", end_point.type);
  }

  std::shared_ptr<Downloader> MakeDicomDownloader(const EndPointConfig& end_point) {
    ends_.downloader_associations = Associations(end_point.dicom);
    const bool patient_root = config_.searcher.type == "dicom-qr" && config_.searcher.dicom.patient_root;
    if (end_point.type == "c-get") {
      CGetOptions options;
      options.patient_root = patient_root;
      return MakeCGetDownloader(options, ends_.downloader_associations);
    }
    if (end_point.type == "c-move") {
      CMoveOptions options;
      options.patient_root = patient_root;
      options.move_aet = end_point.dicom.move_aet.empty() ? end_point.dicom.aet : end_point.dicom.move_aet;
      options.move_port = static_cast<uint16_t>(end_point.dicom.move_port);
      options.bind_address = end_point.dicom.bind;
      return MakeCMoveDownloader(std::move(options), ends_.downloader_associations);
    }
    Unknown("downloader", end_point.type);
  }

  [[noreturn]] void Unknown(std::string_view role, std::string_view type) {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat("Cannot open archive ", config_.name, ": unknown ", role, " type '", type, "'"));
  }

  const ArchiveConfig& config_;
  const std::shared_ptr<LmdbEnvironment>& lmdb_;
  EndPoints ends_;
  std::shared_ptr<RequestPace> pace_;  // null: no limit
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

std::shared_ptr<HttpClient> MakeHttpClient(const ArchiveConfig& config, const EndPointConfig& end_point,
                                           std::shared_ptr<RequestPace> pace) {
  HttpOptions options = PlainHttpOptions(config);
  options.pace = std::move(pace);
  if (end_point.auth) {
    // What is this end's is not shown to the other one's host.
    options.home = {end_point.url};
  }
  options.auth = MakeAuthenticator(end_point.auth ? *end_point.auth : config.auth, config);
  return std::make_shared<HttpClient>(std::move(options));
}

uint32_t TransfersAtATime(const ArchiveConfig& config, const EndPoints& ends) {
  const uint32_t most = MostTransfersAtATime(config, ends);
  return ends.downloader_associations == nullptr ? std::min(most, kConnections) : most;
}

uint32_t MostTransfersAtATime(const ArchiveConfig& config, const EndPoints& ends) {
  if (ends.downloader_associations == nullptr) {
    return config.connections;
  }
  // One is left for questions where both share them: a long transfer must not hold up a listing. Of two, one fetches
  // ahead and one serves who opens something meanwhile; a question then waits for the latter at most.
  const bool shared = ends.searcher_associations == ends.downloader_associations;
  return config.associations > 2 && shared ? config.associations - 1 : config.associations;
}

EndPoints MakeEndPoints(const ArchiveConfig& config, const std::shared_ptr<LmdbEnvironment>& lmdb) {
  return Maker(config, lmdb).Make();
}

}  // namespace trolley
