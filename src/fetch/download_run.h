#ifndef TROLLEY_FETCH_DOWNLOAD_RUN_H_
#define TROLLEY_FETCH_DOWNLOAD_RUN_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <optional>
#include <span>
#include <stop_token>
#include <thread>
#include <variant>
#include <vector>

#include "base/mutex.h"
#include "fetch/expand.h"
#include "fetch/link_estimate.h"
#include "trolley/download_report.h"
#include "trolley/downloader.h"
#include "trolley/searcher.h"
#include "trolley/storage.h"

namespace trolley {

// One download, from references to a report: the caller's thread finds out what the instances are, others download
// series by series. Used once.
class DownloadRun : private ExpandSink {
 public:
  DownloadRun(Searcher& searcher, Downloader& downloader, Storage& storage, const DownloadOptions& options);

  DownloadReport Run(std::span<const Reference> references);

  // For the sink of a series.

  void AddBytes(uint64_t bytes);
  void Report(DownloadResult result);
  // Ends the run; the first reason counts.
  void StopBecause(const Error& error);
  // Likewise, with the exception that is being handled, of a custom storage or downloader: it leaves through Run().
  void Abort();

 private:
  using Piece = std::vector<WantedInstance>;
  struct WholeSeries {
    SeriesReference reference;
    uint64_t count;  // of instances, as the archive reported
  };
  using Task = std::variant<Piece, WholeSeries>;

  bool TakesWholeSeries(const SeriesReference& series) override;
  void OnWholeSeries(const SeriesReference& series, uint64_t instances) override;
  void OnSeries(std::vector<WantedInstance> instances) override;
  void OnMissing(const Reference& reference) override;
  void OnFailed(const Reference& reference, const Error& error) override;

  size_t PieceSize(size_t series);
  bool IsHighLatency();
  void AddWorkers();
  bool AddWorker();
  void Push(Task task);
  void Work();
  void Process(Piece piece);
  void Process(const WholeSeries& series);
  // What has to be fetched; the rest was reported.
  std::vector<InstanceReference> Incomplete(const Piece& piece);
  void Fetch(std::vector<InstanceReference> instances);
  void FailAll(std::span<const InstanceReference> instances, const Error& error);
  void CountReached(const Error* error);
  // Whether to try again, after a pause.
  bool Pause(const Error& error, bool something_arrived, unsigned& fruitless) const;
  // Calls back, whatever that throws.
  void CallBack(const std::function<void()>& call);
  void ShowProgress(bool at_end);
  DownloadProgress Progress() const TROLLEY_REQUIRES(mutex_);

  Searcher& searcher_;
  Downloader& downloader_;
  Storage& storage_;
  const DownloadOptions& options_;
  std::stop_source stop_;
  const Context context_;
  ConcurrencyLimiter link_;

  std::vector<std::jthread> workers_;  // of the caller's thread alone

  Mutex queue_mutex_;
  StoppableCondition queue_changed_;
  std::deque<Task> queue_ TROLLEY_GUARDED_BY(queue_mutex_);
  std::atomic<bool> all_found_ = false;  // written with queue_mutex_ held

  std::atomic<uint64_t> bytes_{0};
  std::atomic<uint64_t> found_{0};
  std::atomic<unsigned> unreached_{0};  // in a row
  std::atomic<Clock::rep> shown_at_{0};

  Mutex mutex_;  // also held while calling back
  DownloadReport report_ TROLLEY_GUARDED_BY(mutex_);
  std::exception_ptr thrown_ TROLLEY_GUARDED_BY(mutex_);
};

}  // namespace trolley

#endif  // TROLLEY_FETCH_DOWNLOAD_RUN_H_
