// Fetching of a series what nobody has opened yet.
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

// Passes the parts of a batch to their transfers. What goes wrong with one part does not end the others.
class Retriever::Impl::BatchSink : public DownloadSink {
 public:
  BatchSink(Impl& retriever, JobPtr job) : retriever_(retriever), job_(std::move(job)) {}

  void OnBegin(const InstanceReference& instance, std::optional<uint64_t> length) override {
    retriever_.WaitUntilRead(job_);
    current_ = retriever_.ClaimForBatch(job_, instance);
    if (current_ == nullptr) {
      const MutexLock lock(retriever_.mutex_);
      if (retriever_.HasNothingLeft(*job_->reading)) {
        throw Error(ErrorCode::kCancelled, "Cannot fetch ahead: all has come by itself");
      }
      return;
    }
    Guard([&] {
      if (current_->begun()) {  // cut off before, and read already
        current_->Resume(length);
        return;
      }
      auto staged = retriever_.Stage(instance, length);
      if (staged == nullptr && !current_->wanted()) {
        throw Error(ErrorCode::kNoSpace, "Cannot fetch ahead: the cache's disk is full");
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
      job_->reading->pace.NoteEnd(Clock::now());
      job_->part_began = Clock::time_point::max();
    });
    current_ = nullptr;
  }

  void OnMissing(const InstanceReference& instance) override {
    if (const TransferPtr transfer = retriever_.ClaimForBatch(job_, instance)) {
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
  // Of the part that was cut off.
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
    Reading& reading = *job_->reading;
    const auto index = reading.IndexOf(instance.instance);
    // What is here counts as unread until it is opened.
    if (index && reading.items[*index].state != Reading::State::kHere) {
      reading.SetState(*index, Reading::State::kFailed);
    }
  }

  Impl& retriever_;
  const JobPtr job_;
  TransferPtr current_;  // null: the part is dropped
  size_t arrived_ = 0;
};

void Retriever::Impl::Run(const JobPtr& job) {
  if (job->kind == Job::Kind::kSingles) {
    RunSingles(job);
  } else {
    while (RunBatch(job)) {
    }
  }
  const MutexLock lock(mutex_);
  std::erase(job->reading->jobs, job);
  ScheduleReview(job->reading);
}

// One request for many. True when the job goes on with another one.
bool Retriever::Impl::RunBatch(const JobPtr& job) {
  const std::vector<InstanceReference> instances = Assign(job);
  if (instances.empty()) {
    return false;
  }
  ++batches_;
  std::optional<Error> failure;
  BatchSink sink(*this, job);
  try {
    downloader_->Download(instances, sink, {job->stop.get_token(), Clock::time_point::max(), Priority::kPrefetch});
    failure.reset();
  } catch (const Error& error) {
    failure = error;
  } catch (const std::exception& error) {
    failure = Error(ErrorCode::kProtocol, StrCat("Cannot fetch ahead: ", error.what()));
  }
  if (const MutexLock lock(mutex_); failure && HasNothingLeft(*job->reading)) {
    failure.reset();
  }
  sink.Cut(failure.value_or(Error(ErrorCode::kProtocol, "Cannot fetch ahead: an instance did not end")));
  if (failure && !job->stop.stop_requested()) {
    LogInfo(StrCat("Instances of series ", job->reading->series.series.str(),
                   " could not be fetched together, they are requested one by one: ", failure->what()));
  }
  Conclude(job, failure, sink.arrived());
  return !failure && downloader_->capabilities().batching == Capabilities::Batching::kList;
}

std::vector<InstanceReference> Retriever::Impl::Assign(const JobPtr& job) {
  std::vector<InstanceReference> instances;
  const MutexLock lock(mutex_);
  Reading& reading = *job->reading;
  if (job->stop.stop_requested() || closing_) {
    return instances;
  }
  size_t count = reading.wanted;
  size_t step = 1;  // every so many of what is wanted
  if (downloader_->capabilities().parallel_lists) {
    step = std::max<size_t>(reading.sharers, 1);
    reading.sharers -= reading.sharers > 0 ? 1 : 0;
    count = std::min((count + step - 1) / step, kLongestList);
  } else if (downloader_->capabilities().batching == Capabilities::Batching::kList) {
    if (options_.connections == 1 && !queue_.empty()) {
      return instances;  // nobody else can serve who waits
    }
    const size_t share = reading.wanted / (2 * PrefetchLimit());
    const size_t longest = reading.slow_to_begin ? std::max(kShortestList, share) : job->next_list;
    count = std::min(count, longest);
    job->next_list = std::min(2 * job->next_list, kLongestList);
  }
  if (reading.assigned == 0) {
    reading.pace.Restart(Clock::now());
    reading.helped = false;
  }
  const size_t size = reading.items.size();
  const size_t start = reading.pattern->position();
  const bool is_list = downloader_->capabilities().batching == Capabilities::Batching::kList;
  size_t seen = 0;
  for (size_t i = 0; i < size && instances.size() < count; ++i) {
    const size_t index = (start + i) % size;
    if (reading.items[index].state != Reading::State::kWanted) {
      continue;
    }
    InstanceReference instance{reading.series.study, reading.series.series, (*reading.list)[index]};
    if (const auto slot = active_.find(instance);
        is_list && slot != active_.end() && slot->second.transfer != nullptr) {
      reading.SetState(index, Reading::State::kFailed);  // it is requested by itself; unless it comes, not again
      continue;
    }
    if (seen++ % step != 0) {
      continue;
    }
    reading.SetState(index, Reading::State::kAssigned);
    reading.items[index].job = job->number;
    instances.push_back(std::move(instance));
  }
  if (way_.IsHighLatency() && downloader_->capabilities().batching == Capabilities::Batching::kSeries) {
    ScheduleReview(job->reading);  // it may need help from the start
  }
  return instances;
}

// What the batch did not bring is wanted still; who waits for it gets it directly.
void Retriever::Impl::Conclude(const JobPtr& job, const std::optional<Error>& failure, size_t arrived) {
  const MutexLock lock(mutex_);
  Reading& reading = *job->reading;
  for (size_t i = 0; i < reading.items.size(); ++i) {
    if (reading.items[i].state == Reading::State::kAssigned && reading.items[i].job == job->number) {
      reading.SetState(i, failure ? Reading::State::kWanted : Reading::State::kFailed);
    }
  }
  if (failure && !job->stop.stop_requested()) {
    reading.failures = arrived > 0 ? 0 : std::min(reading.failures + 1, kMaxFailures);
    reading.retry_at = Clock::now() + kShortPause * (1 << reading.failures);
  }
  reading.stops += job->stop.stop_requested() && !job->enough ? 1 : 0;
  job->part_began = Clock::time_point::max();
}

Retriever::Impl::TransferPtr Retriever::Impl::ClaimForBatch(const JobPtr& job, const InstanceReference& instance) {
  const MutexLock lock(mutex_);
  Reading& reading = *job->reading;
  const auto index = reading.IndexOf(instance.instance);
  if (!index) {
    return nullptr;
  }
  const auto now = Clock::now();
  reading.pace.NoteArrival(*index, now);
  job->part_began = now;
  if (reading.items[*index].state != Reading::State::kAssigned) {
    return nullptr;
  }
  Slot& slot = active_[instance];
  if (slot.begun || slot.batch) {
    return nullptr;
  }
  if (slot.transfer != nullptr && !slot.transfer->Keep()) {
    slot = {};  // it was given up
  }
  if (slot.transfer == nullptr) {
    slot.transfer = std::make_shared<Transfer>(instance, reading.use);
    slot.transfer->Keep();
  }
  if (slot.request != nullptr) {
    slot.request->overtaken = true;
    slot.request->stop.request_stop();
    slot.request.reset();
  }
  std::erase(queue_, slot.transfer);
  slot.batch = true;
  return slot.transfer;
}

// Requests of their own brought the rest of what a stream was to bring.
bool Retriever::Impl::HasNothingLeft(const Reading& reading) const {
  return reading.assigned == 0 && downloader_->capabilities().batching == Capabilities::Batching::kSeries;
}

// A part did not come as it should: whoever has it open gets it by a request of its own.
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

// What was fetched ahead and is not read yet fills the disk: the archive is kept waiting until somebody reads on. Not
// with a series that nobody reads yet: that would take the place of one that is.
void Retriever::Impl::WaitUntilRead(const JobPtr& job) {
  MutexLock lock(mutex_);
  Reading& reading = *job->reading;
  if (IsFarEnough(reading)) {
    job->enough = true;
    job->stop.request_stop();
  }
  read_on_.Wait(lock, job->stop.get_token(),
                [&]() TROLLEY_REQUIRES(mutex_) { return closing_ || reading.unread < MaxUnread(reading); });
  if (job->stop.stop_requested() || closing_) {
    throw Error(ErrorCode::kCancelled, "Cannot fetch ahead: nobody reads on");
  }
}

void Retriever::Impl::RunSingles(const JobPtr& job) {
  while (const TransferPtr transfer = NextSingle(job)) {
    const std::stop_callback pass_on(job->stop.get_token(), [&transfer] { transfer->CancelIfUnused(); });
    Fetch(transfer);
    const MutexLock lock(mutex_);
    const auto index = job->reading->IndexOf(transfer->reference().instance);
    if (job->stop.stop_requested() && job->reading->items[*index].state == Reading::State::kFailed) {
      job->reading->SetState(*index, Reading::State::kWanted);
    }
  }
}

Retriever::Impl::TransferPtr Retriever::Impl::NextSingle(const JobPtr& job) {
  const MutexLock lock(mutex_);
  Reading& reading = *job->reading;
  if (job->stop.stop_requested() || closing_ || !queue_.empty() || reading.unread >= MaxUnread(reading) ||
      IsFarEnough(reading)) {
    return nullptr;
  }
  if ((job->from_end && !StreamNeedsHelp(reading)) || reading.jobs.size() > way_.parallel()) {
    return nullptr;
  }
  const auto eligible = job->from_end ? Reading::State::kAssigned : Reading::State::kWanted;
  const size_t size = reading.items.size();
  const size_t start = reading.pattern->position();
  for (size_t i = 0; i < size; ++i) {
    const size_t index = job->from_end ? size - 1 - i : (start + i) % size;
    if (reading.items[index].state != eligible) {
      continue;
    }
    const InstanceReference instance{reading.series.study, reading.series.series, (*reading.list)[index]};
    if (job->from_end && reading.items[index].helped) {
      continue;
    }
    if (!job->from_end) {
      reading.SetState(index, Reading::State::kFailed);  // unless it comes, not asked for again
    }
    Slot& slot = active_[instance];
    if (slot.transfer == nullptr) {
      slot.transfer = std::make_shared<Transfer>(instance, reading.use);
      reading.items[index].helped = true;
      return slot.transfer;
    }
  }
  reading.helped = true;
  return nullptr;
}

}  // namespace trolley
