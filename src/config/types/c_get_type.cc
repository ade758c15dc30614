// The downloader "c-get": instances come over the association that requests them.
#include "config/client_factory.h"
#include "config/registry.h"
#include "trolley/downloaders.h"

namespace trolley {
namespace {

class CGetConfig final : public DownloaderConfig, public HasOptions<CGetOptions> {
 public:
  CGetConfig(DicomEndpoint endpoint, CGetOptions options)
      : DownloaderConfig(kCGet.name, std::move(endpoint)), HasOptions(options) {}

  static std::shared_ptr<const DownloaderConfig> Read(ConfigTable& table, const Endpoint* searcher) {
    DicomEndpoint endpoint = ReadDicomEndpoint(table, searcher);
    CGetOptions options;
    options.patient_root = endpoint.patient_root;
    table.Number("whole_series_from", 0, 1000000, options.whole_series_from);
    return std::make_shared<CGetConfig>(std::move(endpoint), options);
  }

  std::shared_ptr<Downloader> Make(ClientFactory& factory) const override {
    return MakeCGetDownloader(options(), factory.Associations(*endpoint_as<DicomEndpoint>()));
  }
};

}  // namespace

const DownloaderType kCGet = {
    .name = "c-get",
    .example = R"(host = "pacs.example", aec = "PACS")",
    .read = CGetConfig::Read,
};

}  // namespace trolley
