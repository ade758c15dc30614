// The downloader "wado-rs": DICOMweb's retrieval. From an Orthanc, single instances come by its own interface.
#include "config/client_factory.h"
#include "config/registry.h"
#include "orthanc/orthanc_downloader.h"
#include "trolley/downloaders.h"

namespace trolley {
namespace {

class WadoRsConfig final : public DownloaderConfig {
 public:
  explicit WadoRsConfig(HttpEndpoint endpoint) : DownloaderConfig(kWadoRs.name, std::move(endpoint)) {}

  static std::shared_ptr<const DownloaderConfig> Read(ConfigTable& table, const Endpoint* searcher) {
    return std::make_shared<WadoRsConfig>(ReadDicomWebEndpoint(table, searcher));
  }

  // Another server may have other files; `orthanc_url` says that it does not.
  bool GivesFilesOfOrthanc(const ArchiveConfig& archive) const override {
    return !archive.orthanc_url.empty() || AddressOf(archive.searcher->endpoint()) == AddressOf(endpoint());
  }

  std::shared_ptr<Downloader> Make(ClientFactory& factory) const override {
    const ArchiveConfig& archive = factory.archive();
    const auto http = factory.Http(*endpoint_as<HttpEndpoint>());
    WadoRsOptions options;
    options.url = endpoint_as<HttpEndpoint>()->url;
    options.profile = archive.profile;
    auto downloader = MakeWadoRsDownloader(std::move(options), http);
    return factory.Orthanc() != nullptr && GivesFilesOfOrthanc(archive)
               ? MakeOrthancDownloader(factory.Orthanc(), http, std::move(downloader))
               : std::move(downloader);
  }
};

}  // namespace

const DownloaderType kWadoRs = {
    .name = "wado-rs",
    .example = R"(url = "https://pacs.example/dicom-web")",
    .read = WadoRsConfig::Read,
};

}  // namespace trolley
