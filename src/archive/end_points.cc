#include "archive/end_points.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "archive/config_end_points.h"
#include "archive/stores.h"
#include "base/error.h"
#include "base/text.h"
#include "cache/stores.h"
#include "download/folder.h"
#include "download/wado_rs.h"
#include "search/qido_rs.h"

namespace trolley {
namespace {

constexpr uint64_t kMaxFolderIndexBytes = uint64_t{8} << 30;

// Client certificate, CA and headers, without the authentication.
HttpOptions PlainHttpOptions(const ArchiveConfig& config) {
  HttpOptions options;
  options.connect_timeout = config.connect_timeout;
  options.stall_timeout = config.stall_timeout;
  options.ca_file = config.ca_file;
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

// Makes the parts of one archive; what both ends can share is made once.
class Maker {
 public:
  Maker(const ArchiveConfig& config, const std::shared_ptr<LmdbEnvironment>& lmdb) : config_(config), lmdb_(lmdb) {}

  EndPoints Make() {
    if (config_.searcher.type == "folder" || config_.downloader.type == "folder") {
      OpenFolder();
    }
    ends_.searcher = MakeSearcher();
    ends_.downloader = MakeDownloader();
    return std::move(ends_);
  }

 private:
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
      return MakeHttpClient(config_, end_point);
    }
    if (http_ == nullptr) {
      http_ = MakeHttpClient(config_, end_point);
    }
    return http_;
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
      return qido;
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
    return MakeHttpDownloader(end_point);
  }

  std::shared_ptr<Downloader> MakeHttpDownloader(const EndPointConfig& end_point) {
    const auto http = Http(end_point);
    if (end_point.type == "wado-rs") {
      WadoRsOptions options;
      options.url = end_point.url;
      options.profile = config_.profile;
      auto wado = MakeWadoRsDownloader(std::move(options), http);
      return wado;
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
  std::shared_ptr<HttpClient> http_;
};

}  // namespace

std::shared_ptr<Authenticator> MakeAuthenticator(const AuthConfig& auth, const ArchiveConfig& config) {
  switch (auth.type) {
    case AuthConfig::Type::kNone:
      return nullptr;
    case AuthConfig::Type::kBasic:
      return BasicAuthentication(auth.user, auth.secret);
    case AuthConfig::Type::kBearer:
      return BearerAuthentication(auth.secret);
    default:
      throw Error(ErrorCode::kInvalidArgument, StrCat("Cannot open archive ", config.name, ": unknown auth type"));
  }
  return nullptr;
}

std::shared_ptr<HttpClient> MakeHttpClient(const ArchiveConfig& config, const EndPointConfig& end_point) {
  HttpOptions options = PlainHttpOptions(config);
  if (end_point.auth) {
    // What is this end's is not shown to the other one's host.
    options.home = {end_point.url};
  }
  options.auth = MakeAuthenticator(end_point.auth ? *end_point.auth : config.auth, config);
  return std::make_shared<HttpClient>(std::move(options));
}

uint32_t TransfersAtATime(const ArchiveConfig& config, const EndPoints& ends) {
  if (ends.downloader_associations == nullptr) {
    return config.connections;
  }
  // One is left for questions where both share them: a long transfer must not hold up a listing.
  const bool shared = ends.searcher_associations == ends.downloader_associations;
  return std::max<uint32_t>(1, config.associations - (shared ? 1 : 0));
}

EndPoints MakeEndPoints(const ArchiveConfig& config, const std::shared_ptr<LmdbEnvironment>& lmdb) {
  return Maker(config, lmdb).Make();
}

}  // namespace trolley
