// The searcher "qido-rs": DICOMweb's search. With an Orthanc, sizes and lists of series come from Orthanc's own
// interface.
#include "config/client_factory.h"
#include "config/registry.h"
#include "orthanc/orthanc_searcher.h"
#include "trolley/searchers.h"

namespace trolley {
namespace {

class QidoRsConfig final : public SearcherConfig {
 public:
  explicit QidoRsConfig(HttpEndpoint endpoint) : SearcherConfig(kQidoRs.name, std::move(endpoint)) {}

  static std::shared_ptr<const SearcherConfig> Read(ConfigTable& table) {
    return std::make_shared<QidoRsConfig>(ReadDicomWebEndpoint(table, nullptr));
  }

  std::shared_ptr<Searcher> Make(ClientFactory& factory) const override {
    const ArchiveConfig& archive = factory.archive();
    const HttpEndpoint& endpoint = *endpoint_as<HttpEndpoint>();
    QidoRsOptions options;
    options.url = endpoint.url;
    options.query_timeout = archive.query_timeout;
    options.profile = archive.profile;
    auto searcher = MakeQidoRsSearcher(std::move(options), factory.Http(endpoint));
    // The sizes of files that the downloader does not give would be wrong.
    const bool sizes = factory.Orthanc() != nullptr && archive.downloader->GivesFilesOfOrthanc(archive);
    return sizes ? MakeOrthancSizesSearcher(std::move(searcher), factory.Orthanc()) : std::move(searcher);
  }
};

}  // namespace

const SearcherType kQidoRs = {
    .name = "qido-rs",
    .example = R"(url = "https://pacs.example/dicom-web")",
    .default_downloader = "wado-rs",
    .read = QidoRsConfig::Read,
};

}  // namespace trolley
