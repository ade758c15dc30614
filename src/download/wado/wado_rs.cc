// MakeWadoRsDownloader() of downloaders.h: WADO-RS (PS3.18 §10.4), a series or an instance in one request. It finds out
// which Accept header the server accepts, and remembers it for all threads.
#include <array>
#include <atomic>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/text.h"
#include "download/series_batch.h"
#include "download/wado/wado_request.h"
#include "trolley/downloaders.h"
#include "trolley/error.h"
#include "trolley/log.h"

namespace trolley {
namespace {

constexpr size_t kSeriesThreshold = 8;  // from this number on, one request for the series is cheaper than one for each

// One Accept header to try.
struct AcceptHeader {
  std::string_view accept;
  bool for_series;
  bool stored_bytes;  // else the server may convert to Explicit VR Little Endian (PS3.18 §8.7.3.4)
};
constexpr AcceptHeader kStoredParts = {R"(multipart/related; type="application/dicom"; transfer-syntax=*)", true, true};
constexpr AcceptHeader kParts = {R"(multipart/related; type="application/dicom")", true, false};
constexpr AcceptHeader kStoredFile = {"application/dicom; transfer-syntax=*", false, true};
constexpr AcceptHeader kAnything = {"*/*", true, false};

constexpr std::array kAcceptHeaders = {kStoredParts, kParts, kStoredFile, kAnything};
// Azure and Google give an instance as it is; their series need parts all the same.
constexpr std::array kFileFirstHeaders = {kStoredFile, kStoredParts, kParts, kAnything};

// The Accept headers for one kind of request, in order of preference, and which of them the server accepts.
struct AcceptFallbacks {
  std::span<const AcceptHeader> headers = kAcceptHeaders;
  std::atomic<int> accepted{-1};          // index of the header that works; -1: not known yet
  std::atomic<bool> unacceptable{false};  // the server sent 406 once, and a later header worked
};

// The server may still give the instances of the series one by one.
bool ConcernsWholeSeries(int status) {
  return IsMissing(status) || status == 400 || status == 405 || status == 406 || status == 413 || status == 501;
}

class WadoRs : public Downloader {
 public:
  WadoRs(const WadoRsOptions& options, std::shared_ptr<HttpClient> http)
      : base_(WithoutTrailingSlashes(options.url)), http_(std::move(http)) {
    if (options.profile == ServerProfile::kAzure || options.profile == ServerProfile::kGoogle) {
      instance_fallbacks_.headers = kFileFirstHeaders;
      series_has_own_fallbacks_ = true;
    }
  }

  Capabilities capabilities() const override {
    const bool series = GivesSeries();
    return {.batching = series ? Capabilities::Batching::kSeries : Capabilities::Batching::kOneByOne,
            .can_stream_series = series,
            .round_trip = http_->RoundTrip()};
  }

  void DownloadSeries(const SeriesReference& series, DownloadSink& sink, const Context& context) override {
    const std::string doing = StrCat("download series ", series.series.str());
    const WadoReply reply = Request(SeriesUrl(series), true, [&](const HttpRequest& request) {
      return RequestSeries(*http_, request, doing, series, sink, context);
    });
    if (!IsSuccess(reply.head.status)) {
      throw StatusFailure(reply.head, doing, reply.text);
    }
  }

  void Download(std::span<const InstanceReference> instances, DownloadSink& sink, const Context& context) override {
    for (SeriesBatch& batch : GroupBySeries(instances)) {
      bool series_missing = false;
      if (batch.instances.size() >= kSeriesThreshold && GivesSeries()) {
        series_missing = FetchSeries(batch, sink, context);
      }
      for (const InstanceReference& instance : batch.instances) {
        context.Check("download instances");
        const bool missing = FetchOne(instance, sink, context);
        if (missing && series_missing) {  // both are missing: the others need no requests
          ReportMissing(batch, instance, sink);
          break;
        }
        series_missing = false;
      }
    }
  }

 private:
  AcceptFallbacks& FallbacksFor(bool series) {
    return series && series_has_own_fallbacks_ ? series_fallbacks_ : instance_fallbacks_;
  }

  bool GivesSeries() const {
    const AcceptFallbacks& fallbacks = series_has_own_fallbacks_ ? series_fallbacks_ : instance_fallbacks_;
    const int accepted = fallbacks.accepted.load(std::memory_order_relaxed);
    return accepted < 0 || fallbacks.headers[static_cast<size_t>(accepted)].for_series;
  }

  std::string SeriesUrl(const SeriesReference& series) const {
    return StrCat(base_, "/studies/", PercentEncode(series.study.str()), "/series/",
                  PercentEncode(series.series.str()));
  }

  // True when the archive says that it has no such instance.
  bool FetchOne(const InstanceReference& instance, DownloadSink& sink, const Context& context) {
    const std::string doing = StrCat("download instance ", instance.instance.str());
    const std::string url =
        StrCat(SeriesUrl(instance.series_reference()), "/instances/", PercentEncode(instance.instance.str()));
    try {
      const WadoReply reply = Request(url, false, [&](const HttpRequest& request) {
        return RequestInstances(*http_, request, doing, true, {&instance, 1}, sink, context);
      });
      return ReportInstance(reply, instance, doing, sink);
    } catch (const InstanceFailure& failure) {
      sink.OnFailed(instance, failure.error);
      return false;
    }
  }

  // Leaves in `batch` the instances that still need a request each. True when the archive says that it has no such
  // series.
  bool FetchSeries(SeriesBatch& batch, DownloadSink& sink, const Context& context) {
    const std::string doing = StrCat("download series ", batch.series.series.str());
    WadoReply reply = Request(SeriesUrl(batch.series), true, [&](const HttpRequest& request) {
      return RequestInstances(*http_, request, doing, false, batch.instances, sink, context);
    });
    if (!IsSuccess(reply.head.status)) {
      if (!ConcernsWholeSeries(reply.head.status)) {
        throw StatusFailure(reply.head, doing, reply.text);
      }
      return IsMissing(reply.head.status);
    }
    if (!reply.remaining.empty()) {
      LogInfo(StrCat("The archive left out ", reply.remaining.size(), " instances of series ",
                     batch.series.series.str(), "; they are requested one by one"));
    }
    batch.instances = std::move(reply.remaining);
    return false;
  }

  static void ReportMissing(const SeriesBatch& batch, const InstanceReference& known, DownloadSink& sink) {
    for (const InstanceReference& instance : batch.instances) {
      if (instance != known) {
        sink.OnMissing(instance);
      }
    }
  }

  // Tries the Accept headers in turn until the server accepts one. When it refuses all, returns the first refusal.
  WadoReply Request(const std::string& url, bool series, const std::function<WadoReply(const HttpRequest&)>& send) {
    AcceptFallbacks& fallbacks = FallbacksFor(series);
    const int accepted = fallbacks.accepted.load(std::memory_order_relaxed);
    std::optional<WadoReply> refused;
    for (size_t index = accepted < 0 ? 0 : static_cast<size_t>(accepted); index < fallbacks.headers.size(); ++index) {
      if (series && !fallbacks.headers[index].for_series) {
        continue;
      }
      HttpRequest request;
      request.url = url;
      request.headers = {StrCat("Accept: ", fallbacks.headers[index].accept)};
      WadoReply reply = send(request);
      const int status = reply.head.status;
      if (status != 400 && status != 406) {
        if (IsSuccess(status) && reply.delivered > 0) {
          RememberAccepted(fallbacks, accepted, index, refused);
        }
        // "Not found" for a later header counts like one for the first: the server understood the request.
        return IsSuccess(status) || IsMissing(status) || !refused ? reply : *std::move(refused);
      }
      if (!refused) {
        refused = std::move(reply);
      }
      if (accepted == 0) {
        break;
      }
    }
    return std::move(refused).value();
  }

  void RememberAccepted(AcceptFallbacks& fallbacks, int accepted, size_t index,
                        const std::optional<WadoReply>& refused) {
    if (!fallbacks.headers[index].stored_bytes && !warned_.exchange(true)) {
      LogWarning(
          "The archive does not understand requests for stored bytes: it may convert instances to another "
          "transfer syntax");
    }
    // 406 may mean this one instance: it has to happen twice before the server is taken to be like that.
    const bool certain = index == 0 || !refused || refused->head.status == 400 || fallbacks.unacceptable.exchange(true);
    if (accepted != static_cast<int>(index) && certain) {
      fallbacks.accepted.store(static_cast<int>(index), std::memory_order_relaxed);
    }
  }

  std::string base_;
  const std::shared_ptr<HttpClient> http_;
  AcceptFallbacks instance_fallbacks_;
  AcceptFallbacks series_fallbacks_;
  bool series_has_own_fallbacks_ = false;  // else both are one
  std::atomic<bool> warned_{false};
};

}  // namespace

std::unique_ptr<Downloader> MakeWadoRsDownloader(WadoRsOptions options, std::shared_ptr<HttpClient> http) {
  return std::make_unique<WadoRs>(options, std::move(http));
}

}  // namespace trolley
