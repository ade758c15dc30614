#include "fetch/retriever.h"

#include <algorithm>
#include <future>
#include <utility>

#include "base/text.h"
#include "fetch/retriever_impl.h"
#include "trolley/error.h"

namespace trolley {
namespace {

Error NoWorker() {
  return {ErrorCode::kUnavailable, "Cannot retrieve an instance: the system has no thread for it"};
}

}  // namespace

Retriever::Impl::Impl(RetrieverOptions options, std::shared_ptr<Downloader> downloader,
                      std::shared_ptr<InstanceCache> cache)
    : options_(std::move(options)), downloader_(std::move(downloader)), cache_(std::move(cache)) {
  try {
    if (Prefetches()) {
      if (options_.following_series != nullptr) {
        // Few threads: these queries share the archive with those of users.
        upcoming_pool_ = std::make_unique<ThreadPool>(options_.concurrency >= 4 ? 2 : 1, "next-series");
      }
      planner_ = std::thread([this] { PlanLoop(); });
    }
  } catch (...) {
    End();  // no thread was to be had
    throw;
  }
}

Retriever::Impl::~Impl() {
  End();
}

void Retriever::Impl::End() {
  std::vector<TransferPtr> open;
  {
    const MutexLock lock(mutex_);
    closing_ = true;
    for (const auto& [reference, slot] : active_) {
      open.push_back(slot.transfer);
    }
    for (const auto& [series, prefetch] : prefetches_) {
      StopJobs(*prefetch);
    }
    prefetch_jobs_.clear();
  }
  for (const TransferPtr& transfer : open) {
    transfer->RequestStop();
  }
  verifiers_.reset();
  plan_.NotifyAll();
  wake_.NotifyAll();
  if (planner_.joinable()) {
    planner_.join();
  }
  upcoming_pool_.reset();
  std::vector<std::thread> workers;
  {
    const MutexLock lock(mutex_);
    workers.swap(workers_);  // none is added while closing_
  }
  for (std::thread& worker : workers) {
    worker.join();
  }
  const Error closing(ErrorCode::kCancelled, "Cannot open an instance: the archive is being closed");
  for (const TransferPtr& transfer : open) {
    Fail(transfer, closing);
  }
}

Retriever::Lookup Retriever::Impl::TryOpen(const InstanceReference& instance) {
  Lookup lookup;
  TransferPtr transfer;
  uint64_t arrivals = 0;
  {
    const MutexLock lock(mutex_);
    arrivals = arrivals_;
    if (const auto found = active_.find(instance); found != active_.end()) {
      transfer = found->second.transfer;
    }
  }
  if (transfer != nullptr) {
    lookup.instance = transfer->TryOpen();
    if (lookup.instance != nullptr) {
      NoteOpen(instance, false);
    }
    return lookup;
  }
  if (downloader_->capabilities().local_files || cache_ == nullptr) {
    return lookup;
  }
  auto cached =
      cache_->Find(options_.archive, instance, InstanceCache::Verify::kOnlyIfCheap, {}, &lookup.needs_verification);
  if (cached) {
    ++cache_hits_;
    lookup.instance = MakeCompleteInstance(std::move(*cached), NoteOpen(instance, true));
  } else if (!lookup.needs_verification) {
    lookup.missed_at = arrivals;
  }
  return lookup;
}

void Retriever::Impl::Open(const InstanceReference& instance, Lookup lookup, const std::stop_token& stop,
                           const OpenCallback& done) {
  if (lookup.instance != nullptr) {
    done({std::move(lookup.instance), nullptr});
    return;
  }
  NoteOpen(instance, lookup.needs_verification);
  while (true) {
    const TransferPtr transfer = FindOrStart(instance, lookup);
    if (transfer == nullptr) {
      const Error closing(ErrorCode::kCancelled, "Cannot open an instance: the archive is being closed");
      done({nullptr, std::make_exception_ptr(closing)});
      return;
    }
    if (transfer->AddOpener(stop, done)) {
      return;
    }
    Forget(transfer);  // it is being cancelled, and may be whole all the same
    lookup.missed_at.reset();
  }
}

Retriever::Impl::TransferPtr Retriever::Impl::FindOrStart(const InstanceReference& instance, const Lookup& lookup) {
  TransferPtr transfer;
  {
    const MutexLock lock(mutex_);
    if (closing_) {
      return nullptr;
    }
    Slot& slot = active_[instance];
    if (slot.transfer != nullptr) {
      return slot.transfer;
    }
    SeriesPrefetchPtr prefetch;
    if (const auto found = prefetches_.find(instance.series_reference()); found != prefetches_.end()) {
      prefetch = found->second;
    }
    transfer = std::make_shared<Transfer>(instance, prefetch ? prefetch->use : nullptr);
    slot.transfer = transfer;
    // The look into the cache counts when nothing arrived between it and this transfer; from here on this instance
    // arrives by this transfer only.
    slot.missed = lookup.missed_at == arrivals_;
    if (!lookup.needs_verification && IsAssignedToBulk(instance)) {
      prefetch->waiting.push_back(transfer);
      ScheduleReview(prefetch);
      return transfer;
    }
    if (!lookup.needs_verification && EnqueueLocked(transfer)) {
      return transfer;
    }
  }
  if (!lookup.needs_verification) {
    Fail(transfer, NoWorker());
    return transfer;
  }
  verifiers_->Submit([this, transfer](const std::stop_token& /*pool_stop*/) { Verify(transfer); });
  return transfer;
}

void Retriever::Impl::Enqueue(const TransferPtr& transfer) {
  bool queued = false;
  {
    const MutexLock lock(mutex_);
    queued = EnqueueLocked(transfer);
  }
  if (!queued) {
    Fail(transfer, NoWorker());
  }
}

// False: there is no thread to fetch it, and none can be made.
bool Retriever::Impl::EnqueueLocked(const TransferPtr& transfer) {
  queue_.push_back(transfer);
  AddWorkerIfNeeded();
  if (workers_.empty() && !closing_) {
    queue_.pop_back();
    return false;
  }
  // A prefetch stops when it holds the only connection, or all threads that could be made.
  if (prefetching_ >= std::min(Limit(), workers_.size())) {
    for (const auto& [series, prefetch] : prefetches_) {
      StopJobs(*prefetch);
    }
  }
  wake_.NotifyOne();
  return true;
}

void Retriever::Impl::Verify(const TransferPtr& transfer) {
  try {
    auto cached = cache_->Find(options_.archive, transfer->reference(), InstanceCache::Verify::kNow,
                               {transfer->stop_token(), Clock::time_point::max()});
    if (cached) {
      ++cache_hits_;
      if (Finish(nullptr, transfer)) {
        transfer->EndWith(std::move(*cached));
      }
      return;
    }
  } catch (const std::exception& caught) {
    const auto* error = dynamic_cast<const Error*>(&caught);
    if (Finish(nullptr, transfer)) {
      Fail(transfer, error != nullptr ? *error : Error(ErrorCode::kStorage, caught.what()));
    }
    return;
  }
  Enqueue(transfer);
}

std::optional<uint64_t> Retriever::Impl::KnownSize(const InstanceReference& instance) {
  TransferPtr transfer;
  {
    const MutexLock lock(mutex_);
    if (const auto found = active_.find(instance); found != active_.end()) {
      transfer = found->second.transfer;
    }
  }
  if (transfer != nullptr) {
    if (const auto size = transfer->KnownSize()) {
      return size;
    }
  }
  return cache_ == nullptr ? std::nullopt : cache_->KnownSize(options_.archive, instance);
}

RetrieverStatus Retriever::Impl::Status() const {
  const MutexLock lock(mutex_);
  uint64_t waiting = queue_.size();
  for (const auto& [series, prefetch] : prefetches_) {
    waiting += prefetch->waiting.size();
  }
  const uint64_t concurrency = std::min<uint64_t>(link_.concurrency() + 1, MaxConcurrency());
  return {transfers_, failures_, bytes_, cache_hits_, running_, waiting, concurrency, bulk_requests_, prefetched_};
}

Retriever::Retriever(RetrieverOptions options, std::shared_ptr<Downloader> downloader,
                     std::shared_ptr<InstanceCache> cache)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(downloader), std::move(cache))) {}

Retriever::~Retriever() = default;

Retriever::Lookup Retriever::TryOpen(const InstanceReference& instance) {
  return impl_->TryOpen(instance);
}

void Retriever::Open(const InstanceReference& instance, const std::stop_token& stop, const OpenCallback& done) {
  impl_->Open(instance, impl_->TryOpen(instance), stop, done);
}

void Retriever::Open(const InstanceReference& instance, Lookup lookup, const std::stop_token& stop,
                     const OpenCallback& done) {
  impl_->Open(instance, std::move(lookup), stop, done);
}

void Retriever::Expect(const SeriesReference& series, const std::vector<Uid>& instances) {
  impl_->Expect(series, instances);
}

std::shared_ptr<OpenedInstance> Retriever::Open(const InstanceReference& instance, const Context& context) {
  std::stop_source give_up;
  const std::stop_callback pass_on(context.stop, [&give_up] { give_up.request_stop(); });
  const auto promise = std::make_shared<std::promise<Opened>>();
  std::future<Opened> future = promise->get_future();
  Open(instance, give_up.get_token(), [promise](Opened opened) { promise->set_value(std::move(opened)); });
  const bool timed_out = context.deadline != Clock::time_point::max() &&
                         future.wait_until(context.deadline) == std::future_status::timeout;
  if (timed_out) {
    give_up.request_stop();
  }
  Opened opened = future.get();
  if (opened.error && timed_out) {
    throw Error(ErrorCode::kTimedOut,
                StrCat("Cannot open instance ", instance.instance.str(), ": the archive did not respond in time"));
  }
  if (opened.error) {
    std::rethrow_exception(opened.error);
  }
  return opened.instance;
}

std::optional<uint64_t> Retriever::KnownSize(const InstanceReference& instance) {
  return impl_->KnownSize(instance);
}

RetrieverStatus Retriever::Status() const {
  return impl_->Status();
}

}  // namespace trolley
