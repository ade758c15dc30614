// MakeWadoUriDownloader() of downloaders.h: WADO-URI (PS3.18 §9), one instance for each request. Thread-safe.
#include <utility>

#include "base/text.h"
#include "download/series_batch.h"
#include "download/wado/wado_request.h"
#include "trolley/downloaders.h"
#include "trolley/error.h"

namespace trolley {
namespace {

// Raw, because servers exist that do not decode their query string (Debian's Orthanc refuses "application%2Fdicom").
constexpr std::string_view kDicom = "contentType=application/dicom";

class WadoUri : public Downloader {
 public:
  WadoUri(WadoUriOptions options, std::shared_ptr<HttpClient> http)
      : options_(std::move(options)), http_(std::move(http)) {
    std::string& url = options_.url;
    if (!url.ends_with('?') && !url.ends_with('&')) {
      url += url.find('?') == std::string::npos ? '?' : '&';
    }
  }

  Capabilities capabilities() const override { return {.round_trip = http_->RoundTrip()}; }

  void Download(std::span<const InstanceReference> instances, DownloadSink& sink, const Context& context) override {
    for (const SeriesBatch& batch : GroupBySeries(instances)) {
      for (const InstanceReference& instance : batch.instances) {
        context.Check("download instances");
        FetchOne(instance, sink, context);
      }
    }
  }

 private:
  void FetchOne(const InstanceReference& instance, DownloadSink& sink, const Context& context) {
    const std::string doing = StrCat("download instance ", instance.instance.str());
    HttpRequest request;
    request.url = Url(instance);
    // No more than the standard's parameter says: servers refuse what they cannot parse.
    request.headers = {"Accept: application/dicom"};
    try {
      ReportInstance(RequestInstances(*http_, request, doing, true, {&instance, 1}, sink, context), instance, doing,
                     sink);
    } catch (const InstanceFailure& failure) {
      sink.OnFailed(instance, failure.error);
    }
  }

  std::string Url(const InstanceReference& instance) const {
    std::string url = StrCat(options_.url, "requestType=WADO&studyUID=", PercentEncode(instance.study.str()),
                             "&seriesUID=", PercentEncode(instance.series.str()),
                             "&objectUID=", PercentEncode(instance.instance.str()), "&", kDicom);
    if (!options_.transfer_syntax.empty()) {
      url += StrCat("&transferSyntax=", PercentEncode(options_.transfer_syntax));
    }
    return url;
  }

  WadoUriOptions options_;
  const std::shared_ptr<HttpClient> http_;
};

}  // namespace

std::unique_ptr<Downloader> MakeWadoUriDownloader(WadoUriOptions options, std::shared_ptr<HttpClient> http) {
  return std::make_unique<WadoUri>(std::move(options), std::move(http));
}

}  // namespace trolley
