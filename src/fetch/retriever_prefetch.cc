// Deciding what of a series is fetched before it is opened.
#include <algorithm>
#include <numeric>

#include "base/text.h"
#include "fetch/retriever_impl.h"
#include "trolley/log.h"

namespace trolley {
namespace {

constexpr size_t kRecent = 16;         // opens remembered until the list is known
constexpr size_t kWorthStream = 8;     // fewer instances are requested one by one
constexpr size_t kMaxReadings = 1024;  // series remembered
constexpr Clock::duration kForgetReading = std::chrono::seconds(30);
constexpr Clock::duration kTick = std::chrono::milliseconds(2);  // between two looks while somebody waits
constexpr Clock::duration kSlowTick = std::chrono::milliseconds(50);
constexpr Clock::duration kGivesWay = std::chrono::seconds(1);  // the only connection, when nothing comes over it
constexpr Clock::duration kHeldOpen = std::chrono::seconds(5);  // who has a file open may still be reading it
constexpr size_t kKnownPace = 4;                                // arrivals
constexpr size_t kMaxStops = 3;                                 // of a stream, which begins anew each time
constexpr size_t kMaxOvertaking = 2;  // requests for what the batch of the series would bring, too

}  // namespace

std::optional<size_t> Retriever::Impl::Reading::IndexOf(const Uid& uid) const {
  if (list == nullptr) {
    return std::nullopt;
  }
  const auto found = std::lower_bound(by_uid.begin(), by_uid.end(), uid, [&](uint32_t index, const Uid& wanted_uid) {
    return (*list)[index] < wanted_uid;
  });
  return found != by_uid.end() && (*list)[*found] == uid ? std::optional<size_t>(*found) : std::nullopt;
}

void Retriever::Impl::Reading::SetState(size_t index, State state) {
  Item& item = items[index];
  wanted -= item.state == State::kWanted ? 1 : 0;
  assigned -= item.state == State::kAssigned ? 1 : 0;
  item.state = state;
  wanted += state == State::kWanted ? 1 : 0;
  assigned += state == State::kAssigned ? 1 : 0;
}

std::shared_ptr<SeriesUse> Retriever::Impl::NoteOpen(const InstanceReference& instance, bool cached) {
  if (!ReadsAhead()) {
    return nullptr;
  }
  const MutexLock lock(mutex_);
  const ReadingPtr reading = ReadingOf(instance.series_reference());
  reading->use->Touch();
  if (study_use_ != nullptr && read_through_->study == instance.study) {
    study_use_->Touch();
  }
  reading->fetches = reading->fetches || !cached;
  if (reading->list == nullptr) {
    if (reading->recent.size() < kRecent &&
        std::find(reading->recent.begin(), reading->recent.end(), instance.instance) == reading->recent.end()) {
      reading->recent.push_back(instance.instance);
    }
  } else if (const auto index = reading->IndexOf(instance.instance)) {
    const Reading::Item& item = reading->items[*index];
    if (!reading->pattern->opened(*index) && item.state == Reading::State::kHere) {
      reading->unread -= std::min(reading->unread, item.size);
      read_on_.NotifyAll();
    }
    reading->pattern->NoteOpen(*index);
  }
  const bool may_want_more =
      reading->list == nullptr ? reading->recent.size() > 1 || reading->all : reading->wanted > 0;
  if (reading->fetches && may_want_more) {
    ScheduleReview(reading);
  } else if (reading->fetches && reading->IsReadToEnd()) {
    NoteReadToEnd(reading, Clock::now());
  }
  return reading->use;
}

Retriever::Impl::ReadingPtr Retriever::Impl::ReadingOf(const SeriesReference& series) {
  if (const auto found = readings_.find(series); found != readings_.end()) {
    return found->second;
  }
  const auto now = Clock::now();
  if (readings_.size() >= kMaxReadings) {
    Sweep(now);
  }
  auto reading = std::make_shared<Reading>(series);
  // Who read one series of a study to its end goes on with the next.
  reading->all = IsReadThrough(series.study, now);
  readings_.emplace(series, reading);
  return reading;
}

void Retriever::Impl::Expect(const SeriesReference& series, const std::vector<Uid>& instances) {
  if (!ReadsAhead() || instances.empty()) {
    return;
  }
  MutexLock lock(mutex_);
  const ReadingPtr reading = ReadingOf(series);
  reading->use->Touch();
  if (reading->list == nullptr) {
    LoadList(reading);
  }
  if (reading->list == nullptr) {
    return;
  }
  // Others are not wanted for this.
  std::vector<bool> expected(reading->items.size());
  for (const Uid& uid : instances) {
    if (const auto index = reading->IndexOf(uid)) {
      expected[*index] = true;
    }
  }
  for (size_t i = 0; i < expected.size(); ++i) {
    if (!expected[i] && reading->items[i].state == Reading::State::kWanted) {
      reading->SetState(i, Reading::State::kFailed);
    }
  }
  reading->all = true;
  reading->fetches = true;
  ScheduleReview(reading);
}

// Whether a batch that runs is to bring it. With the lock held.
bool Retriever::Impl::Covered(const InstanceReference& instance) {
  const auto found = readings_.find(instance.series_reference());
  if (found == readings_.end()) {
    return false;
  }
  const auto index = found->second->IndexOf(instance.instance);
  return index && found->second->items[*index].state == Reading::State::kAssigned;
}

void Retriever::Impl::ScheduleReview(const ReadingPtr& reading) {
  if (!reading->attended) {
    reading->attended = true;
    attention_.push_back(reading);
  }
  plan_now_ = true;
  plan_.NotifyOne();
}

void Retriever::Impl::PlanLoop() {
  MutexLock lock(mutex_);
  while (!closing_) {
    plan_now_ = false;
    Clock::duration nap = readings_.empty() ? std::chrono::hours(1) : kForgetReading;
    for (const ReadingPtr& reading : std::exchange(attention_, {})) {
      reading->attended = false;
      if (Plan(reading)) {
        if (!reading->attended) {
          reading->attended = true;
          attention_.push_back(reading);
        }
        nap = std::min(nap, reading->waiting.empty() ? kSlowTick : kTick);
      }
    }
    plan_.WaitFor(lock, nap, [this]() TROLLEY_REQUIRES(mutex_) { return closing_ || plan_now_; });
    if (!plan_now_ && attention_.empty()) {
      Sweep(Clock::now());
    }
  }
}

// True while the series has to be looked at again soon.
bool Retriever::Impl::Plan(const ReadingPtr& reading) {
  if (reading->list == nullptr && !reading->being_listed) {
    LoadList(reading);
  }
  const auto now = Clock::now();
  if (IsIdle(*reading, now) || closing_) {
    StopJobs(*reading);
    reading->listing.request_stop();
    if (reading->IsAheadOfReader()) {  // nobody comes
      reading->before.reset();
      reading->all = false;
    }
  } else if (reading->WantsRest() && now >= reading->retry_at) {
    Launch(reading);
  }
  if (reading->IsReadToEnd()) {
    NoteReadToEnd(reading, now);
  }
  for (const JobPtr& job : reading->jobs) {
    if (job->part_began < now - options_.transfer_timeout) {
      job->stop.request_stop();
    }
  }
  Overtake(*reading, now);
  return !reading->jobs.empty() || !reading->waiting.empty() || reading->being_listed ||
         (reading->IsAheadOfReader() && reading->wanted > 0);
}

void Retriever::Impl::LoadList(const ReadingPtr& reading) {
  reading->loading = true;
  mutex_.Unlock();
  SeriesList list;
  std::vector<bool> cached;
  try {
    list = options_.series_list(reading->series);
    if (list != nullptr) {
      cached = cache_->Contain(options_.archive, reading->series, *list);
    }
  } catch (const std::exception& error) {
    LogDebug(StrCat("Cannot read ahead in series ", reading->series.series.str(), ": ", error.what()));
    list = nullptr;
  }
  mutex_.Lock();
  reading->loading = false;
  if (list != nullptr && reading->list == nullptr) {
    SetList(*reading, std::move(list), cached);
  }
  reading->came.clear();
}

void Retriever::Impl::SetList(Reading& reading, SeriesList list, const std::vector<bool>& cached) {
  reading.list = std::move(list);
  const size_t size = reading.list->size();
  reading.by_uid.resize(size);
  std::iota(reading.by_uid.begin(), reading.by_uid.end(), uint32_t{0});
  std::sort(reading.by_uid.begin(), reading.by_uid.end(),
            [&](uint32_t a, uint32_t b) { return (*reading.list)[a] < (*reading.list)[b]; });
  reading.items.resize(size);
  reading.wanted = size;
  for (size_t i = 0; i < size; ++i) {
    if (cached[i]) {
      reading.SetState(i, Reading::State::kHere);
    }
  }
  for (const Uid& uid : reading.came) {
    if (const auto index = reading.IndexOf(uid)) {
      reading.SetState(*index, Reading::State::kHere);
    }
  }
  reading.pattern.emplace(size);
  for (const Uid& uid : std::exchange(reading.recent, {})) {
    if (const auto index = reading.IndexOf(uid)) {
      reading.pattern->NoteOpen(*index);
    }
  }
}

// Starts what pays at this moment; called again and again while somebody reads on.
void Retriever::Impl::Launch(const ReadingPtr& reading) {
  if (IsFarEnough(*reading)) {
    return;
  }
  const bool batch_runs = std::any_of(reading->jobs.begin(), reading->jobs.end(),
                                      [](const JobPtr& job) { return job->kind == Job::Kind::kBatch; });
  const size_t limit = PrefetchLimit();
  const auto batching = downloader_->capabilities().batching;
  if (batching == Capabilities::Batching::kList) {
    // Shared out at once where it is known that this pays: some archives (DCMTK's) let a list begin only when those
    // that run have ended.
    while (downloader_->capabilities().parallel_lists && !batch_runs &&
           reading->sharers < std::min(limit, reading->wanted)) {
      StartJob(reading, Job::Kind::kBatch, false);
      ++reading->sharers;
    }
    reading->slow_to_begin = reading->slow_to_begin || reading->pace.IsSlowToBegin();
    if (reading->wanted > 0 && !downloader_->capabilities().parallel_lists &&
        (!batch_runs || (reading->slow_to_begin && reading->jobs.size() < limit))) {
      StartJob(reading, Job::Kind::kBatch, false);
    }
    return;
  }
  // What is left of a series that was fetched for the most part does not pay for all of it again.
  const size_t worth = reading->items.size() * (reading->stops == 0 ? 1U : 3U) / 4;
  if (batching == Capabilities::Batching::kSeries && !batch_runs && reading->stops < kMaxStops &&
      reading->wanted >= std::max(kWorthStream, worth)) {
    StartJob(reading, Job::Kind::kBatch, false);
    return;
  }
  // Over a long way, a stream waits for the window to open: requests from the other end bring what it would bring last.
  const bool helps = batch_runs && !reading->helped && StreamNeedsHelp(*reading);
  if (reading->unread >= MaxUnread(*reading)) {
    return;
  }
  const size_t left = batch_runs ? reading->assigned : reading->wanted;
  while ((!batch_runs || helps) && reading->jobs.size() < std::min(way_.parallel(), left)) {
    StartJob(reading, Job::Kind::kSingles, batch_runs);
  }
}

// Over a long way, where the window opens by half with each round trip. With the lock held.
bool Retriever::Impl::StreamNeedsHelp(const Reading& reading) const {
  if (!way_.IsHighLatency() || reading.here == 0 || reading.before != nullptr) {
    return false;
  }
  if (reading.pace.arrivals() >= kKnownPace &&
      way_.request() >= 4 * static_cast<int64_t>(way_.parallel()) * reading.pace.interval()) {
    return false;
  }
  return way_.StreamIsSlow(reading.bytes / reading.here, reading.assigned);
}

void Retriever::Impl::StartJob(const ReadingPtr& reading, Job::Kind kind, bool from_end) {
  auto job = std::make_shared<Job>();
  job->kind = kind;
  job->reading = reading;
  job->number = ++last_job_;
  job->from_end = from_end;
  reading->jobs.push_back(job);
  prefetch_.push_back(std::move(job));
  AddWorkerIfNeeded();
  if (running_ + prefetch_.size() > AheadLimit() && way_.IsHighLatency() && workers_.size() >= BaseLimit() &&
      workers_.size() < MostConnections()) {
    AddWorker();  // more than usual, on a high-latency link
  }
  wake_.NotifyOne();
}

bool Retriever::Impl::IsIdle(const Reading& reading, Clock::time_point now) const {
  const Clock::time_point used = reading.before ? std::max(reading.use->at(), reading.before->at()) : reading.use->at();
  const bool held = reading.use->open() && now - used < kHeldOpen;
  if (now - used < options_.idle_stop || held || !reading.waiting.empty()) {
    return false;
  }
  // Who waits for bytes does not ask for others meanwhile.
  return std::none_of(active_.begin(), active_.end(), [&](const auto& entry) {
    return entry.first.series == reading.series.series && entry.second.transfer->awaited();
  });
}

void Retriever::Impl::StopJobs(Reading& reading) {
  for (const JobPtr& job : reading.jobs) {
    job->stop.request_stop();
  }
  reading.sharers = 0;
  std::erase_if(prefetch_, [&](const JobPtr& job) {
    const bool mine = job->reading.get() == &reading;
    if (mine) {
      std::erase(reading.jobs, job);
    }
    return mine;
  });
}

// Requests directly what somebody waits for and the batch does not bring soon.
void Retriever::Impl::Overtake(Reading& reading, Clock::time_point now) {
  const auto slot_of = [&](const TransferPtr& transfer) TROLLEY_REQUIRES(mutex_) -> const Slot* {
    const auto slot = active_.find(transfer->reference());
    return slot != active_.end() && slot->second.transfer == transfer ? &slot->second : nullptr;
  };
  const Clock::time_point progress{Clock::duration(last_progress_.load())};
  // Shares of a list are as the spokes of a wheel: what comes next is the next of one of them.
  const size_t remaining = downloader_->capabilities().parallel_lists
                               ? std::min<size_t>(reading.assigned, 2 * PrefetchLimit())
                               : reading.assigned;
  std::erase_if(reading.overtaking, [&](const TransferPtr& transfer) TROLLEY_REQUIRES(mutex_) {
    const Slot* slot = slot_of(transfer);
    return slot == nullptr || slot->batch;
  });
  std::erase_if(reading.waiting, [&](const TransferPtr& transfer) TROLLEY_REQUIRES(mutex_) {
    const Slot* slot = slot_of(transfer);
    if (slot == nullptr || slot->batch) {
      return true;
    }
    if (transfer->stop_token().stop_requested()) {
      ForgetLocked(transfer);
      return true;
    }
    const auto index = reading.IndexOf(transfer->reference().instance);
    if (!index || reading.items[*index].state != Reading::State::kAssigned) {
      EnqueueLocked(transfer);
      return true;
    }
    if (reading.overtaking.size() >= kMaxOvertaking || (options_.connections <= 1 && now - progress < kGivesWay) ||
        reading.pace.WorthWaiting(*index, now - transfer->created_at(), way_.latency(), remaining, now,
                                  reading.pattern->ReadsOn())) {
      return false;
    }
    reading.overtaking.push_back(transfer);
    EnqueueLocked(transfer);
    return true;
  });
}

void Retriever::Impl::Sweep(Clock::time_point now) {
  const auto is_idle = [](const Reading& reading) {
    return reading.jobs.empty() && reading.waiting.empty() && !reading.attended && !reading.loading &&
           !reading.being_listed;
  };
  std::erase_if(readings_, [&](const auto& entry) {
    return is_idle(*entry.second) && now - entry.second->use->at() > kForgetReading;
  });
  for (auto at = readings_.begin(); at != readings_.end() && readings_.size() >= kMaxReadings;) {
    at = is_idle(*at->second) ? readings_.erase(at) : std::next(at);
  }
}

void Retriever::Impl::NoteHere(const InstanceReference& instance, uint64_t size) {
  const MutexLock lock(mutex_);
  ++arrivals_;
  const auto found = readings_.find(instance.series_reference());
  if (found == readings_.end()) {
    return;
  }
  Reading& reading = *found->second;
  if (reading.loading) {
    reading.came.push_back(instance.instance);  // perhaps after the list was compared with the cache
  }
  const auto index = reading.IndexOf(instance.instance);
  if (index && reading.items[*index].state == Reading::State::kHere) {
    return;
  }
  ++reading.here;
  reading.bytes += size;
  if (!index) {
    return;
  }
  reading.SetState(*index, Reading::State::kHere);
  reading.items[*index].size = size;
  if (!reading.pattern->opened(*index)) {
    reading.unread += size;
    ++ahead_;
  }
}

}  // namespace trolley
