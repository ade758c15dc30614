// The searcher "mint": Medical Imaging Network Transport, by the dialects of Vitrea and of the reference server.
#include "config/client_factory.h"
#include "config/registry.h"
#include "trolley/searchers.h"

namespace trolley {
namespace {

class MintConfig final : public SearcherConfig, public HasOptions<MintOptions> {
 public:
  MintConfig(HttpEndpoint endpoint, MintOptions options)
      : SearcherConfig(kMint.name, std::move(endpoint)), HasOptions(std::move(options)) {}

  static std::shared_ptr<const SearcherConfig> Read(ConfigTable& table) {
    HttpEndpoint endpoint = ReadHttpEndpoint(table);
    MintOptions options;
    options.url = endpoint.url;
    table.Choice<MintDialect>("dialect", {{"vitrea", MintDialect::kVitrea}, {"reference", MintDialect::kReference}},
                              options.dialect);
    bool underscores = false;
    table.Choice<bool>("date_parameters", {{"minStudyDate", false}, {"min_study_date", true}}, underscores);
    if (underscores) {
      options.min_date_parameter = "min_study_date";
      options.max_date_parameter = "max_study_date";
    }
    return std::make_shared<MintConfig>(std::move(endpoint), std::move(options));
  }

  std::shared_ptr<Searcher> Make(ClientFactory& factory) const override {
    MintOptions with_archive = options();
    with_archive.query_timeout = factory.archive().query_timeout;
    return MakeMintSearcher(std::move(with_archive), factory.Http(*endpoint_as<HttpEndpoint>()));
  }
};

}  // namespace

const SearcherType kMint = {
    .name = "mint",
    .example = R"(url = "https://vitrea.example/mint")",
    .default_downloader = "",  // MINT itself transfers no DICOM files
    .read = MintConfig::Read,
};

}  // namespace trolley
