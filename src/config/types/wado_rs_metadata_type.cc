// The downloader "wado-rs-metadata": headers without pixel data.
#include "config/client_factory.h"
#include "config/registry.h"
#include "download/wado/wado_rs_metadata.h"

namespace trolley {
namespace {

class WadoRsMetadataConfig final : public DownloaderConfig, public HasOptions<WadoRsMetadataOptions> {
 public:
  WadoRsMetadataConfig(HttpEndpoint endpoint, WadoRsMetadataOptions options)
      : DownloaderConfig(kWadoRsMetadata.name, std::move(endpoint)), HasOptions(std::move(options)) {}

  static std::shared_ptr<const DownloaderConfig> Read(ConfigTable& table, const Endpoint* searcher) {
    HttpEndpoint endpoint = ReadDicomWebEndpoint(table, searcher);
    WadoRsMetadataOptions options;
    options.url = endpoint.url;
    table.Bool("use_xml", options.use_xml);
    return std::make_shared<WadoRsMetadataConfig>(std::move(endpoint), std::move(options));
  }

  std::shared_ptr<Downloader> Make(ClientFactory& factory) const override {
    return MakeWadoRsMetadataDownloader(options(), factory.Http(*endpoint_as<HttpEndpoint>()));
  }
};

}  // namespace

const DownloaderType kWadoRsMetadata = {
    .name = "wado-rs-metadata",
    .example = R"(url = "https://pacs.example/dicom-web")",
    .read = WadoRsMetadataConfig::Read,
};

}  // namespace trolley
