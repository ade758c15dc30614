#ifndef TROLLEY_FETCH_SERIES_STREAM_H_
#define TROLLEY_FETCH_SERIES_STREAM_H_

#include <cstdint>
#include <optional>
#include <stop_token>
#include <thread>
#include <unordered_set>
#include <vector>

#include "base/mutex.h"
#include "fetch/expand.h"
#include "fetch/link_estimate.h"
#include "fetch/storing_sink.h"
#include "trolley/context.h"

namespace trolley {

// Downloads a series as one stream. on a high-latency link, where TCP's window keeps that waiting, requests for single
// instances bring meanwhile what the stream would bring last. Used once.
class SeriesStream : private DownloadSink {
 public:
  struct Parts {
    Searcher& searcher;
    Downloader& downloader;
    Storage& storage;
    DownloadRun& run;
    ConcurrencyLimiter& limiter;
    const Context& context;
  };
  // `count`: of its instances, as the archive reported.
  SeriesStream(SeriesReference series, uint64_t count, const Parts& parts);

  // Returns and throws as Downloader::DownloadSeries.
  void Run();
  // After Run(): instances whose outcome was reported, and whether the disk is full.
  const std::unordered_set<Uid>& closed() const { return closed_; }
  bool full() const { return sink_.full(); }
  // The archive lists more than it gave.
  bool left_some() const { return !left_.empty(); }

 private:
  void OnBegin(const InstanceReference& instance, std::optional<uint64_t> length) override;
  void OnData(std::span<const std::byte> piece) override;
  void OnEnd() override;
  void OnMissing(const InstanceReference& instance) override;
  void OnFailed(const InstanceReference& instance, const Error& error) override;

  void Stream(const std::stop_token& stop);
  void RequestHelp(uint64_t bytes_each);
  void List();
  void StartHelpers() TROLLEY_REQUIRES(mutex_);
  bool Spawn(void (SeriesStream::*work)()) TROLLEY_REQUIRES(mutex_);
  void Help();
  std::optional<InstanceReference> Next();
  bool Fetch(const InstanceReference& instance);
  bool HasAllElse() const TROLLEY_REQUIRES(mutex_) { return listed_ && list_.empty() && refused_.empty(); }
  void EndHelpers();

  const SeriesReference series_;
  const uint64_t count_;
  const Parts parts_;
  StoringSink sink_;             // the stream's
  bool dropped_ = false;         // the instance that the stream brings now is not stored
  bool help_requested_ = false;  // the list of instances was requested
  std::stop_source stop_stream_;
  std::stop_source stop_list_;

  Mutex mutex_;
  bool ended_ TROLLEY_GUARDED_BY(mutex_) = false;
  std::unordered_set<Uid> claimed_ TROLLEY_GUARDED_BY(mutex_);  // brought, or being brought, by the stream or a helper
  std::unordered_set<Uid> closed_;
  std::vector<WantedInstance> list_ TROLLEY_GUARDED_BY(mutex_);  // what helpers may still take, from its end
  bool listed_ TROLLEY_GUARDED_BY(mutex_) = false;
  std::vector<Uid> refused_ TROLLEY_GUARDED_BY(mutex_);             // to requests; since then all is left to the stream
  std::unordered_set<Uid> passed_over_ TROLLEY_GUARDED_BY(mutex_);  // by the stream: they were claimed
  bool cut_ TROLLEY_GUARDED_BY(mutex_) = false;                     // the stream, because all else had arrived
  std::vector<Uid> left_;                                           // of the caller's thread alone
  bool streaming_ TROLLEY_GUARDED_BY(mutex_) = false;               // it is bringing something that is wanted
  size_t helping_ TROLLEY_GUARDED_BY(mutex_) = 0;
  std::vector<std::thread> threads_ TROLLEY_GUARDED_BY(mutex_);
};

}  // namespace trolley

#endif  // TROLLEY_FETCH_SERIES_STREAM_H_
