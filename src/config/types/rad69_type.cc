// The downloader "rad69": IHE's Retrieve Imaging Document Set.
#include "config/client_factory.h"
#include "config/registry.h"
#include "trolley/downloaders.h"

namespace trolley {
namespace {

class Rad69Config final : public DownloaderConfig, public HasOptions<Rad69Options> {
 public:
  Rad69Config(HttpEndpoint endpoint, Rad69Options options)
      : DownloaderConfig(kRad69.name, std::move(endpoint)), HasOptions(std::move(options)) {}

  static std::shared_ptr<const DownloaderConfig> Read(ConfigTable& table, const Endpoint*) {
    HttpEndpoint endpoint = ReadHttpEndpoint(table);
    Rad69Options options;
    options.url = endpoint.url;
    if (const auto uid = table.String("repository_uid"); uid && !uid->empty()) {
      options.repository_uid = *uid;
    }
    options.home_community_id = table.String("home_community_id").value_or("");
    options.errors_to_ignore = table.Strings("errors_to_ignore").value_or(std::vector<std::string>());
    bool per_series = options.request == Rad69Options::Request::kPerSeries;
    table.Bool("request_per_series", per_series);
    options.request = per_series ? Rad69Options::Request::kPerSeries : Rad69Options::Request::kAllAtOnce;
    bool bare_soap = options.envelope == Rad69Options::Envelope::kSoap;
    table.Bool("bare_soap", bare_soap);
    options.envelope = bare_soap ? Rad69Options::Envelope::kSoap : Rad69Options::Envelope::kMtom;
    return std::make_shared<Rad69Config>(std::move(endpoint), std::move(options));
  }

  std::shared_ptr<Downloader> Make(ClientFactory& factory) const override {
    return MakeRad69Downloader(options(), factory.Http(*endpoint_as<HttpEndpoint>()));
  }
};

}  // namespace

const DownloaderType kRad69 = {
    .name = "rad69",
    .example = R"(url = "https://pacs.example/rad69")",
    .read = Rad69Config::Read,
};

}  // namespace trolley
