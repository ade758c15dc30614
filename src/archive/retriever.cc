#include "archive/retriever.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <future>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "archive/opened_instance.h"
#include "archive/transfer.h"
#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "base/thread_pool.h"

namespace trolley {

class Retriever::Impl {
 public:
  Impl(RetrieverOptions options, std::shared_ptr<Downloader> downloader, std::shared_ptr<InstanceCache> cache)
      : options_(std::move(options)), downloader_(std::move(downloader)), cache_(std::move(cache)) {
    for (uint32_t i = 0; i < std::max(1U, options_.connections); ++i) {
      workers_.emplace_back([this] { Work(); });
    }
  }

  ~Impl();

  std::shared_ptr<OpenedInstance> TryOpen(const InstanceReference& instance, bool* needs_verification);
  void Open(const InstanceReference& instance, const std::stop_token& stop, const OpenCallback& done);
  std::optional<uint64_t> KnownSize(const InstanceReference& instance);
  RetrieverStatus Status() const;

 private:
  class Sink;
  using TransferPtr = std::shared_ptr<Transfer>;

  TransferPtr FindOrStart(const InstanceReference& instance, bool needs_verification);
  void Enqueue(const TransferPtr& transfer);
  void Verify(const TransferPtr& transfer);
  void Work();
  void Fetch(const TransferPtr& transfer);
  bool TooLate(const TransferPtr& transfer, Clock::time_point now);
  void FetchLocal(const TransferPtr& transfer);
  void FetchRemote(const TransferPtr& transfer);
  void Fail(const TransferPtr& transfer, const Error& error);
  void FailQueued(const Error& error, Clock::time_point queued_until);
  void Forget(const TransferPtr& transfer);

  const RetrieverOptions options_;
  const std::shared_ptr<Downloader> downloader_;
  const std::shared_ptr<InstanceCache> cache_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::unordered_map<InstanceReference, TransferPtr> active_;
  std::deque<TransferPtr> queue_;
  bool closing_ = false;
  uint64_t running_ = 0;
  Clock::time_point last_progress_ = Clock::now();  // when bytes last came, of whatever instance

  std::atomic<uint64_t> transfers_{0};
  std::atomic<uint64_t> failures_{0};
  std::atomic<uint64_t> bytes_{0};
  std::atomic<uint64_t> cache_hits_{0};

  // Checking a big cached file takes time; it must not wait behind an archive that does not answer.
  std::unique_ptr<ThreadPool> verifiers_ = std::make_unique<ThreadPool>(2, "verify");
  std::vector<std::thread> workers_;
};

// Passes one instance's bytes from the downloader to its transfer.
class Retriever::Impl::Sink : public DownloadSink {
 public:
  Sink(Impl& retriever, TransferPtr transfer) : retriever_(retriever), transfer_(std::move(transfer)) {}

  void OnBegin(const InstanceReference& instance, std::optional<uint64_t> length) override {
    if (instance != transfer_->reference()) {
      throw Error(ErrorCode::kProtocol, StrCat("Cannot retrieve instance ", transfer_->reference().instance.str(),
                                               ": the archive sent instance ", instance.instance.str()));
    }
    std::unique_ptr<StagedInstance> staged;
    try {
      staged = retriever_.cache_->Stage(retriever_.options_.archive, instance, length);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kNoSpace) {
        throw;
      }
      LogWarning(StrCat("Cannot cache an instance, serving it without: ", error.what()));
    }
    transfer_->Begin(std::move(staged), length);
  }

  void OnData(std::span<const std::byte> piece) override {
    transfer_->Append(piece);
    retriever_.bytes_ += piece.size();
    const std::lock_guard lock(retriever_.mutex_);
    retriever_.last_progress_ = Clock::now();
  }

  void OnEnd() override { transfer_->End(); }

  void OnMissing(const InstanceReference& /*instance*/) override {
    retriever_.Forget(transfer_);
    transfer_->EndMissing();
  }

  void OnFailed(const InstanceReference& /*instance*/, const Error& error) override {
    retriever_.Fail(transfer_, error);
  }

 private:
  Impl& retriever_;
  const TransferPtr transfer_;
};

Retriever::Impl::~Impl() {
  std::vector<TransferPtr> open;
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    for (const auto& [reference, transfer] : active_) {
      open.push_back(transfer);
    }
  }
  for (const TransferPtr& transfer : open) {
    transfer->RequestStop();
  }
  verifiers_.reset();
  wake_.notify_all();
  for (std::thread& worker : workers_) {
    worker.join();
  }
  FailQueued(Error(ErrorCode::kCancelled, "Cannot open an instance: the archive is being closed"),
             Clock::time_point::max());
}

std::shared_ptr<OpenedInstance> Retriever::Impl::TryOpen(const InstanceReference& instance, bool* needs_verification) {
  TransferPtr transfer;
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = active_.find(instance); found != active_.end()) {
      transfer = found->second;
    }
  }
  if (transfer != nullptr) {
    return transfer->TryOpen();
  }
  if (downloader_->local() || cache_ == nullptr) {
    return nullptr;
  }
  auto cached = cache_->Find(options_.archive, instance, InstanceCache::Verify::kOnlyIfCheap, {}, needs_verification);
  if (!cached) {
    return nullptr;
  }
  ++cache_hits_;
  return MakeCompleteInstance(std::move(cached->fd), cached->size);
}

void Retriever::Impl::Open(const InstanceReference& instance, const std::stop_token& stop, const OpenCallback& done) {
  bool needs_verification = false;
  if (auto opened = TryOpen(instance, &needs_verification)) {
    done({std::move(opened), nullptr});
    return;
  }
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
    TransferPtr& slot = active_[instance];
    if (slot != nullptr) {
      return slot;
    }
    slot = std::make_shared<Transfer>(instance);
    transfer = slot;
  }
  if (needs_verification) {
    verifiers_->Submit([this, transfer](const std::stop_token& /*pool_stop*/) { Verify(transfer); });
  } else {
    Enqueue(transfer);
  }
  return transfer;
}

void Retriever::Impl::Enqueue(const TransferPtr& transfer) {
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(transfer);
  }
  wake_.notify_one();
}

void Retriever::Impl::Verify(const TransferPtr& transfer) {
  try {
    auto cached = cache_->Find(options_.archive, transfer->reference(), InstanceCache::Verify::kNow,
                               {transfer->stop_token(), Clock::time_point::max()});
    if (cached) {
      ++cache_hits_;
      transfer->EndWithFile(std::move(cached->fd), cached->size);
      Forget(transfer);
      return;
    }
  } catch (const Error& error) {
    Fail(transfer, error);
    return;
  }
  Enqueue(transfer);
}

void Retriever::Impl::Work() {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return closing_ || !queue_.empty(); });
    if (queue_.empty()) {
      return;
    }
    const TransferPtr transfer = std::move(queue_.front());
    queue_.pop_front();
    ++running_;
    lock.unlock();
    Fetch(transfer);
    Forget(transfer);
    lock.lock();
    --running_;
  }
}

void Retriever::Impl::Fetch(const TransferPtr& transfer) {
  const auto started = Clock::now();
  try {
    if (TooLate(transfer, started)) {
      Fail(transfer,
           Error(ErrorCode::kTimedOut, StrCat("Cannot retrieve instance ", transfer->reference().instance.str(),
                                              ": no connection to the archive was free in time")));
      return;
    }
    Context{transfer->stop_token(), Clock::time_point::max()}.Check("retrieve an instance");
    ++transfers_;
    if (downloader_->local()) {
      FetchLocal(transfer);
    } else {
      FetchRemote(transfer);
    }
    if (!transfer->ended()) {
      throw Error(ErrorCode::kProtocol, StrCat("Cannot retrieve instance ", transfer->reference().instance.str(),
                                               ": the archive sent nothing for it"));
    }
  } catch (const Error& error) {
    const auto failed_at = Clock::now();
    Fail(transfer, error);
    bool nothing_came = false;
    {
      const std::lock_guard lock(mutex_);
      nothing_came = last_progress_ < started;
    }
    // Only when nobody answers: what a server says of one instance (also "500") is not said of the others.
    if (error.code() == ErrorCode::kTimedOut && nothing_came) {
      FailQueued(error, failed_at);
    }
  } catch (const std::exception& error) {
    Fail(transfer, Error(ErrorCode::kProtocol, StrCat("Cannot retrieve instance ", transfer->reference().instance.str(),
                                                      ": ", error.what())));
  }
}

// While the archive delivers, the queue moves on and everybody's turn comes.
bool Retriever::Impl::TooLate(const TransferPtr& transfer, Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  return now > std::max(transfer->created_at(), last_progress_) + options_.queue_timeout;
}

void Retriever::Impl::FetchRemote(const TransferPtr& transfer) {
  Sink sink(*this, transfer);
  const Context context{transfer->stop_token(), Clock::now() + options_.transfer_timeout};
  downloader_->Download({&transfer->reference(), 1}, sink, context);
}

void Retriever::Impl::FetchLocal(const TransferPtr& transfer) {
  const Context context{transfer->stop_token(), Clock::now() + options_.transfer_timeout};
  const auto path = downloader_->LocalFile(transfer->reference(), context);
  if (!path) {
    Forget(transfer);
    transfer->EndMissing();
    return;
  }
  UniqueFd file(::open(path->c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status {};
  if (!file || fstat(file.get(), &status) != 0) {
    throw Error(ErrorCode::kStorage, StrCat("Cannot open instance ", transfer->reference().instance.str(),
                                            " in the folder: ", std::strerror(errno)));
  }
  transfer->EndWithFile(std::move(file), static_cast<uint64_t>(status.st_size));
}

void Retriever::Impl::Fail(const TransferPtr& transfer, const Error& error) {
  // Forgotten first: whoever tries again after the failure gets a new transfer.
  Forget(transfer);
  if (!transfer->ended()) {
    if (error.code() != ErrorCode::kCancelled) {
      ++failures_;
    }
    transfer->Fail(std::make_exception_ptr(error));
  }
}

void Retriever::Impl::FailQueued(const Error& error, Clock::time_point queued_until) {
  // The archive does not answer: those in the queue would wait one time-out after the other for the same outcome. Not
  // those who came since: they may have heard of the failure, and are trying again.
  std::vector<TransferPtr> failed;
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(queue_, [&](const TransferPtr& transfer) {
      const bool fails = transfer->created_at() <= queued_until;
      if (fails) {
        failed.push_back(transfer);
      }
      return fails;
    });
  }
  for (const TransferPtr& transfer : failed) {
    Fail(transfer, error);
  }
}

void Retriever::Impl::Forget(const TransferPtr& transfer) {
  const std::lock_guard lock(mutex_);
  const auto found = active_.find(transfer->reference());
  if (found != active_.end() && found->second == transfer) {
    active_.erase(found);
  }
}

std::optional<uint64_t> Retriever::Impl::KnownSize(const InstanceReference& instance) {
  TransferPtr transfer;
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = active_.find(instance); found != active_.end()) {
      transfer = found->second;
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
  return {transfers_, failures_, bytes_, cache_hits_, running_, queue_.size()};
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
