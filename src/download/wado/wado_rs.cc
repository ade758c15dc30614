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

constexpr size_t kSeriesThreshold = 8;  // so many instances of a series are cheaper in one request than one by one

struct Rung {
  std::string_view accept;
  bool for_series;
  bool stored_bytes;  // else the server may convert to Explicit VR Little Endian (PS3.18 §8.7.3.4)
};
constexpr Rung kStoredParts = {R"(multipart/related; type="application/dicom"; transfer-syntax=*)", true, true};
constexpr Rung kParts = {R"(multipart/related; type="application/dicom")", true, false};
constexpr Rung kStoredFile = {"application/dicom; transfer-syntax=*", false, true};
constexpr Rung kAnything = {"*/*", true, false};

constexpr std::array kLadder = {kStoredParts, kParts, kStoredFile, kAnything};
// Azure and Google give an instance as it is; their series need parts all the same.
constexpr std::array kFileFirstLadder = {kStoredFile, kStoredParts, kParts, kAnything};

// What a server understands, as far as it is known.
struct Ladder {
  std::span<const Rung> rungs = kLadder;
  std::atomic<int> settled{-1};           // the rung that works, -1: not known yet
  std::atomic<bool> unacceptable{false};  // 406 was met, and a lower rung worked
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
      instance_ladder_.rungs = kFileFirstLadder;
      series_has_own_ladder_ = true;
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
        if (missing && series_missing) {  // both say so: no need to ask for each of the others
          ReportMissing(batch, instance, sink);
          break;
        }
        series_missing = false;
      }
    }
  }

 private:
  Ladder& LadderFor(bool series) { return series && series_has_own_ladder_ ? series_ladder_ : instance_ladder_; }

  bool GivesSeries() const {
    const Ladder& ladder = series_has_own_ladder_ ? series_ladder_ : instance_ladder_;
    const int settled = ladder.settled.load(std::memory_order_relaxed);
    return settled < 0 || ladder.rungs[static_cast<size_t>(settled)].for_series;
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

  // Leaves in `batch` what has still to be asked for one by one. True when the archive says that it has no such series.
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
                     batch.series.series.str(), "; they are asked for one by one"));
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

  // Down the ladder until the server understands; what is refused everywhere is answered with the first refusal.
  WadoReply Request(const std::string& url, bool series, const std::function<WadoReply(const HttpRequest&)>& ask) {
    Ladder& ladder = LadderFor(series);
    const int settled = ladder.settled.load(std::memory_order_relaxed);
    std::optional<WadoReply> refused;
    for (size_t rung = settled < 0 ? 0 : static_cast<size_t>(settled); rung < ladder.rungs.size(); ++rung) {
      if (series && !ladder.rungs[rung].for_series) {
        continue;
      }
      HttpRequest request;
      request.url = url;
      request.headers = {StrCat("Accept: ", ladder.rungs[rung].accept)};
      WadoReply reply = ask(request);
      const int status = reply.head.status;
      if (status != 400 && status != 406) {
        if (IsSuccess(status) && reply.delivered > 0) {
          Settle(ladder, settled, rung, refused);
        }
        // "Not found" for a lower rung is as good as for the first: the server knows what it was asked for.
        return IsSuccess(status) || IsMissing(status) || !refused ? reply : *std::move(refused);
      }
      if (!refused) {
        refused = std::move(reply);
      }
      if (settled == 0) {
        break;
      }
    }
    return std::move(refused).value();
  }

  void Settle(Ladder& ladder, int settled, size_t rung, const std::optional<WadoReply>& refused) {
    if (!ladder.rungs[rung].stored_bytes && !warned_.exchange(true)) {
      LogWarning(
          "The archive does not understand requests for stored bytes: it may convert instances to another "
          "transfer syntax");
    }
    // 406 may mean this one instance: it has to happen twice before the server is taken to be like that.
    const bool certain = rung == 0 || !refused || refused->head.status == 400 || ladder.unacceptable.exchange(true);
    if (settled != static_cast<int>(rung) && certain) {
      ladder.settled.store(static_cast<int>(rung), std::memory_order_relaxed);
    }
  }

  std::string base_;
  const std::shared_ptr<HttpClient> http_;
  Ladder instance_ladder_;
  Ladder series_ladder_;
  bool series_has_own_ladder_ = false;  // else both are one
  std::atomic<bool> warned_{false};
};

}  // namespace

std::unique_ptr<Downloader> MakeWadoRsDownloader(WadoRsOptions options, std::shared_ptr<HttpClient> http) {
  return std::make_unique<WadoRs>(options, std::move(http));
}

}  // namespace trolley
