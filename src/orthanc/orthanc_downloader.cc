#include "orthanc/orthanc_downloader.h"

#include <optional>
#include <string>
#include <utility>

#include "base/text.h"
#include "download/series_batch.h"
#include "download/wado/wado_request.h"
#include "http/url_for_log.h"
#include "trolley/error.h"
#include "trolley/log.h"

namespace trolley {
namespace {

constexpr size_t kSeriesThreshold = 8;  // from this number on, one stream of DICOMweb is faster

// The interface refuses: nothing to report while DICOMweb works.
bool RefusesFile(int status) {
  return status == 401 || status == 403 || status == 405;
}

class Orthanc : public Downloader {
 public:
  Orthanc(std::shared_ptr<OrthancRest> rest, std::shared_ptr<HttpClient> http, std::unique_ptr<Downloader> dicom_web)
      : rest_(std::move(rest)), http_(std::move(http)), dicom_web_(std::move(dicom_web)) {}

  Capabilities capabilities() const override { return dicom_web_->capabilities(); }

  void DownloadSeries(const SeriesReference& series, DownloadSink& sink, const Context& context) override {
    dicom_web_->DownloadSeries(series, sink, context);
  }

  void Download(std::span<const InstanceReference> instances, DownloadSink& sink, const Context& context) override {
    for (const SeriesBatch& batch : GroupBySeries(instances)) {
      if (batch.instances.size() >= kSeriesThreshold) {
        dicom_web_->Download(batch.instances, sink, context);
        continue;
      }
      for (const InstanceReference& instance : batch.instances) {
        context.Check("download instances");
        if (!FetchOne(instance, sink, context)) {
          dicom_web_->Download({&instance, 1}, sink, context);
        }
      }
    }
  }

 private:
  // False when Orthanc's interface did not give the file and nothing was reported to the sink.
  bool FetchOne(const InstanceReference& instance, DownloadSink& sink, const Context& context) {
    for (const bool refresh : {false, true}) {
      OrthancRest::File file;
      try {
        if (!rest_->IsKnownAvailable(context)) {
          return false;
        }
        file = rest_->FindFile(instance, refresh, context);
      } catch (const Error& error) {
        if (error.code() == ErrorCode::kCancelled || error.code() == ErrorCode::kTimedOut) {
          throw;
        }
        LogDebug(StrCat("DICOMweb is used instead: ", error.what()));
        return false;
      }
      if (file.refused) {
        return false;
      }
      if (file.url.empty()) {
        if (rest_->is_detected()) {
          return false;  // DICOMweb decides whether it is missing
        }
        sink.OnMissing(instance);
        return true;
      }
      if (const std::optional<bool> done = FetchFile(file.url, instance, sink, context)) {
        return *done;
      }
    }
    return false;  // Orthanc knows the instance, but not its file: DICOMweb may say why
  }

  // nullopt: there is no such file (any more).
  std::optional<bool> FetchFile(const std::string& url, const InstanceReference& instance, DownloadSink& sink,
                                const Context& context) {
    const std::string doing = StrCat("download instance ", instance.instance.str());
    HttpRequest request;
    request.url = url;
    try {
      const WadoReply reply = RequestInstances(*http_, request, doing, true, {&instance, 1}, sink, context);
      if (IsMissing(reply.head.status)) {
        return std::nullopt;
      }
      if (RefusesFile(reply.head.status)) {
        rest_->MarkUnavailable(StrCat("HTTP ", reply.head.status, " for ", UrlForLog(url)));
        return false;
      }
      ReportInstance(reply, instance, doing, sink);
    } catch (const InstanceFailure& failure) {
      sink.OnFailed(instance, failure.error);
    }
    return true;
  }

  const std::shared_ptr<OrthancRest> rest_;
  const std::shared_ptr<HttpClient> http_;
  const std::unique_ptr<Downloader> dicom_web_;
};

}  // namespace

std::unique_ptr<Downloader> MakeOrthancDownloader(std::shared_ptr<OrthancRest> rest, std::shared_ptr<HttpClient> http,
                                                  std::unique_ptr<Downloader> dicom_web) {
  return std::make_unique<Orthanc>(std::move(rest), std::move(http), std::move(dicom_web));
}

}  // namespace trolley
