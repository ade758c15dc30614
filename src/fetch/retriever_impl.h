#ifndef TROLLEY_FETCH_RETRIEVER_IMPL_H_
#define TROLLEY_FETCH_RETRIEVER_IMPL_H_

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/thread_pool.h"
#include "fetch/access_pattern.h"
#include "fetch/link_estimate.h"
#include "fetch/opened_instance.h"
#include "fetch/retriever.h"
#include "fetch/transfer.h"

namespace trolley {

class Retriever::Impl {
 public:
  Impl(RetrieverOptions options, std::shared_ptr<Downloader> downloader, std::shared_ptr<InstanceCache> cache);
  ~Impl();

  Lookup TryOpen(const InstanceReference& instance);
  void Open(const InstanceReference& instance, Lookup lookup, const std::stop_token& stop, const OpenCallback& done);
  void Expect(const SeriesReference& series, const std::vector<Uid>& instances);
  std::optional<uint64_t> KnownSize(const InstanceReference& instance);
  RetrieverStatus Status() const;

 private:
  class FetchSink;
  class BulkSink;
  using TransferPtr = std::shared_ptr<Transfer>;

  // A direct request for one instance. When a bulk fetch brings the instance before the request does, the bulk fetch
  // fills the transfer, and the request is stopped.
  struct Request {
    std::stop_source stop;
    bool superseded = false;
    bool missed = false;  // as in its slot
  };
  using RequestPtr = std::shared_ptr<Request>;

  struct Slot {
    TransferPtr transfer;
    RequestPtr request;   // of its own, while it runs
    bool begun = false;   // that request has brought its begin
    bool bulk = false;    // a bulk fetch fills it
    bool missed = false;  // its opener has looked into the cache: it is not there
  };

  // The state of a series that is read or prefetched. All of it is guarded by the retriever's mutex_.
  struct Job;
  struct SeriesPrefetch {
    explicit SeriesPrefetch(SeriesReference reference) : series(std::move(reference)) {}

    enum class State : uint8_t { kWanted, kAssigned, kHere, kFailed };
    struct Item {
      uint64_t size = 0;  // once it is here
      uint32_t job = 0;   // the bulk fetch that is to bring it, while it is kAssigned
      State state = State::kWanted;
      bool helped = false;  // requested by itself, beside a bulk fetch
    };

    const SeriesReference series;
    const std::shared_ptr<SeriesUse> use = std::make_shared<SeriesUse>();
    bool fetches = false;           // not all that was opened came from the cache
    bool all = false;               // somebody said that all of it will be read
    std::vector<Uid> recent;        // opened before the list was known
    bool loading = false;           // the list
    std::vector<Uid> arrived_uids;  // meanwhile
    // Known after the second open:
    SeriesList list;
    std::vector<uint32_t> by_uid;  // places in the list, in the order of UIDs
    std::vector<Item> items;       // in the order of the list
    std::optional<AccessPattern> pattern;
    size_t wanted = 0;    // items in this state
    size_t assigned = 0;  // likewise
    uint64_t unread = 0;  // bytes that arrived and were not opened
    size_t here = 0;      // instances that arrived
    uint64_t bytes = 0;   // of these

    // Set while it is prefetched as a next series: the use of the study that is read.
    std::shared_ptr<SeriesUse> before;
    bool being_listed = false;
    std::stop_source listing;
    bool read_to_end = false;  // and the next series were considered

    std::vector<std::shared_ptr<Job>> jobs;
    std::vector<TransferPtr> waiting;  // opened, and a bulk fetch is to bring them
    std::vector<TransferPtr> direct;   // requested directly all the same
    ArrivalEstimator arrivals;
    bool queued = false;  // by the planner
    int failures = 0;
    size_t sharers = 0;          // bulk fetches that have not taken their share of the lists yet
    bool slow_to_begin = false;  // it was once; several streams at the same time hide it from the pace
    size_t stops = 0;            // of bulk fetches, because nobody read on
    bool helped = false;         // nothing is left to fetch beside the bulk fetch
    Clock::time_point retry_at{};

    std::optional<size_t> IndexOf(const Uid& uid) const;
    void SetState(size_t index, State state);
    // It is read sequentially and nothing of it is left to fetch; or, prefetched, at least two of its instances are
    // open.
    bool IsReadToEnd() const {
      const size_t opened = pattern ? pattern->distinct() : 0;
      const bool all_is_fetched = wanted == 0 && assigned == 0;
      return ShouldPrefetch() && opened > 0 && (before ? opened >= std::min<size_t>(items.size(), 2) : all_is_fetched);
    }
    bool ShouldPrefetch() const { return list != nullptr && (all || (pattern && pattern->IsSequential())); }
    // It is a next series, and nothing of it was opened yet.
    bool IsUpcoming() const { return before != nullptr && (!pattern || pattern->distinct() == 0); }
  };
  using SeriesPrefetchPtr = std::shared_ptr<SeriesPrefetch>;

  // A request, or a row of requests, for instances of a series that are not opened yet. Guarded by mutex_, too.
  struct Job {
    enum class Kind { kBulk, kPoint } kind = Kind::kBulk;
    SeriesPrefetchPtr prefetch;
    uint32_t number = 0;
    bool from_end = false;  // kPoint
    size_t next_list = 32;  // kBulk: instances in the next request, where that is free
    std::stop_source stop;
    bool enough = false;  // kBulk: stopped, because more is not to be prefetched
    Clock::time_point part_began = Clock::time_point::max();
  };
  using JobPtr = std::shared_ptr<Job>;

  // retriever.cc
  void End();
  TransferPtr FindOrStart(const InstanceReference& instance, const Lookup& lookup);
  void Enqueue(const TransferPtr& transfer);
  bool EnqueueLocked(const TransferPtr& transfer) TROLLEY_REQUIRES(mutex_);
  void Verify(const TransferPtr& transfer);

  // retriever_fetch.cc: one instance
  void Work();
  void AddWorkerIfNeeded() TROLLEY_REQUIRES(mutex_);
  void AddWorker() TROLLEY_REQUIRES(mutex_);
  void Fetch(const TransferPtr& transfer);
  bool TooLate(const TransferPtr& transfer, Clock::time_point now);
  void FetchLocal(const TransferPtr& transfer);
  void FetchRemote(const TransferPtr& transfer, const RequestPtr& request);
  bool ClaimFor(const RequestPtr& request, const TransferPtr& transfer);
  // False: the transfer is filled by another already.
  bool Register(const RequestPtr& request, const TransferPtr& transfer);
  // Before the request's outcome becomes the transfer's: from now on no bulk fetch takes it. False: one has.
  bool Finish(const RequestPtr& request, const TransferPtr& transfer);
  std::unique_ptr<StagedInstance> Stage(const InstanceReference& instance, std::optional<uint64_t> length);
  void Fail(const TransferPtr& transfer, const Error& error);
  void FailQueued(const Error& error, Clock::time_point queued_until);
  void Forget(const TransferPtr& transfer);
  void ForgetLocked(const TransferPtr& transfer) TROLLEY_REQUIRES(mutex_);
  void NoteHere(const InstanceReference& instance, uint64_t size);
  void NoteRequest(const InstanceReference& instance, Clock::duration latency, Clock::duration took, uint64_t bytes);
  void NoteBytes(size_t bytes);

  // retriever_prefetch.cc: what to prefetch
  bool Prefetches() const {
    return cache_ != nullptr && !downloader_->capabilities().local_files && options_.series_list != nullptr;
  }
  std::shared_ptr<SeriesUse> NoteOpen(const InstanceReference& instance, bool cached);
  SeriesPrefetchPtr PrefetchOf(const SeriesReference& series) TROLLEY_REQUIRES(mutex_);
  bool IsAssignedToBulk(const InstanceReference& instance) TROLLEY_REQUIRES(mutex_);
  void ScheduleReview(const SeriesPrefetchPtr& prefetch) TROLLEY_REQUIRES(mutex_);
  void PlanLoop();
  bool Plan(const SeriesPrefetchPtr& prefetch) TROLLEY_REQUIRES(mutex_);
  void LoadList(const SeriesPrefetchPtr& prefetch) TROLLEY_REQUIRES(mutex_);
  void SetList(SeriesPrefetch& prefetch, SeriesList list, const std::vector<bool>& cached) TROLLEY_REQUIRES(mutex_);
  void Launch(const SeriesPrefetchPtr& prefetch) TROLLEY_REQUIRES(mutex_);
  void StartJob(const SeriesPrefetchPtr& prefetch, Job::Kind kind, bool from_end) TROLLEY_REQUIRES(mutex_);
  bool StreamNeedsHelp(const SeriesPrefetch& prefetch) const TROLLEY_REQUIRES(mutex_);
  bool IsIdle(const SeriesPrefetch& prefetch, Clock::time_point now) const TROLLEY_REQUIRES(mutex_);
  void StopJobs(SeriesPrefetch& prefetch) TROLLEY_REQUIRES(mutex_);
  void StartDirectRequests(SeriesPrefetch& prefetch, Clock::time_point now) TROLLEY_REQUIRES(mutex_);
  void Sweep(Clock::time_point now) TROLLEY_REQUIRES(mutex_);

  // retriever_next_series.cc: the series that follow the one that is read
  bool IsReadThrough(const Uid& study, Clock::time_point now) const TROLLEY_REQUIRES(mutex_);
  void NoteReadToEnd(const SeriesPrefetchPtr& prefetch, Clock::time_point now) TROLLEY_REQUIRES(mutex_);
  void PrefetchFollowing(const SeriesReference& series, const std::shared_ptr<SeriesUse>& use, size_t count);
  void ListUpcoming(const SeriesPrefetchPtr& prefetch, const std::stop_token& stop);
  uint64_t MaxUnread(const SeriesPrefetch& prefetch) const;
  // Enough of this next series is prefetched, or series that are read already wait for a worker.
  bool HasPrefetchedEnough(const SeriesPrefetch& prefetch) const TROLLEY_REQUIRES(mutex_);
  JobPtr NextJob() TROLLEY_REQUIRES(mutex_);

  // retriever_bulk.cc
  void Run(const JobPtr& job);
  void RunPoints(const JobPtr& job);
  bool RunBulk(const JobPtr& job);
  std::vector<InstanceReference> Assign(const JobPtr& job);
  void Conclude(const JobPtr& job, const std::optional<Error>& failure, size_t arrived);
  TransferPtr NextPoint(const JobPtr& job);
  // The transfer that a bulk fetch fills with what has arrived; null: it is not needed any more.
  TransferPtr ClaimForBulk(const JobPtr& job, const InstanceReference& instance);
  void FailPart(const TransferPtr& transfer, const Error& error);
  void WaitUntilRead(const JobPtr& job);
  bool HasNothingLeft(const SeriesPrefetch& prefetch) const;
  uint32_t BasePrefetchLimit() const { return std::max(2U, options_.concurrency) - 1; }
  uint32_t MaxConcurrency() const { return std::max({1U, options_.concurrency, options_.max_concurrency}); }
  // The concurrency limit; PrefetchLimit() leaves one worker to opens.
  size_t Limit() const TROLLEY_REQUIRES(mutex_) {
    return link_.IsHighLatency() ? std::max<size_t>(BaseLimit(), workers_.size()) : BaseLimit();
  }
  size_t BaseLimit() const { return std::max(1U, options_.concurrency); }
  size_t PrefetchLimit() const TROLLEY_REQUIRES(mutex_) { return std::max<size_t>(Limit(), 2) - 1; }

  const RetrieverOptions options_;
  const std::shared_ptr<Downloader> downloader_;
  const std::shared_ptr<InstanceCache> cache_;

  mutable Mutex mutex_;  // taken before a transfer's own
  Condition wake_;
  std::unordered_map<InstanceReference, Slot> active_ TROLLEY_GUARDED_BY(mutex_);
  std::deque<TransferPtr> queue_ TROLLEY_GUARDED_BY(mutex_);  // opened, to be requested directly
  std::deque<JobPtr> prefetch_jobs_ TROLLEY_GUARDED_BY(mutex_);
  bool closing_ TROLLEY_GUARDED_BY(mutex_) = false;
  size_t idle_ TROLLEY_GUARDED_BY(mutex_) = 0;           // workers that wait for work
  uint64_t arrivals_ TROLLEY_GUARDED_BY(mutex_) = 0;     // instances that arrived whole
  uint64_t running_ TROLLEY_GUARDED_BY(mutex_) = 0;      // workers that fetch
  uint64_t prefetching_ TROLLEY_GUARDED_BY(mutex_) = 0;  // of these, for prefetches
  std::unordered_map<SeriesReference, SeriesPrefetchPtr> prefetches_ TROLLEY_GUARDED_BY(mutex_);
  std::vector<SeriesPrefetchPtr> dirty_ TROLLEY_GUARDED_BY(mutex_);
  Condition plan_;
  bool plan_now_ TROLLEY_GUARDED_BY(mutex_) = false;
  StoppableCondition prefetch_opened_;  // something that was prefetched is opened
  uint32_t last_job_ TROLLEY_GUARDED_BY(mutex_) = 0;
  // This series was read to its end, at this time, and so were others of its study before: the next will be, too.
  std::optional<SeriesReference> read_through_ TROLLEY_GUARDED_BY(mutex_);
  Clock::time_point read_through_at_ TROLLEY_GUARDED_BY(mutex_){};
  size_t consecutive_ TROLLEY_GUARDED_BY(mutex_) = 0;  // with this one
  std::shared_ptr<SeriesUse> study_use_ TROLLEY_GUARDED_BY(mutex_);
  LinkEstimate link_ TROLLEY_GUARDED_BY(mutex_){BasePrefetchLimit(),
                                                std::max(BasePrefetchLimit(), MaxConcurrency() - 1)};

  std::atomic<Clock::rep> last_progress_{
      Clock::now().time_since_epoch().count()};  // bytes arrived, of whatever instance
  std::atomic<uint64_t> transfers_{0};
  std::atomic<uint64_t> failures_{0};
  std::atomic<uint64_t> bytes_{0};
  std::atomic<uint64_t> cache_hits_{0};
  std::atomic<uint64_t> bulk_requests_{0};
  std::atomic<uint64_t> prefetched_{0};

  // Checking a big cached file takes time; it must not wait behind an archive that does not respond.
  std::unique_ptr<ThreadPool> verifiers_ = std::make_unique<ThreadPool>(2, "verify");
  // Lists the next series, which waits for the archive.
  std::unique_ptr<ThreadPool> upcoming_pool_;
  std::vector<std::thread> workers_ TROLLEY_GUARDED_BY(mutex_);
  std::thread planner_;
};

}  // namespace trolley

#endif  // TROLLEY_FETCH_RETRIEVER_IMPL_H_
