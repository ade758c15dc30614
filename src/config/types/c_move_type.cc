// The downloader "c-move": the archive opens associations to this machine and sends instances over them.
#include "config/client_factory.h"
#include "config/registry.h"
#include "trolley/downloaders.h"

namespace trolley {
namespace {

class CMoveConfig final : public DownloaderConfig, public HasOptions<CMoveOptions> {
 public:
  CMoveConfig(DicomEndpoint endpoint, CMoveOptions options)
      : DownloaderConfig(kCMove.name, std::move(endpoint)), HasOptions(std::move(options)) {}

  static std::shared_ptr<const DownloaderConfig> Read(ConfigTable& table, const Endpoint* searcher) {
    DicomEndpoint endpoint = ReadDicomEndpoint(table, searcher);
    CMoveOptions options;
    options.patient_root = endpoint.patient_root;
    options.move_aet = endpoint.peer.calling_aet;
    ReadAeTitle(table, "move_aet", options.move_aet);
    uint32_t port = 0;
    table.Number("move_port", 1, 65535, port);
    if (port == 0) {
      table.Refuse(
          "c-move needs 'move_port': the port at which this machine waits for the archive; the archive has to "
          "know it, with the AE title 'move_aet' (default: 'aet') and this machine's address");
    }
    options.move_port = static_cast<uint16_t>(port);
    options.bind_address = table.String("bind").value_or("");
    table.Number("whole_series_from", 0, 1000000, options.whole_series_from);
    return std::make_shared<CMoveConfig>(std::move(endpoint), std::move(options));
  }

  std::shared_ptr<Downloader> Make(ClientFactory& factory) const override {
    return MakeCMoveDownloader(options(), factory.Associations(*endpoint_as<DicomEndpoint>()));
  }
};

}  // namespace

const DownloaderType kCMove = {
    .name = "c-move",
    .example = R"(host = "pacs.example", aec = "PACS", move_port = 11112)",
    .read = CMoveConfig::Read,
};

}  // namespace trolley
