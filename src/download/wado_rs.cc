#include "download/wado_rs.h"

#include <array>
#include <atomic>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "download/wado_receiver.h"

namespace trolley {
namespace {

constexpr size_t kSeriesThreshold = 8;  // so many instances of a series are cheaper in one request than one by one

struct Rung {
  std::string_view accept;
  bool for_series;
  bool stored_bytes;  // else the server may convert to Explicit VR Little Endian (PS3.18 §8.7.3.4)
};
constexpr std::array<Rung, 4> kLadder = {{
    {R"(multipart/related; type="application/dicom"; transfer-syntax=*)", true, true},
    {R"(multipart/related; type="application/dicom")", true, false},
    {"application/dicom; transfer-syntax=*", false, true},
    {"*/*", true, false},
}};

bool IsSuccess(int status) {
  return status >= 200 && status <= 299;
}

bool IsMissing(int status) {
  return status == 404 || status == 410;
}

// What the server says of one instance, as against of itself or of us.
bool ConcernsOneInstance(int status) {
  return status >= 400 && status <= 499 && status != 401 && status != 407 && status != 408 && status != 429;
}

// The server may still give the instances of the series one by one.
bool ConcernsWholeSeries(int status) {
  return IsMissing(status) || status == 400 || status == 405 || status == 406 || status == 413 || status == 501;
}

// The error that a failure status is.
Error StatusFailure(const HttpHead& head, const std::string& doing, std::string_view text) {
  try {
    CheckStatus(head, doing, text);
  } catch (const Error& error) {
    return error;
  }
  return {ErrorCode::kProtocol, StrCat("Cannot ", doing, ": the server answered HTTP ", head.status)};
}

struct SeriesBatch {
  SeriesReference series;
  std::vector<InstanceReference> instances;
};

// In order of appearance, each instance once.
std::vector<SeriesBatch> GroupBySeries(std::span<const InstanceReference> instances) {
  std::vector<SeriesBatch> batches;
  std::unordered_map<SeriesReference, size_t> index;
  std::unordered_set<InstanceReference> seen;
  for (const InstanceReference& instance : instances) {
    if (!seen.insert(instance).second) {
      continue;
    }
    const auto [at, is_new] = index.try_emplace(instance.series_reference(), batches.size());
    if (is_new) {
      batches.push_back({at->first, {}});
    }
    batches[at->second].instances.push_back(instance);
  }
  return batches;
}

class WadoRs : public Downloader {
 public:
  WadoRs(WadoRsOptions options, std::shared_ptr<HttpClient> http)
      : base_(std::move(options.url)), http_(std::move(http)) {
    while (base_.ends_with('/')) {
      base_.pop_back();
    }
  }

  Batching batching() const override { return GivesSeries() ? Batching::kSeries : Batching::kOneByOne; }

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
  struct Reply {
    HttpHead head;
    std::string text;                          // of a failure
    std::string reason;                        // why instances remained although the status is a success
    std::vector<InstanceReference> remaining;  // not delivered
  };

  // One instance did not come as it should; others may. (What the sink throws is never one.)
  struct InstanceFailure {
    Error error;
  };

  bool GivesSeries() const {
    const int rung = rung_.load(std::memory_order_relaxed);
    return rung < 0 || kLadder[static_cast<size_t>(rung)].for_series;
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
    std::optional<Reply> reply;
    try {
      reply = Request(url, doing, false, {&instance, 1}, sink, context);
    } catch (const InstanceFailure& failure) {
      sink.OnFailed(instance, failure.error);
      return false;
    }
    const int status = reply->head.status;
    if (IsMissing(status)) {
      sink.OnMissing(instance);
      return true;
    }
    if (!IsSuccess(status)) {
      const Error failure = StatusFailure(reply->head, doing, reply->text);
      if (!ConcernsOneInstance(status)) {
        throw failure;
      }
      sink.OnFailed(instance, failure);
    } else if (!reply->remaining.empty()) {
      sink.OnFailed(instance, Error(ErrorCode::kProtocol,
                                    StrCat("Cannot ", doing, ": ",
                                           reply->reason.empty() ? "the server sent nothing" : reply->reason)));
    }
    return false;
  }

  // Leaves in `batch` what has still to be asked for one by one. True when the archive says that it has no such series.
  bool FetchSeries(SeriesBatch& batch, DownloadSink& sink, const Context& context) {
    const std::string doing = StrCat("download series ", batch.series.series.str());
    Reply reply = Request(SeriesUrl(batch.series), doing, true, batch.instances, sink, context);
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
  Reply Request(const std::string& url, const std::string& doing, bool series,
                std::span<const InstanceReference> wanted, DownloadSink& sink, const Context& context) {
    const int settled = rung_.load(std::memory_order_relaxed);
    std::optional<Reply> refused;
    for (size_t rung = settled < 0 ? 0 : static_cast<size_t>(settled); rung < kLadder.size(); ++rung) {
      if (series && !kLadder[rung].for_series) {
        continue;
      }
      Reply reply = Try(url, doing, series, kLadder[rung].accept, wanted, sink, context);
      const int status = reply.head.status;
      if (status != 400 && status != 406) {
        if (IsSuccess(status) && reply.remaining.size() < wanted.size()) {
          Settle(settled, rung, refused);
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

  void Settle(int settled, size_t rung, const std::optional<Reply>& refused) {
    if (!kLadder[rung].stored_bytes && !warned_.exchange(true)) {
      LogWarning(
          "The archive does not understand requests for stored bytes: it may convert instances to another "
          "transfer syntax");
    }
    // 406 may mean this one instance: it has to happen twice before the server is taken to be like that.
    const bool certain = rung == 0 || !refused || refused->head.status == 400 || unacceptable_.exchange(true);
    if (settled != static_cast<int>(rung) && certain) {
      rung_.store(static_cast<int>(rung), std::memory_order_relaxed);
    }
  }

  Reply Try(const std::string& url, const std::string& doing, bool series, std::string_view accept,
            std::span<const InstanceReference> wanted, DownloadSink& sink, const Context& context) {
    HttpRequest request;
    request.url = url;
    request.headers = {StrCat("Accept: ", accept)};
    WadoReceiver receiver(wanted, sink);
    HeadKeeper keeper(receiver);
    try {
      try {
        http_->Stream(request, keeper, context);
        receiver.Finish();
      } catch (const WadoReceiver::Enough&) {
      }
    } catch (const Error& error) {
      if (receiver.sink_failed()) {
        throw;
      }
      const Error failure(error.code(), StrCat("Cannot ", doing, ": ", error.what()));
      if (!series && error.code() == ErrorCode::kProtocol) {
        throw InstanceFailure{failure};
      }
      throw failure;
    }
    return {std::move(keeper.head), receiver.failure_text(), receiver.reason(), receiver.Remaining()};
  }

  // The head is wanted also of an answer that was not read to its end.
  struct HeadKeeper : HttpSink {
    explicit HeadKeeper(HttpSink& to) : sink(to) {}
    void OnHead(const HttpHead& h) override {
      head = h;
      sink.OnHead(h);
    }
    void OnBody(std::span<const std::byte> piece) override { sink.OnBody(piece); }
    HttpSink& sink;
    HttpHead head;
  };

  std::string base_;
  const std::shared_ptr<HttpClient> http_;
  std::atomic<int> rung_{-1};              // the one that works, -1: not known yet
  std::atomic<bool> unacceptable_{false};  // 406 was met, and a lower rung worked
  std::atomic<bool> warned_{false};
};

}  // namespace

std::unique_ptr<Downloader> MakeWadoRsDownloader(WadoRsOptions options, std::shared_ptr<HttpClient> http) {
  return std::make_unique<WadoRs>(std::move(options), std::move(http));
}

}  // namespace trolley
