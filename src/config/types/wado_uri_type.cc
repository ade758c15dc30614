// The downloader "wado-uri": one instance for each request.
#include "config/client_factory.h"
#include "config/registry.h"
#include "trolley/downloaders.h"

namespace trolley {
namespace {

class WadoUriConfig final : public DownloaderConfig {
 public:
  explicit WadoUriConfig(HttpEndpoint endpoint) : DownloaderConfig(kWadoUri.name, std::move(endpoint)) {}

  static std::shared_ptr<const DownloaderConfig> Read(ConfigTable& table, const Endpoint*) {
    return std::make_shared<WadoUriConfig>(ReadHttpEndpoint(table));
  }

  bool GivesFilesOfOrthanc(const ArchiveConfig& archive) const override {
    return archive.profile == ServerProfile::kOrthanc;
  }

  std::shared_ptr<Downloader> Make(ClientFactory& factory) const override {
    WadoUriOptions options;
    options.url = endpoint_as<HttpEndpoint>()->url;
    return MakeWadoUriDownloader(std::move(options), factory.Http(*endpoint_as<HttpEndpoint>()));
  }
};

}  // namespace

const DownloaderType kWadoUri = {
    .name = "wado-uri",
    .example = R"(url = "https://pacs.example/wado")",
    .read = WadoUriConfig::Read,
};

}  // namespace trolley
