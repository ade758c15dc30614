// The part of Retriever::Impl that runs prefetch jobs: bulk fetches (one request for many instances) and point fetches
// (one each). Runs on worker threads; must not hold the lock while it downloads.
#include <algorithm>

#include "base/text.h"
#include "fetch/retriever_impl.h"
#include "trolley/error.h"
#include "trolley/log.h"

namespace trolley {
namespace {

constexpr size_t kLongestList = 512;
constexpr size_t kShortestList = 8;
constexpr Clock::duration kShortPause = std::chrono::seconds(1);  // after a failure; then twice as long each time
constexpr int kMaxFailures = 6;

}  // namespace

// Passes the parts of a bulk fetch to their transfers. What goes wrong with one part does not end the others.
class Retriever::Impl::BulkSink : public DownloadSink {
 public:
  BulkSink(Impl& retriever, JobPtr job) : retriever_(retriever), job_(std::move(job)) {}

  void OnBegin(const InstanceReference& instance, std::optional<uint64_t> length) override {
    retriever_.WaitUntilRead(job_);
    current_ = retriever_.ClaimForBulk(job_, instance);
    if (current_ == nullptr) {
      const MutexLock lock(retriever_.mutex_);
      if (retriever_.HasNothingLeft(*job_->prefetch)) {
        throw Error(ErrorCode::kCancelled, "Cannot prefetch: all has arrived by itself");
      }
      return;
    }
    Guard([&] {
      if (current_->begun()) {  // cut off before, and read already
        current_->Continue(length);
        return;
      }
      auto staged = retriever_.Stage(instance, length);
      if (staged == nullptr && !current_->wanted()) {
        throw Error(ErrorCode::kNoSpace, "Cannot prefetch: the cache's disk is full");
      }
      current_->Begin(std::move(staged), length);
    });
  }

  void OnData(std::span<const std::byte> piece) override {
    retriever_.NoteBytes(piece.size());
    if (current_ != nullptr) {
      Guard([&] { current_->Append(piece); });
    }
  }

  void OnEnd() override {
    if (current_ == nullptr) {
      return;
    }
    Guard([&] {
      current_->End();
      ++arrived_;
      retriever_.NoteHere(current_->reference(), current_->arrived());
      const MutexLock lock(retriever_.mutex_);
      retriever_.ForgetLocked(current_);
      job_->prefetch->arrivals.NoteEnd(Clock::now());
      job_->part_began = Clock::time_point::max();
    });
    current_ = nullptr;
  }

  void OnMissing(const InstanceReference& instance) override {
    if (const TransferPtr transfer = retriever_.ClaimForBulk(job_, instance)) {
      retriever_.Forget(transfer);
      transfer->EndMissing();
    }
    const MutexLock lock(retriever_.mutex_);
    GiveUpItem(instance);
  }

  void OnFailed(const InstanceReference& instance, const Error& error) override {
    {
      const MutexLock lock(retriever_.mutex_);
      GiveUpItem(instance);
    }
    if (current_ != nullptr && current_->reference() == instance) {
      retriever_.FailPart(std::exchange(current_, nullptr), error);
    }
  }

  size_t arrived() const { return arrived_; }
  // Fails the part that was cut off.
  void Cut(const Error& error) {
    if (current_ != nullptr) {
      retriever_.FailPart(std::exchange(current_, nullptr), error);
    }
  }

 private:
  template <typename Function>
  void Guard(Function function) {
    try {
      function();
    } catch (const Error& error) {
      const bool full = error.code() == ErrorCode::kNoSpace;
      retriever_.FailPart(std::exchange(current_, nullptr), error);
      if (full) {
        throw;
      }
    }
  }

  void GiveUpItem(const InstanceReference& instance) {
    SeriesPrefetch& prefetch = *job_->prefetch;
    const auto index = prefetch.IndexOf(instance.instance);
    // What is here counts as unread until it is opened.
    if (index && prefetch.items[*index].state != SeriesPrefetch::State::kHere) {
      prefetch.SetState(*index, SeriesPrefetch::State::kFailed);
    }
  }

  Impl& retriever_;
  const JobPtr job_;
  TransferPtr current_;  // null: the part is dropped
  size_t arrived_ = 0;
};

void Retriever::Impl::Run(const JobPtr& job) {
  if (job->kind == Job::Kind::kPoint) {
    RunPoints(job);
  } else {
    while (RunBulk(job)) {
    }
  }
  const MutexLock lock(mutex_);
  std::erase(job->prefetch->jobs, job);
  ScheduleReview(job->prefetch);
}

// One request for many. True when the job goes on with another one.
bool Retriever::Impl::RunBulk(const JobPtr& job) {
  const std::vector<InstanceReference> instances = Assign(job);
  if (instances.empty()) {
    return false;
  }
  ++bulk_requests_;
  std::optional<Error> failure;
  BulkSink sink(*this, job);
  try {
    downloader_->Download(instances, sink, {job->stop.get_token(), Clock::time_point::max(), Priority::kPrefetch});
    failure.reset();
  } catch (const Error& error) {
    failure = error;
  } catch (const std::exception& error) {
    failure = Error(ErrorCode::kProtocol, StrCat("Cannot prefetch: ", error.what()));
  }
  if (const MutexLock lock(mutex_); failure && HasNothingLeft(*job->prefetch)) {
    failure.reset();
  }
  sink.Cut(failure.value_or(Error(ErrorCode::kProtocol, "Cannot prefetch: an instance did not end")));
  if (failure && !job->stop.stop_requested()) {
    LogInfo(StrCat("Instances of series ", job->prefetch->series.series.str(),
                   " could not be fetched together, they are requested one by one: ", failure->what()));
  }
  Conclude(job, failure, sink.arrived());
  return !failure && downloader_->capabilities().batching == Capabilities::Batching::kList;
}

std::vector<InstanceReference> Retriever::Impl::Assign(const JobPtr& job) {
  std::vector<InstanceReference> instances;
  const MutexLock lock(mutex_);
  SeriesPrefetch& prefetch = *job->prefetch;
  if (job->stop.stop_requested() || closing_) {
    return instances;
  }
  size_t count = prefetch.wanted;
  size_t step = 1;  // takes every step-th wanted instance
  if (downloader_->capabilities().parallel_lists) {
    step = std::max<size_t>(prefetch.sharers, 1);
    prefetch.sharers -= prefetch.sharers > 0 ? 1 : 0;
    count = std::min((count + step - 1) / step, kLongestList);
  } else if (downloader_->capabilities().batching == Capabilities::Batching::kList) {
    if (options_.concurrency == 1 && !queue_.empty()) {
      return instances;  // this is the only worker, and an open waits
    }
    const size_t share = prefetch.wanted / (2 * BasePrefetchLimit());
    const size_t longest = prefetch.slow_to_begin ? std::max(kShortestList, share) : job->next_list;
    count = std::min(count, longest);
    job->next_list = std::min(2 * job->next_list, kLongestList);
  }
  if (prefetch.assigned == 0) {
    prefetch.arrivals.Restart(Clock::now());
    prefetch.helped = false;
  }
  const size_t size = prefetch.items.size();
  const size_t start = prefetch.pattern->position();
  const bool is_list = downloader_->capabilities().batching == Capabilities::Batching::kList;
  size_t seen = 0;
  for (size_t i = 0; i < size && instances.size() < count; ++i) {
    const size_t index = (start + i) % size;
    if (prefetch.items[index].state != SeriesPrefetch::State::kWanted) {
      continue;
    }
    InstanceReference instance{prefetch.series.study, prefetch.series.series, (*prefetch.list)[index]};
    if (const auto slot = active_.find(instance);
        is_list && slot != active_.end() && slot->second.transfer != nullptr) {
      prefetch.SetState(index,
                        SeriesPrefetch::State::kFailed);  // it is requested by itself; unless it comes, not again
      continue;
    }
    if (seen++ % step != 0) {
      continue;
    }
    prefetch.SetState(index, SeriesPrefetch::State::kAssigned);
    prefetch.items[index].job = job->number;
    instances.push_back(std::move(instance));
  }
  if (link_.IsHighLatency() && downloader_->capabilities().batching == Capabilities::Batching::kSeries) {
    ScheduleReview(job->prefetch);  // it may need help from the start
  }
  return instances;
}

// Instances that the bulk fetch did not bring become wanted again; openers get them by direct requests.
void Retriever::Impl::Conclude(const JobPtr& job, const std::optional<Error>& failure, size_t arrived) {
  const MutexLock lock(mutex_);
  SeriesPrefetch& prefetch = *job->prefetch;
  for (size_t i = 0; i < prefetch.items.size(); ++i) {
    if (prefetch.items[i].state == SeriesPrefetch::State::kAssigned && prefetch.items[i].job == job->number) {
      prefetch.SetState(i, failure ? SeriesPrefetch::State::kWanted : SeriesPrefetch::State::kFailed);
    }
  }
  if (failure && !job->stop.stop_requested()) {
    prefetch.failures = arrived > 0 ? 0 : std::min(prefetch.failures + 1, kMaxFailures);
    prefetch.retry_at = Clock::now() + kShortPause * (1 << prefetch.failures);
  }
  prefetch.stops += job->stop.stop_requested() && !job->enough ? 1 : 0;
  job->part_began = Clock::time_point::max();
}

Retriever::Impl::TransferPtr Retriever::Impl::ClaimForBulk(const JobPtr& job, const InstanceReference& instance) {
  const MutexLock lock(mutex_);
  SeriesPrefetch& prefetch = *job->prefetch;
  const auto index = prefetch.IndexOf(instance.instance);
  if (!index) {
    return nullptr;
  }
  const auto now = Clock::now();
  prefetch.arrivals.NoteArrival(*index, now);
  job->part_began = now;
  if (prefetch.items[*index].state != SeriesPrefetch::State::kAssigned) {
    return nullptr;
  }
  Slot& slot = active_[instance];
  if (slot.begun || slot.bulk) {
    return nullptr;
  }
  if (slot.transfer != nullptr && !slot.transfer->Pin()) {
    slot = {};  // it was given up
  }
  if (slot.transfer == nullptr) {
    slot.transfer = std::make_shared<Transfer>(instance, prefetch.use);
    slot.transfer->Pin();
  }
  if (slot.request != nullptr) {
    slot.request->superseded = true;
    slot.request->stop.request_stop();
    slot.request.reset();
  }
  std::erase(queue_, slot.transfer);
  slot.bulk = true;
  return slot.transfer;
}

// Direct requests brought the rest of the stream.
bool Retriever::Impl::HasNothingLeft(const SeriesPrefetch& prefetch) const {
  return prefetch.assigned == 0 && downloader_->capabilities().batching == Capabilities::Batching::kSeries;
}

// A part failed: when somebody has it open, it is requested directly.
void Retriever::Impl::FailPart(const TransferPtr& transfer, const Error& error) {
  {
    const MutexLock lock(mutex_);
    const auto slot = active_.find(transfer->reference());
    const bool known = slot != active_.end() && slot->second.transfer == transfer;
    if (known && !closing_ && !transfer->ended() && !transfer->Unpin()) {
      transfer->RestartFromZero();
      slot->second = {transfer, nullptr, false, false, false};
      EnqueueLocked(transfer);  // this is a worker: there is one
      return;
    }
  }
  Fail(transfer, error);
}

// Prefetched bytes fill the disk, so the stream waits until the reader catches up. A next series is stopped instead:
// waiting would hold the place of a series that is read.
void Retriever::Impl::WaitUntilRead(const JobPtr& job) {
  MutexLock lock(mutex_);
  SeriesPrefetch& prefetch = *job->prefetch;
  if (HasPrefetchedEnough(prefetch)) {
    job->enough = true;
    job->stop.request_stop();
  }
  prefetch_opened_.Wait(lock, job->stop.get_token(),
                        [&]() TROLLEY_REQUIRES(mutex_) { return closing_ || prefetch.unread < MaxUnread(prefetch); });
  if (job->stop.stop_requested() || closing_) {
    throw Error(ErrorCode::kCancelled, "Cannot prefetch: nobody reads on");
  }
}

void Retriever::Impl::RunPoints(const JobPtr& job) {
  while (const TransferPtr transfer = NextPoint(job)) {
    const std::stop_callback pass_on(job->stop.get_token(), [&transfer] { transfer->CancelIfUnused(); });
    Fetch(transfer);
    const MutexLock lock(mutex_);
    const auto index = job->prefetch->IndexOf(transfer->reference().instance);
    if (job->stop.stop_requested() && job->prefetch->items[*index].state == SeriesPrefetch::State::kFailed) {
      job->prefetch->SetState(*index, SeriesPrefetch::State::kWanted);
    }
  }
}

Retriever::Impl::TransferPtr Retriever::Impl::NextPoint(const JobPtr& job) {
  const MutexLock lock(mutex_);
  SeriesPrefetch& prefetch = *job->prefetch;
  if (job->stop.stop_requested() || closing_ || !queue_.empty() || prefetch.unread >= MaxUnread(prefetch) ||
      HasPrefetchedEnough(prefetch)) {
    return nullptr;
  }
  if ((job->from_end && !StreamNeedsHelp(prefetch)) || prefetch.jobs.size() > link_.concurrency()) {
    return nullptr;
  }
  const auto eligible = job->from_end ? SeriesPrefetch::State::kAssigned : SeriesPrefetch::State::kWanted;
  const size_t size = prefetch.items.size();
  const size_t start = prefetch.pattern->position();
  for (size_t i = 0; i < size; ++i) {
    const size_t index = job->from_end ? size - 1 - i : (start + i) % size;
    if (prefetch.items[index].state != eligible) {
      continue;
    }
    const InstanceReference instance{prefetch.series.study, prefetch.series.series, (*prefetch.list)[index]};
    if (job->from_end && prefetch.items[index].helped) {
      continue;
    }
    if (!job->from_end) {
      prefetch.SetState(index, SeriesPrefetch::State::kFailed);  // unless it comes, not requested again
    }
    Slot& slot = active_[instance];
    if (slot.transfer == nullptr) {
      slot.transfer = std::make_shared<Transfer>(instance, prefetch.use);
      prefetch.items[index].helped = true;
      return slot.transfer;
    }
  }
  prefetch.helped = true;
  return nullptr;
}

}  // namespace trolley
