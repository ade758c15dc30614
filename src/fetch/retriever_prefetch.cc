// The part of Retriever::Impl that plans prefetches. The planner thread reviews each series that was scheduled; it
// starts and stops jobs and direct requests, and never downloads itself.
#include <algorithm>

#include "base/text.h"
#include "fetch/retriever_impl.h"
#include "trolley/log.h"

namespace trolley {
namespace {

constexpr size_t kRecent = 16;           // opens remembered until the list is known
constexpr size_t kWorthStream = 8;       // fewer instances are requested one by one
constexpr size_t kMaxPrefetches = 1024;  // series remembered
constexpr Clock::duration kForgetPrefetch = std::chrono::seconds(30);
constexpr Clock::duration kTick = std::chrono::milliseconds(2);  // between two looks while somebody waits
constexpr Clock::duration kSlowTick = std::chrono::milliseconds(50);
constexpr Clock::duration kGivesWay = std::chrono::seconds(1);  // the only connection, when nothing comes over it
constexpr Clock::duration kHeldOpen = std::chrono::seconds(5);  // a reader with an open file may still be reading
constexpr size_t kKnownArrivals = 4;                            // arrivals
constexpr size_t kMaxStops = 3;                                 // restarts of a stream
constexpr size_t kMaxDirect = 2;  // requests for what the bulk fetch of the series would bring, too

}  // namespace

std::shared_ptr<SeriesUse> Retriever::Impl::NoteOpen(const InstanceReference& instance, bool cached) {
  if (!Prefetches()) {
    return nullptr;
  }
  const MutexLock lock(mutex_);
  const SeriesPrefetchPtr prefetch = PrefetchOf(instance.series_reference());
  prefetch->use->Touch();
  if (study_use_ != nullptr && read_through_->study == instance.study) {
    study_use_->Touch();
  }
  prefetch->fetches = prefetch->fetches || !cached;
  if (prefetch->list == nullptr) {
    if (prefetch->recent.size() < kRecent &&
        std::find(prefetch->recent.begin(), prefetch->recent.end(), instance.instance) == prefetch->recent.end()) {
      prefetch->recent.push_back(instance.instance);
    }
  } else if (const auto index = prefetch->IndexOf(instance.instance)) {
    const SeriesPrefetch::Item& item = prefetch->items[*index];
    if (!prefetch->pattern->opened(*index) && item.state == SeriesPrefetch::State::kHere) {
      prefetch->unread -= std::min(prefetch->unread, item.size);
      prefetch_opened_.NotifyAll();
    }
    prefetch->pattern->NoteOpen(*index);
  }
  const bool may_want_more =
      prefetch->list == nullptr ? prefetch->recent.size() > 1 || prefetch->all : prefetch->wanted > 0;
  if (prefetch->fetches && may_want_more) {
    ScheduleReview(prefetch);
  } else if (prefetch->fetches && prefetch->IsReadToEnd()) {
    NoteReadToEnd(prefetch, Clock::now());
  }
  return prefetch->use;
}

Retriever::Impl::SeriesPrefetchPtr Retriever::Impl::PrefetchOf(const SeriesReference& series) {
  if (const auto found = prefetches_.find(series); found != prefetches_.end()) {
    return found->second;
  }
  const auto now = Clock::now();
  if (prefetches_.size() >= kMaxPrefetches) {
    Sweep(now);
  }
  auto prefetch = std::make_shared<SeriesPrefetch>(series);
  // A reader that finished one series of a study usually goes on with the next.
  prefetch->all = IsReadThrough(series.study, now);
  prefetches_.emplace(series, prefetch);
  return prefetch;
}

void Retriever::Impl::Expect(const SeriesReference& series, const std::vector<Uid>& instances) {
  if (!Prefetches() || instances.empty()) {
    return;
  }
  MutexLock lock(mutex_);
  const SeriesPrefetchPtr prefetch = PrefetchOf(series);
  prefetch->use->Touch();
  if (prefetch->list == nullptr) {
    LoadList(prefetch);
  }
  if (prefetch->list == nullptr) {
    return;
  }
  // Others are not wanted for this.
  std::vector<bool> expected(prefetch->items.size());
  for (const Uid& uid : instances) {
    if (const auto index = prefetch->IndexOf(uid)) {
      expected[*index] = true;
    }
  }
  for (size_t i = 0; i < expected.size(); ++i) {
    if (!expected[i] && prefetch->items[i].state == SeriesPrefetch::State::kWanted) {
      prefetch->SetState(i, SeriesPrefetch::State::kFailed);
    }
  }
  prefetch->all = true;
  prefetch->fetches = true;
  ScheduleReview(prefetch);
}

// Whether a running bulk fetch is to bring it.
bool Retriever::Impl::IsAssignedToBulk(const InstanceReference& instance) {
  const auto found = prefetches_.find(instance.series_reference());
  if (found == prefetches_.end()) {
    return false;
  }
  const auto index = found->second->IndexOf(instance.instance);
  return index && found->second->items[*index].state == SeriesPrefetch::State::kAssigned;
}

void Retriever::Impl::ScheduleReview(const SeriesPrefetchPtr& prefetch) {
  if (!prefetch->queued) {
    prefetch->queued = true;
    dirty_.push_back(prefetch);
  }
  plan_now_ = true;
  plan_.NotifyOne();
}

void Retriever::Impl::PlanLoop() {
  MutexLock lock(mutex_);
  while (!closing_) {
    plan_now_ = false;
    Clock::duration nap = prefetches_.empty() ? std::chrono::hours(1) : kForgetPrefetch;
    for (const SeriesPrefetchPtr& prefetch : std::exchange(dirty_, {})) {
      prefetch->queued = false;
      if (Plan(prefetch)) {
        if (!prefetch->queued) {
          prefetch->queued = true;
          dirty_.push_back(prefetch);
        }
        nap = std::min(nap, prefetch->waiting.empty() ? kSlowTick : kTick);
      }
    }
    plan_.WaitFor(lock, nap, [this]() TROLLEY_REQUIRES(mutex_) { return closing_ || plan_now_; });
    if (!plan_now_ && dirty_.empty()) {
      Sweep(Clock::now());
    }
  }
}

// True while the series has to be looked at again soon.
bool Retriever::Impl::Plan(const SeriesPrefetchPtr& prefetch) {
  if (prefetch->list == nullptr && !prefetch->being_listed) {
    LoadList(prefetch);
  }
  const auto now = Clock::now();
  if (IsIdle(*prefetch, now) || closing_) {
    StopJobs(*prefetch);
    prefetch->listing.request_stop();
    if (prefetch->IsUpcoming()) {  // nobody comes
      prefetch->before.reset();
      prefetch->all = false;
    }
  } else if (prefetch->ShouldPrefetch() && now >= prefetch->retry_at) {
    Launch(prefetch);
  }
  if (prefetch->IsReadToEnd()) {
    NoteReadToEnd(prefetch, now);
  }
  for (const JobPtr& job : prefetch->jobs) {
    if (job->part_began < now - options_.transfer_timeout) {
      job->stop.request_stop();
    }
  }
  StartDirectRequests(*prefetch, now);
  return !prefetch->jobs.empty() || !prefetch->waiting.empty() || prefetch->being_listed ||
         (prefetch->IsUpcoming() && prefetch->wanted > 0);
}

// Starts the jobs that help now; called repeatedly while the series is read.
void Retriever::Impl::Launch(const SeriesPrefetchPtr& prefetch) {
  if (HasPrefetchedEnough(*prefetch)) {
    return;
  }
  const bool bulk_runs = std::any_of(prefetch->jobs.begin(), prefetch->jobs.end(),
                                     [](const JobPtr& job) { return job->kind == Job::Kind::kBulk; });
  const size_t limit = BasePrefetchLimit();
  const auto batching = downloader_->capabilities().batching;
  if (batching == Capabilities::Batching::kList) {
    // Split at once only where the archive serves lists in parallel: some archives (DCMTK's) let a list begin only when
    // those that run have ended.
    while (downloader_->capabilities().parallel_lists && !bulk_runs &&
           prefetch->sharers < std::min(limit, prefetch->wanted)) {
      StartJob(prefetch, Job::Kind::kBulk, false);
      ++prefetch->sharers;
    }
    prefetch->slow_to_begin = prefetch->slow_to_begin || prefetch->arrivals.IsSlowToBegin();
    if (prefetch->wanted > 0 && !downloader_->capabilities().parallel_lists &&
        (!bulk_runs || (prefetch->slow_to_begin && prefetch->jobs.size() < limit))) {
      StartJob(prefetch, Job::Kind::kBulk, false);
    }
    return;
  }
  // A stream brings the whole series again: not worth it when most of it is here.
  const size_t worth = prefetch->items.size() * (prefetch->stops == 0 ? 1U : 3U) / 4;
  if (batching == Capabilities::Batching::kSeries && !bulk_runs && prefetch->stops < kMaxStops &&
      prefetch->wanted >= std::max(kWorthStream, worth)) {
    StartJob(prefetch, Job::Kind::kBulk, false);
    return;
  }
  // On a high-latency link a stream waits for TCP's window: point fetches from the other end bring what it would
  // bring last.
  const bool helps = bulk_runs && !prefetch->helped && StreamNeedsHelp(*prefetch);
  if (prefetch->unread >= MaxUnread(*prefetch)) {
    return;
  }
  const size_t left = bulk_runs ? prefetch->assigned : prefetch->wanted;
  while ((!bulk_runs || helps) && prefetch->jobs.size() < std::min(link_.concurrency(), left)) {
    StartJob(prefetch, Job::Kind::kPoint, bulk_runs);
  }
}

// on a high-latency link, where the window opens by half with each round trip.
bool Retriever::Impl::StreamNeedsHelp(const SeriesPrefetch& prefetch) const {
  if (!link_.IsHighLatency() || prefetch.here == 0 || prefetch.before != nullptr) {
    return false;
  }
  if (prefetch.arrivals.arrivals() >= kKnownArrivals &&
      link_.request() >= 4 * static_cast<int64_t>(link_.concurrency()) * prefetch.arrivals.interval()) {
    return false;
  }
  return link_.StreamIsSlow(prefetch.bytes / prefetch.here, prefetch.assigned);
}

void Retriever::Impl::StartJob(const SeriesPrefetchPtr& prefetch, Job::Kind kind, bool from_end) {
  auto job = std::make_shared<Job>();
  job->kind = kind;
  job->prefetch = prefetch;
  job->number = ++last_job_;
  job->from_end = from_end;
  prefetch->jobs.push_back(job);
  prefetch_jobs_.push_back(std::move(job));
  AddWorkerIfNeeded();
  if (running_ + prefetch_jobs_.size() > PrefetchLimit() && link_.IsHighLatency() && workers_.size() >= BaseLimit() &&
      workers_.size() < MaxConcurrency()) {
    AddWorker();  // more than usual, on a high-latency link
  }
  wake_.NotifyOne();
}

bool Retriever::Impl::IsIdle(const SeriesPrefetch& prefetch, Clock::time_point now) const {
  const Clock::time_point used =
      prefetch.before ? std::max(prefetch.use->at(), prefetch.before->at()) : prefetch.use->at();
  const bool held = prefetch.use->open() && now - used < kHeldOpen;
  if (now - used < options_.idle_stop || held || !prefetch.waiting.empty()) {
    return false;
  }
  // A reader that waits for bytes opens nothing else meanwhile.
  return std::none_of(active_.begin(), active_.end(), [&](const auto& entry) {
    return entry.first.series == prefetch.series.series && entry.second.transfer->awaited();
  });
}

void Retriever::Impl::StopJobs(SeriesPrefetch& prefetch) {
  for (const JobPtr& job : prefetch.jobs) {
    job->stop.request_stop();
  }
  prefetch.sharers = 0;
  std::erase_if(prefetch_jobs_, [&](const JobPtr& job) {
    const bool mine = job->prefetch.get() == &prefetch;
    if (mine) {
      std::erase(prefetch.jobs, job);
    }
    return mine;
  });
}

// Starts direct requests for awaited instances that the bulk fetch does not bring soon.
void Retriever::Impl::StartDirectRequests(SeriesPrefetch& prefetch, Clock::time_point now) {
  const auto slot_of = [&](const TransferPtr& transfer) TROLLEY_REQUIRES(mutex_) -> const Slot* {
    const auto slot = active_.find(transfer->reference());
    return slot != active_.end() && slot->second.transfer == transfer ? &slot->second : nullptr;
  };
  const Clock::time_point progress{Clock::duration(last_progress_.load())};
  // Lists are split round-robin, so the next arrival belongs to one of 2 x limit instances.
  const size_t remaining = downloader_->capabilities().parallel_lists
                               ? std::min<size_t>(prefetch.assigned, 2 * BasePrefetchLimit())
                               : prefetch.assigned;
  std::erase_if(prefetch.direct, [&](const TransferPtr& transfer) TROLLEY_REQUIRES(mutex_) {
    const Slot* slot = slot_of(transfer);
    return slot == nullptr || slot->bulk;
  });
  std::erase_if(prefetch.waiting, [&](const TransferPtr& transfer) TROLLEY_REQUIRES(mutex_) {
    const Slot* slot = slot_of(transfer);
    if (slot == nullptr || slot->bulk) {
      return true;
    }
    if (transfer->stop_token().stop_requested()) {
      ForgetLocked(transfer);
      return true;
    }
    const auto index = prefetch.IndexOf(transfer->reference().instance);
    if (!index || prefetch.items[*index].state != SeriesPrefetch::State::kAssigned) {
      EnqueueLocked(transfer);
      return true;
    }
    if (prefetch.direct.size() >= kMaxDirect || (options_.concurrency <= 1 && now - progress < kGivesWay) ||
        prefetch.arrivals.ArrivesSoon(*index, now - transfer->created_at(), link_.latency(), remaining, now,
                                      prefetch.pattern->ContinuesLast())) {
      return false;
    }
    prefetch.direct.push_back(transfer);
    EnqueueLocked(transfer);
    return true;
  });
}

void Retriever::Impl::Sweep(Clock::time_point now) {
  const auto is_idle = [](const SeriesPrefetch& prefetch) {
    return prefetch.jobs.empty() && prefetch.waiting.empty() && !prefetch.queued && !prefetch.loading &&
           !prefetch.being_listed;
  };
  std::erase_if(prefetches_, [&](const auto& entry) {
    return is_idle(*entry.second) && now - entry.second->use->at() > kForgetPrefetch;
  });
  for (auto at = prefetches_.begin(); at != prefetches_.end() && prefetches_.size() >= kMaxPrefetches;) {
    at = is_idle(*at->second) ? prefetches_.erase(at) : std::next(at);
  }
}

}  // namespace trolley
