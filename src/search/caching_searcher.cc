// The cache in front of an archive's searcher. The tree and the commands call it from any thread; it runs queries on a
// small pool of threads, and a timer thread ends the waits of callers whose deadline passes or who stop. No callback is
// called and no query is run while the mutex is held.
#include "trolley/caching_searcher.h"

#include <pthread.h>

#include <algorithm>
#include <cstdint>
#include <future>
#include <map>
#include <thread>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/thread_pool.h"
#include "search/result_cache.h"
#include "search/result_store.h"
#include "search/running_query.h"
#include "trolley/error.h"

namespace trolley {
namespace {

using WallTime = std::chrono::system_clock::time_point;

constexpr size_t kMaxRunningQueries = 16;
// Of these, queries that nobody waits for: a hanging archive must not occupy all threads.
constexpr size_t kMaxBackgroundQueries = 4;

bool MeansDown(ErrorCode code) {
  return code == ErrorCode::kUnavailable || code == ErrorCode::kTimedOut;
}

// The archive refused, or its response was malformed: it is there. Other errors say nothing about it.
bool MeansUp(ErrorCode code) {
  return code == ErrorCode::kAccessDenied || code == ErrorCode::kTooMany || code == ErrorCode::kProtocol;
}

struct Failure {
  ErrorCode code;
  std::string message;
};

FindOutcome Failed(ErrorCode code, const std::string& message) {
  return {std::nullopt, std::make_exception_ptr(Error(code, message))};
}

}  // namespace

class CachingSearcher::Impl {
 public:
  Impl(std::shared_ptr<Searcher> searcher, std::shared_ptr<ResultStore> store, CachingSearcherOptions options)
      : searcher_(std::move(searcher)),
        options_(std::move(options)),
        cache_(std::move(store), options_.max_memory_rows, options_.expiry, options_.now),
        pool_(std::make_unique<ThreadPool>(kMaxRunningQueries, "search")),
        timer_([this] { RunTimer(); }) {}

  ~Impl() {
    {
      const MutexLock lock(mutex_);
      closing_ = true;
    }
    pool_.reset();  // every running query ends, and with it every wait
    {
      const MutexLock lock(mutex_);
      timer_ends_ = true;
    }
    timer_wakes_.NotifyAll();
    timer_.join();
  }

  void FindAsync(const Query& query, const Context& context, FindCallback done) {
    auto known = GetCached(query);
    if (known && !known->stale) {
      done({std::move(known), nullptr});
      return;
    }
    const auto waiter = std::make_shared<Waiter>();
    waiter->done = std::move(done);
    // Before the waiter is in any list, because a stop request that came earlier runs the callback here.
    waiter->on_stop.emplace(context.stop, [this, raw = waiter.get()] { Stop(*raw); });
    std::optional<FindOutcome> found;
    {
      const MutexLock lock(mutex_);
      if (auto newest = cache_.GetFromMemory(query)) {
        known = std::move(newest);
      }
      found = FindNow(query, known, *waiter);
      if (!found) {
        Wait(query, context, std::move(known), waiter);
      }
    }
    if (found) {
      Completion{waiter, *std::move(found)}.Deliver();
    }
  }

  void Check(const Context& context) { searcher_->Check(context); }

  std::optional<CachedResult> GetFresh(const Query& query) {
    auto known = GetCached(query);
    if (known && known->stale) {
      const MutexLock lock(mutex_);
      if (!down_) {
        return std::nullopt;
      }
      Probe(query);
    }
    return known;
  }

  std::optional<CachedResult> GetCached(const Query& query) { return cache_.Get(query); }
  void ExpireAll() { cache_.ExpireAll(); }

  bool IsDown() const {
    const MutexLock lock(mutex_);
    return down_;
  }

 private:
  // What a caller gets without waiting; nullopt when it has to wait for the archive.
  std::optional<FindOutcome> FindNow(const Query& query, const std::optional<CachedResult>& known, const Waiter& waiter)
      TROLLEY_REQUIRES(mutex_) {
    if (known && !known->stale) {
      return FindOutcome{known, nullptr};
    }
    if (known && down_) {
      Probe(query);
      return FindOutcome{known, nullptr};
    }
    if (waiter.stopped || closing_) {
      return Failed(ErrorCode::kCancelled, "Cannot search the archive: it was interrupted");
    }
    return std::nullopt;
  }

  void Wait(const Query& query, const Context& context, std::optional<CachedResult> stale,
            const std::shared_ptr<Waiter>& waiter) TROLLEY_REQUIRES(mutex_) {
    waiter->running = Start(query);
    waiter->running->waiters.push_back(waiter);
    waiter->stale = std::move(stale);
    Clock::time_point until = context.deadline;
    if (waiter->stale) {
      until = std::min(until, Clock::now() + options_.stale_wait);
    }
    AddToTimer(until, waiter);
  }

  void AddToTimer(Clock::time_point until, const std::shared_ptr<Waiter>& waiter) TROLLEY_REQUIRES(mutex_) {
    waiter->position = waiting_.emplace(until, waiter);
    if (waiter->position == waiting_.begin()) {
      timer_wakes_.NotifyAll();
    }
  }

  // The caller requested a stop. The timer thread ends its wait.
  void Stop(Waiter& waiter) TROLLEY_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    waiter.stopped = true;
    if (waiter.running != nullptr) {
      const std::shared_ptr<Waiter> kept = waiter.position->second;
      waiting_.erase(waiter.position);
      AddToTimer(Clock::time_point::min(), kept);
    }
  }

  void RunTimer() {
    pthread_setname_np(pthread_self(), "search-timer");
    MutexLock lock(mutex_);
    while (!timer_ends_) {
      if (waiting_.empty() || waiting_.begin()->first == Clock::time_point::max()) {
        timer_wakes_.Wait(lock);
        continue;
      }
      if (waiting_.begin()->first > Clock::now()) {
        timer_wakes_.WaitUntil(lock, waiting_.begin()->first);
        continue;
      }
      Completion completion = EndWait(waiting_.begin()->second);
      lock.Unlock();
      completion.Deliver();
      completion = {};
      lock.Lock();
    }
  }

  // A caller waits no longer. The query goes on while somebody else waits for it, or to renew a stale result.
  Completion EndWait(std::shared_ptr<Waiter> waiter) TROLLEY_REQUIRES(mutex_) {
    waiting_.erase(waiter->position);
    const std::shared_ptr<RunningQuery> running = std::move(waiter->running);
    waiter->running = nullptr;
    std::erase(running->waiters, waiter);
    const bool stale_will_do = waiter->stale && !waiter->stopped;
    if (running->waiters.empty() && !running->in_background) {
      if (stale_will_do && in_background_ < kMaxBackgroundQueries) {
        running->in_background = true;
        ++in_background_;
      } else {
        Cancel(running);
      }
    }
    FindOutcome outcome;
    if (stale_will_do) {
      outcome.result = std::move(waiter->stale);
    } else if (waiter->stopped) {
      outcome = Failed(ErrorCode::kCancelled, "Cannot search the archive: it was interrupted");
    } else {
      outcome = Failed(ErrorCode::kTimedOut, "Cannot search the archive: it took longer than allowed");
    }
    return {std::move(waiter), std::move(outcome)};
  }

  // The running query that is equal to `query`, or a new one.
  std::shared_ptr<RunningQuery> Start(const Query& query) TROLLEY_REQUIRES(mutex_) {
    const auto found = running_.find(query);
    if (found != running_.end() && found->second->generation == cache_.generation()) {
      return found->second;
    }
    auto running = std::make_shared<RunningQuery>(query);
    running->generation = cache_.generation();
    running->responses_before = responses_;
    pool_->Submit([this, running](std::stop_token stop) { Run(running, std::move(stop)); });
    running_.insert_or_assign(query, running);
    return running;
  }

  // Checks in the background whether the archive is back.
  void Probe(const Query& query) TROLLEY_REQUIRES(mutex_) {
    const Clock::time_point now = Clock::now();
    if (closing_ || in_background_ >= kMaxBackgroundQueries || now < next_probe_) {
      return;
    }
    next_probe_ = now + options_.probe_interval;
    const auto running = Start(query);
    if (!running->in_background) {
      running->in_background = true;
      ++in_background_;
    }
  }

  // Later callers of an equal query start a new one.
  void Cancel(const std::shared_ptr<RunningQuery>& running) TROLLEY_REQUIRES(mutex_) {
    running->stop.request_stop();
    Forget(*running);
  }

  void Forget(const RunningQuery& running) TROLLEY_REQUIRES(mutex_) {
    const auto found = running_.find(running.query);
    if (found != running_.end() && found->second.get() == &running) {
      running_.erase(found);
    }
  }

  // On a thread of the pool.
  void Run(const std::shared_ptr<RunningQuery>& running, std::stop_token pool_stop) {
    const std::stop_callback forward(pool_stop, [&] { running->stop.request_stop(); });
    // The time before the query, so that a result never seems younger than it is.
    const WallTime fetched_at = options_.now();
    SearchResult studies;
    std::optional<Failure> failure;
    try {
      const Context context = Context::WithTimeout(options_.query_timeout, running->stop.get_token());
      context.Check("search the archive");
      studies = searcher_->Find(running->query, context);
    } catch (const Error& error) {
      failure = Failure{error.code(), error.what()};
    } catch (const std::exception& error) {
      failure = Failure{ErrorCode::kProtocol, std::string("Cannot search the archive: ") + error.what()};
    }
    if (!failure && studies == nullptr) {
      failure = Failure{ErrorCode::kProtocol, "Cannot search the archive: there was no result"};
    }
    std::vector<Completion> completions;
    {
      const MutexLock lock(mutex_);
      NoteState(*running, failure);
      if (!failure) {
        cache_.Insert(running->query, studies, fetched_at, running->generation);
      }
      completions =
          Finish(*running, studies == nullptr ? std::nullopt : std::optional(CachedResult{studies, fetched_at, false}),
                 failure);
    }
    DeliverAll(std::move(completions));
    // Nobody waits for the store.
    if (studies != nullptr) {
      cache_.Save(running->query, studies, fetched_at);
    }
  }

  // What the end of a query says about the archive.
  void NoteState(const RunningQuery& running, const std::optional<Failure>& failure) TROLLEY_REQUIRES(mutex_) {
    if (!failure || MeansUp(failure->code)) {
      ++responses_;
      down_ = false;
    } else if (MeansDown(failure->code) && running.responses_before == responses_) {
      // Had other queries succeeded meanwhile, this one would only be expensive, and the archive up.
      down_ = true;
      next_probe_ = Clock::now() + options_.probe_interval;
    }
  }

  std::vector<Completion> Finish(RunningQuery& running, const std::optional<CachedResult>& result,
                                 const std::optional<Failure>& failure) TROLLEY_REQUIRES(mutex_) {
    if (running.in_background) {
      --in_background_;
    }
    Forget(running);
    std::vector<Completion> completions;
    for (const std::shared_ptr<Waiter>& waiter : running.waiters) {
      waiting_.erase(waiter->position);
      waiter->running = nullptr;
      if (!failure) {
        completions.push_back({waiter, {result, nullptr}});
      } else if (waiter->stale && MeansDown(failure->code)) {
        completions.push_back({waiter, {waiter->stale, nullptr}});
      } else {
        completions.push_back({waiter, Failed(failure->code, failure->message)});
      }
    }
    running.waiters.clear();
    return completions;
  }

  const std::shared_ptr<Searcher> searcher_;
  const CachingSearcherOptions options_;
  ResultCache cache_;  // its mutex comes after this one's

  mutable Mutex mutex_;
  std::map<Query, std::shared_ptr<RunningQuery>> running_ TROLLEY_GUARDED_BY(mutex_);
  Waiters waiting_ TROLLEY_GUARDED_BY(mutex_);
  size_t in_background_ TROLLEY_GUARDED_BY(mutex_) = 0;
  uint64_t responses_ TROLLEY_GUARDED_BY(mutex_) = 0;  // of the archive so far
  bool down_ TROLLEY_GUARDED_BY(mutex_) = false;
  Clock::time_point next_probe_ TROLLEY_GUARDED_BY(mutex_) = Clock::time_point::min();
  bool closing_ TROLLEY_GUARDED_BY(mutex_) = false;
  bool timer_ends_ TROLLEY_GUARDED_BY(mutex_) = false;
  Condition timer_wakes_;

  std::unique_ptr<ThreadPool> pool_;
  std::thread timer_;
};

CachedResult FindOutcome::Get() && {
  if (error != nullptr) {
    std::rethrow_exception(error);
  }
  return *std::move(result);
}

CachingSearcher::CachingSearcher(std::shared_ptr<Searcher> searcher, std::shared_ptr<ResultStore> store,
                                 CachingSearcherOptions options)
    : impl_(std::make_unique<Impl>(std::move(searcher), std::move(store), std::move(options))) {}

CachingSearcher::~CachingSearcher() = default;

void CachingSearcher::FindAsync(const Query& query, const Context& context, FindCallback done) {
  impl_->FindAsync(query, context, std::move(done));
}

SearchResult CachingSearcher::Find(const Query& query, const Context& context) {
  return FindWithTime(query, context).studies;
}

CachedResult CachingSearcher::FindWithTime(const Query& query, const Context& context) {
  // Shared: this thread may be gone while the other one is still in set_value().
  const auto promise = std::make_shared<std::promise<FindOutcome>>();
  FindAsync(query, context, [promise](FindOutcome found) { promise->set_value(std::move(found)); });
  return promise->get_future().get().Get();
}

void CachingSearcher::Check(const Context& context) {
  impl_->Check(context);
}

std::optional<CachedResult> CachingSearcher::GetFresh(const Query& query) {
  return impl_->GetFresh(query);
}

std::optional<CachedResult> CachingSearcher::GetCached(const Query& query) {
  return impl_->GetCached(query);
}

void CachingSearcher::ExpireAll() {
  impl_->ExpireAll();
}

bool CachingSearcher::ArchiveIsDown() const {
  return impl_->IsDown();
}

}  // namespace trolley
