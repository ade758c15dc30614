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
  class BatchSink;
  using TransferPtr = std::shared_ptr<Transfer>;

  // A request for one instance. When a batch brings the instance before the request does, the batch fills the transfer,
  // and the request is stopped.
  struct Request {
    std::stop_source stop;
    bool overtaken = false;
    bool missed = false;  // as in its slot
  };
  using RequestPtr = std::shared_ptr<Request>;

  struct Slot {
    TransferPtr transfer;
    RequestPtr request;   // of its own, while it runs
    bool begun = false;   // that request has brought its begin
    bool batch = false;   // a batch fills it
    bool missed = false;  // its opener has looked into the cache: it is not there
  };

  // A series of which instances are opened.
  struct Job;
  struct Reading {
    explicit Reading(SeriesReference reference) : series(std::move(reference)) {}

    enum class State : uint8_t { kWanted, kAssigned, kHere, kFailed };
    struct Item {
      uint64_t size = 0;  // once it is here
      uint32_t job = 0;   // the batch that is to bring it, while it is kAssigned
      State state = State::kWanted;
      bool helped = false;  // requested by itself, beside a batch
    };

    const SeriesReference series;
    const std::shared_ptr<SeriesUse> use = std::make_shared<SeriesUse>();
    bool fetches = false;     // not all that was opened came from the cache
    bool all = false;         // somebody said that all of it will be read
    std::vector<Uid> recent;  // opened before the list was known
    bool loading = false;     // the list
    std::vector<Uid> came;    // meanwhile
    // Known after the second open:
    SeriesList list;
    std::vector<uint32_t> by_uid;  // places in the list, in the order of UIDs
    std::vector<Item> items;       // in the order of the list
    std::optional<AccessPattern> pattern;
    size_t wanted = 0;    // items in this state
    size_t assigned = 0;  // likewise
    uint64_t unread = 0;  // bytes that came and were not opened
    size_t here = 0;      // instances that came
    uint64_t bytes = 0;   // of these

    // When it is fetched ahead of its reader: what is read of the study meanwhile.
    std::shared_ptr<SeriesUse> before;
    bool being_listed = false;
    std::stop_source listing;
    bool read_to_end = false;  // and those that follow were thought of

    std::vector<std::shared_ptr<Job>> jobs;
    std::vector<TransferPtr> waiting;     // opened, and a batch is to bring them
    std::vector<TransferPtr> overtaking;  // requested directly all the same
    ArrivalEstimator pace;
    bool attended = false;  // by the planner
    int failures = 0;
    size_t sharers = 0;          // batches that have not taken their share of the lists yet
    bool slow_to_begin = false;  // it was once; several streams at a time hide it from the pace
    size_t stops = 0;            // of batches, because nobody read on
    bool helped = false;         // nothing is left to fetch beside the batch
    Clock::time_point retry_at{};

    std::optional<size_t> IndexOf(const Uid& uid) const;
    void SetState(size_t index, State state);
    // Somebody reads it, and nothing of it is left to fetch; or it was fetched ahead, and is more than looked at.
    bool IsReadToEnd() const {
      const size_t opened = pattern ? pattern->distinct() : 0;
      const bool all_is_fetched = wanted == 0 && assigned == 0;
      return WantsRest() && opened > 0 && (before ? opened >= std::min<size_t>(items.size(), 2) : all_is_fetched);
    }
    bool WantsRest() const { return list != nullptr && (all || (pattern && pattern->WantsRest())); }
    // It follows one that is read, and nothing of it was opened yet.
    bool IsAheadOfReader() const { return before != nullptr && (!pattern || pattern->distinct() == 0); }
  };
  using ReadingPtr = std::shared_ptr<Reading>;

  // Fetches of a series what nobody has opened yet.
  struct Job {
    enum class Kind { kBatch, kSingles } kind = Kind::kBatch;
    ReadingPtr reading;
    uint32_t number = 0;
    bool from_end = false;  // kSingles
    size_t next_list = 32;  // kBatch: instances in the next request, where that is free
    std::stop_source stop;
    bool enough = false;  // kBatch: stopped, because more is not to be fetched ahead
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
  // Before the request's outcome becomes the transfer's: from now on no batch takes it. False: one has.
  bool Settle(const RequestPtr& request, const TransferPtr& transfer);
  std::unique_ptr<StagedInstance> Stage(const InstanceReference& instance, std::optional<uint64_t> length);
  void Fail(const TransferPtr& transfer, const Error& error);
  void FailQueued(const Error& error, Clock::time_point queued_until);
  void Forget(const TransferPtr& transfer);
  void ForgetLocked(const TransferPtr& transfer) TROLLEY_REQUIRES(mutex_);
  void NoteHere(const InstanceReference& instance, uint64_t size);
  void NoteRequest(const InstanceReference& instance, Clock::duration latency, Clock::duration took, uint64_t bytes);
  void NoteBytes(size_t bytes);

  // retriever_series.cc: what to fetch ahead
  bool ReadsAhead() const {
    return cache_ != nullptr && !downloader_->capabilities().local_files && options_.series_list != nullptr;
  }
  std::shared_ptr<SeriesUse> NoteOpen(const InstanceReference& instance, bool cached);
  ReadingPtr ReadingOf(const SeriesReference& series) TROLLEY_REQUIRES(mutex_);
  bool Covered(const InstanceReference& instance) TROLLEY_REQUIRES(mutex_);
  void ScheduleReview(const ReadingPtr& reading) TROLLEY_REQUIRES(mutex_);
  void PlanLoop();
  bool Plan(const ReadingPtr& reading) TROLLEY_REQUIRES(mutex_);
  void LoadList(const ReadingPtr& reading) TROLLEY_REQUIRES(mutex_);
  void SetList(Reading& reading, SeriesList list, const std::vector<bool>& cached) TROLLEY_REQUIRES(mutex_);
  void Launch(const ReadingPtr& reading) TROLLEY_REQUIRES(mutex_);
  void StartJob(const ReadingPtr& reading, Job::Kind kind, bool from_end) TROLLEY_REQUIRES(mutex_);
  bool StreamNeedsHelp(const Reading& reading) const TROLLEY_REQUIRES(mutex_);
  bool IsIdle(const Reading& reading, Clock::time_point now) const TROLLEY_REQUIRES(mutex_);
  void StopJobs(Reading& reading) TROLLEY_REQUIRES(mutex_);
  void Overtake(Reading& reading, Clock::time_point now) TROLLEY_REQUIRES(mutex_);
  void Sweep(Clock::time_point now) TROLLEY_REQUIRES(mutex_);

  // retriever_following.cc: the series that follow the one that is read
  bool IsReadThrough(const Uid& study, Clock::time_point now) const TROLLEY_REQUIRES(mutex_);
  void NoteReadToEnd(const ReadingPtr& reading, Clock::time_point now) TROLLEY_REQUIRES(mutex_);
  void FetchFollowing(const SeriesReference& series, const std::shared_ptr<SeriesUse>& use, size_t count);
  void ListAhead(const ReadingPtr& reading, const std::stop_token& stop);
  uint64_t MaxUnread(const Reading& reading) const;
  // What is fetched of it ahead of its reader is enough, or keeps others waiting that are read already.
  bool IsFarEnough(const Reading& reading) const TROLLEY_REQUIRES(mutex_);
  JobPtr NextJob() TROLLEY_REQUIRES(mutex_);

  // retriever_batch.cc
  void Run(const JobPtr& job);
  void RunSingles(const JobPtr& job);
  bool RunBatch(const JobPtr& job);
  std::vector<InstanceReference> Assign(const JobPtr& job);
  void Conclude(const JobPtr& job, const std::optional<Error>& failure, size_t arrived);
  TransferPtr NextSingle(const JobPtr& job);
  // The transfer that a batch fills with what has come; null: it is not needed any more.
  TransferPtr ClaimForBatch(const JobPtr& job, const InstanceReference& instance);
  void FailPart(const TransferPtr& transfer, const Error& error);
  void WaitUntilRead(const JobPtr& job);
  bool HasNothingLeft(const Reading& reading) const;
  uint32_t PrefetchLimit() const { return std::max(2U, options_.connections) - 1; }
  uint32_t MostConnections() const { return std::max({1U, options_.connections, options_.max_connections}); }
  // Transfers at a time; of these ahead of who opens something, to whom one is left.
  size_t Limit() const TROLLEY_REQUIRES(mutex_) {
    return way_.IsHighLatency() ? std::max<size_t>(BaseLimit(), workers_.size()) : BaseLimit();
  }
  size_t BaseLimit() const { return std::max(1U, options_.connections); }
  size_t AheadLimit() const TROLLEY_REQUIRES(mutex_) { return std::max<size_t>(Limit(), 2) - 1; }

  const RetrieverOptions options_;
  const std::shared_ptr<Downloader> downloader_;
  const std::shared_ptr<InstanceCache> cache_;

  mutable Mutex mutex_;  // taken before a transfer's own
  Condition wake_;
  std::unordered_map<InstanceReference, Slot> active_ TROLLEY_GUARDED_BY(mutex_);
  std::deque<TransferPtr> queue_ TROLLEY_GUARDED_BY(mutex_);  // opened, to be requested directly
  std::deque<JobPtr> prefetch_ TROLLEY_GUARDED_BY(mutex_);
  bool closing_ TROLLEY_GUARDED_BY(mutex_) = false;
  size_t idle_ TROLLEY_GUARDED_BY(mutex_) = 0;           // workers that wait for work
  uint64_t arrivals_ TROLLEY_GUARDED_BY(mutex_) = 0;     // instances that came whole
  uint64_t running_ TROLLEY_GUARDED_BY(mutex_) = 0;      // workers that fetch
  uint64_t prefetching_ TROLLEY_GUARDED_BY(mutex_) = 0;  // of these, for nobody yet
  std::unordered_map<SeriesReference, ReadingPtr> readings_ TROLLEY_GUARDED_BY(mutex_);
  std::vector<ReadingPtr> attention_ TROLLEY_GUARDED_BY(mutex_);
  Condition plan_;
  bool plan_now_ TROLLEY_GUARDED_BY(mutex_) = false;
  StoppableCondition read_on_;  // something that was fetched ahead is opened
  uint32_t last_job_ TROLLEY_GUARDED_BY(mutex_) = 0;
  // This series was read to its end, at this time, and so were others of its study before: the next will be, too.
  std::optional<SeriesReference> read_through_ TROLLEY_GUARDED_BY(mutex_);
  Clock::time_point read_through_at_ TROLLEY_GUARDED_BY(mutex_){};
  size_t in_a_row_ TROLLEY_GUARDED_BY(mutex_) = 0;  // with this one
  std::shared_ptr<SeriesUse> study_use_ TROLLEY_GUARDED_BY(mutex_);
  LinkEstimate way_ TROLLEY_GUARDED_BY(mutex_){PrefetchLimit(), std::max(PrefetchLimit(), MostConnections() - 1)};

  std::atomic<Clock::rep> last_progress_{Clock::now().time_since_epoch().count()};  // bytes came, of whatever instance
  std::atomic<uint64_t> transfers_{0};
  std::atomic<uint64_t> failures_{0};
  std::atomic<uint64_t> bytes_{0};
  std::atomic<uint64_t> cache_hits_{0};
  std::atomic<uint64_t> batches_{0};
  std::atomic<uint64_t> ahead_{0};

  // Checking a big cached file takes time; it must not wait behind an archive that does not answer.
  std::unique_ptr<ThreadPool> verifiers_ = std::make_unique<ThreadPool>(2, "verify");
  // Listing the series that follow waits for the archive.
  std::unique_ptr<ThreadPool> followers_;
  std::vector<std::thread> workers_ TROLLEY_GUARDED_BY(mutex_);
  std::thread planner_;
};

}  // namespace trolley

#endif  // TROLLEY_FETCH_RETRIEVER_IMPL_H_
