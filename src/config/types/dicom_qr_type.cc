// The searcher "dicom-qr": C-FIND.
#include "config/client_factory.h"
#include "config/registry.h"
#include "trolley/searchers.h"

namespace trolley {
namespace {

class DicomQrConfig final : public SearcherConfig, public HasOptions<CFindOptions> {
 public:
  DicomQrConfig(DicomEndpoint endpoint, CFindOptions options)
      : SearcherConfig(kDicomQr.name, std::move(endpoint)), HasOptions(std::move(options)) {}

  static std::shared_ptr<const SearcherConfig> Read(ConfigTable& table) {
    DicomEndpoint endpoint = ReadDicomEndpoint(table, nullptr);
    table.Choice<bool>("root", {{"study", false}, {"patient", true}}, endpoint.patient_root);
    CFindOptions options;
    options.patient_root = endpoint.patient_root;
    table.Bool("relational", options.relational);
    table.Bool("star_for_empty_uids", options.star_for_empty_uids);
    ReadCharset(table, "charset", options.query_charset);
    ReadCharset(table, "fallback_charset", options.fallback_charset);
    return std::make_shared<DicomQrConfig>(std::move(endpoint), std::move(options));
  }

  std::shared_ptr<Searcher> Make(ClientFactory& factory) const override {
    CFindOptions with_archive = options();
    with_archive.query_timeout = factory.archive().query_timeout;
    return MakeCFindSearcher(std::move(with_archive), factory.Associations(*endpoint_as<DicomEndpoint>()));
  }

 private:
  static void ReadCharset(ConfigTable& table, const char* key, std::string& charset) {
    if (const auto text = table.String(key); text && !text->empty()) {
      charset = *text;
    }
  }
};

}  // namespace

const SearcherType kDicomQr = {
    .name = "dicom-qr",
    .example = R"(host = "pacs.example", aec = "PACS")",
    .default_downloader = "c-get",
    .read = DicomQrConfig::Read,
};

}  // namespace trolley
