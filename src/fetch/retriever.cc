#include "fetch/retriever.h"

#include <algorithm>
#include <future>
#include <utility>

#include "base/text.h"
#include "fetch/retriever_impl.h"
#include "trolley/error.h"

namespace trolley {

Retriever::Impl::Impl(RetrieverOptions options, std::shared_ptr<Downloader> downloader,
                      std::shared_ptr<InstanceCache> cache)
    : options_(std::move(options)), downloader_(std::move(downloader)), cache_(std::move(cache)) {
  try {
    for (uint32_t i = 0; i < std::max(1U, options_.connections); ++i) {
      workers_.emplace_back([this] { Work(); });
    }
    if (ReadsAhead()) {
      if (options_.following_series != nullptr) {
        // Their questions wait in a row with those of people.
        followers_ = std::make_unique<ThreadPool>(options_.connections >= 4 ? 2 : 1, "next-series");
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
    const std::lock_guard lock(mutex_);
    closing_ = true;
    for (const auto& [reference, slot] : active_) {
      open.push_back(slot.transfer);
    }
    for (const auto& [series, reading] : readings_) {
      StopJobs(*reading);
    }
    prefetch_.clear();
  }
  for (const TransferPtr& transfer : open) {
    transfer->RequestStop();
  }
  verifiers_.reset();
  plan_.notify_all();
  wake_.notify_all();
  if (planner_.joinable()) {
    planner_.join();
  }
  followers_.reset();
  for (std::thread& worker : workers_) {
    worker.join();
  }
  const Error closing(ErrorCode::kCancelled, "Cannot open an instance: the archive is being closed");
  for (const TransferPtr& transfer : open) {
    Fail(transfer, closing);
  }
}

std::shared_ptr<OpenedInstance> Retriever::Impl::TryOpen(const InstanceReference& instance, bool* needs_verification) {
  TransferPtr transfer;
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = active_.find(instance); found != active_.end()) {
      transfer = found->second.transfer;
    }
  }
  if (transfer != nullptr) {
    auto opened = transfer->TryOpen();
    if (opened != nullptr) {
      NoteOpen(instance, false);
    }
    return opened;
  }
  if (downloader_->capabilities().local_files || cache_ == nullptr) {
    return nullptr;
  }
  auto cached = cache_->Find(options_.archive, instance, InstanceCache::Verify::kOnlyIfCheap, {}, needs_verification);
  if (!cached) {
    return nullptr;
  }
  ++cache_hits_;
  return MakeCompleteInstance(std::move(*cached), NoteOpen(instance, true));
}

void Retriever::Impl::Open(const InstanceReference& instance, const std::stop_token& stop, const OpenCallback& done) {
  bool needs_verification = false;
  if (auto opened = TryOpen(instance, &needs_verification)) {
    done({std::move(opened), nullptr});
    return;
  }
  NoteOpen(instance, needs_verification);
  while (true) {
    const TransferPtr transfer = FindOrStart(instance, needs_verification);
    if (transfer == nullptr) {
      const Error closing(ErrorCode::kCancelled, "Cannot open an instance: the archive is being closed");
      done({nullptr, std::make_exception_ptr(closing)});
      return;
    }
    if (transfer->AddOpener(stop, done)) {
      return;
    }
    Forget(transfer);  // it is being given up
  }
}

Retriever::Impl::TransferPtr Retriever::Impl::FindOrStart(const InstanceReference& instance, bool needs_verification) {
  TransferPtr transfer;
  {
    const std::lock_guard lock(mutex_);
    if (closing_) {
      return nullptr;
    }
    Slot& slot = active_[instance];
    if (slot.transfer != nullptr) {
      return slot.transfer;
    }
    ReadingPtr reading;
    if (const auto found = readings_.find(instance.series_reference()); found != readings_.end()) {
      reading = found->second;
    }
    transfer = std::make_shared<Transfer>(instance, reading ? reading->use : nullptr);
    slot.transfer = transfer;
    if (!needs_verification && Covered(instance)) {
      reading->waiting.push_back(transfer);
      ScheduleReview(reading);
      return transfer;
    }
    if (!needs_verification) {
      EnqueueLocked(transfer);
      return transfer;
    }
  }
  verifiers_->Submit([this, transfer](const std::stop_token& /*pool_stop*/) { Verify(transfer); });
  return transfer;
}

void Retriever::Impl::Enqueue(const TransferPtr& transfer) {
  const std::lock_guard lock(mutex_);
  EnqueueLocked(transfer);
}

void Retriever::Impl::EnqueueLocked(const TransferPtr& transfer) {
  queue_.push_back(transfer);
  // With one connection, what is fetched ahead has to make way.
  if (prefetching_ >= Limit()) {
    for (const auto& [series, reading] : readings_) {
      StopJobs(*reading);
    }
  }
  wake_.notify_one();
}

void Retriever::Impl::Verify(const TransferPtr& transfer) {
  try {
    auto cached = cache_->Find(options_.archive, transfer->reference(), InstanceCache::Verify::kNow,
                               {transfer->stop_token(), Clock::time_point::max()});
    if (cached) {
      ++cache_hits_;
      if (Settle(nullptr, transfer)) {
        transfer->EndWith(std::move(*cached));
      }
      return;
    }
  } catch (const std::exception& caught) {
    const auto* error = dynamic_cast<const Error*>(&caught);
    if (Settle(nullptr, transfer)) {
      Fail(transfer, error != nullptr ? *error : Error(ErrorCode::kStorage, caught.what()));
    }
    return;
  }
  Enqueue(transfer);
}

std::optional<uint64_t> Retriever::Impl::KnownSize(const InstanceReference& instance) {
  TransferPtr transfer;
  {
    const std::lock_guard lock(mutex_);
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
  const std::lock_guard lock(mutex_);
  uint64_t waiting = queue_.size();
  for (const auto& [series, reading] : readings_) {
    waiting += reading->waiting.size();
  }
  const uint64_t concurrency = std::min<uint64_t>(way_.parallel() + 1, MostConnections());
  return {transfers_, failures_, bytes_, cache_hits_, running_, waiting, concurrency, batches_, ahead_};
}

Retriever::Retriever(RetrieverOptions options, std::shared_ptr<Downloader> downloader,
                     std::shared_ptr<InstanceCache> cache)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(downloader), std::move(cache))) {}

Retriever::~Retriever() = default;

std::shared_ptr<OpenedInstance> Retriever::TryOpen(const InstanceReference& instance) {
  return impl_->TryOpen(instance, nullptr);
}

void Retriever::Open(const InstanceReference& instance, const std::stop_token& stop, const OpenCallback& done) {
  impl_->Open(instance, stop, done);
}

void Retriever::Expect(const SeriesReference& series, const std::vector<Uid>& instances) {
  impl_->Expect(series, instances);
}

std::shared_ptr<OpenedInstance> Retriever::Open(const InstanceReference& instance, const Context& context) {
  std::stop_source give_up;
  const std::stop_callback pass_on(context.stop, [&give_up] { give_up.request_stop(); });
  const auto promise = std::make_shared<std::promise<Opened>>();
  std::future<Opened> future = promise->get_future();
  impl_->Open(instance, give_up.get_token(), [promise](Opened opened) { promise->set_value(std::move(opened)); });
  const bool timed_out = context.deadline != Clock::time_point::max() &&
                         future.wait_until(context.deadline) == std::future_status::timeout;
  if (timed_out) {
    give_up.request_stop();
  }
  Opened opened = future.get();
  if (opened.error && timed_out) {
    throw Error(ErrorCode::kTimedOut,
                StrCat("Cannot open instance ", instance.instance.str(), ": the archive did not answer in time"));
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
