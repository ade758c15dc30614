// The part of Retriever::Impl that fetches one instance by a direct request, and the worker threads' loop. Runs on
// worker threads; must not hold the lock while it downloads.
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "base/text.h"
#include "fetch/retriever_impl.h"
#include "trolley/error.h"
#include "trolley/log.h"

namespace trolley {

// Passes one instance's bytes from the downloader to its transfer.
class Retriever::Impl::FetchSink : public DownloadSink {
 public:
  FetchSink(Impl& retriever, TransferPtr transfer, RequestPtr request)
      : retriever_(retriever), transfer_(std::move(transfer)), request_(std::move(request)) {}

  void OnBegin(const InstanceReference& instance, std::optional<uint64_t> length) override {
    if (instance != transfer_->reference()) {
      throw Error(ErrorCode::kProtocol, StrCat("Cannot retrieve instance ", transfer_->reference().instance.str(),
                                               ": the archive sent instance ", instance.instance.str()));
    }
    if (!retriever_.ClaimFor(request_, transfer_)) {
      throw Error(ErrorCode::kCancelled, "Cannot retrieve an instance: it has arrived with others");
    }
    begun_at_ = Clock::now();
    if (transfer_->begun()) {
      transfer_->Continue(length);
      return;
    }
    transfer_->Begin(retriever_.Stage(instance, length), length);
  }

  void OnData(std::span<const std::byte> piece) override {
    transfer_->Append(piece);
    retriever_.NoteBytes(piece.size());
  }

  void OnEnd() override {
    transfer_->End();
    const auto now = Clock::now();
    retriever_.NoteHere(transfer_->reference(), transfer_->arrived());
    retriever_.NoteRequest(transfer_->reference(), begun_at_ - started_at_, now - started_at_, transfer_->arrived());
  }

  void OnMissing(const InstanceReference& /*instance*/) override {
    if (retriever_.Finish(request_, transfer_)) {
      transfer_->EndMissing();
    }
  }

  void OnFailed(const InstanceReference& /*instance*/, const Error& error) override {
    if (retriever_.Finish(request_, transfer_)) {
      retriever_.Fail(transfer_, error);
    }
  }

 private:
  Impl& retriever_;
  const TransferPtr transfer_;
  const RequestPtr request_;
  const Clock::time_point started_at_ = Clock::now();
  Clock::time_point begun_at_;
};

void Retriever::Impl::Work() {
  MutexLock lock(mutex_);
  while (true) {
    ++idle_;
    wake_.Wait(lock, [this]() TROLLEY_REQUIRES(mutex_) {
      const bool work = !queue_.empty() || (!prefetch_jobs_.empty() && prefetching_ < PrefetchLimit());
      return closing_ || (work && running_ < Limit());
    });
    --idle_;
    if (!queue_.empty()) {
      const TransferPtr transfer = std::move(queue_.front());
      queue_.pop_front();
      ++running_;
      lock.Unlock();
      Fetch(transfer);
      lock.Lock();
      --running_;
      continue;
    }
    if (closing_) {
      return;
    }
    const JobPtr job = NextJob();
    ++running_;
    ++prefetching_;
    lock.Unlock();
    Run(job);
    lock.Lock();
    --running_;
    --prefetching_;
    if (!prefetch_jobs_.empty()) {
      wake_.NotifyOne();
    }
  }
}

// Makes one worker when work finds none idle, up to the configured concurrency.
void Retriever::Impl::AddWorkerIfNeeded() {
  if (queue_.size() + prefetch_jobs_.size() > idle_ && workers_.size() < BaseLimit()) {
    AddWorker();
  }
}

// Without a thread, the workers that exist do the work.
void Retriever::Impl::AddWorker() {
  if (closing_) {
    return;
  }
  try {
    workers_.emplace_back([this] { Work(); });
  } catch (const std::system_error& error) {
    LogDebug(StrCat("Cannot fetch more at the same time: ", error.what()));
  }
}

// Ends the transfer in one way or another, or leaves it to a bulk fetch that brought it meanwhile.
void Retriever::Impl::Fetch(const TransferPtr& transfer) {
  const auto started = Clock::now();
  const auto request = std::make_shared<Request>();
  if (!Register(request, transfer)) {
    return;
  }
  const auto fail = [&](const Error& error) {
    if (Finish(request, transfer)) {
      Fail(transfer, error);
    }
  };
  const std::string doing = StrCat("Cannot retrieve instance ", transfer->reference().instance.str(), ": ");
  try {
    if (TooLate(transfer, started)) {
      throw Error(ErrorCode::kTimedOut, StrCat(doing, "no connection to the archive was free in time"));
    }
    Context{transfer->stop_token(), Clock::time_point::max()}.Check("retrieve an instance");
    if (downloader_->capabilities().local_files) {
      ++transfers_;
      FetchLocal(transfer);
    } else {
      FetchRemote(transfer, request);
    }
    if (!transfer->ended()) {
      fail(Error(ErrorCode::kProtocol, StrCat(doing, "the archive sent nothing for it")));
    }
  } catch (const Error& error) {
    const auto failed_at = Clock::now();
    fail(error);
    const bool nothing_arrived = last_progress_ < started.time_since_epoch().count();
    // Only when nobody responds: a server's failure for one instance (even "500") says nothing about the others.
    if (error.code() == ErrorCode::kTimedOut && nothing_arrived && !TooLate(transfer, started)) {
      FailQueued(error, failed_at);
    }
  } catch (const std::exception& error) {
    fail(Error(ErrorCode::kProtocol, StrCat(doing, error.what())));
  }
  Finish(request, transfer);
}

// While the archive delivers, the queue moves on and everybody's turn comes.
bool Retriever::Impl::TooLate(const TransferPtr& transfer, Clock::time_point now) {
  const Clock::time_point progress{Clock::duration(last_progress_.load())};
  return now > std::max(transfer->created_at(), progress) + options_.queue_timeout;
}

void Retriever::Impl::FetchRemote(const TransferPtr& transfer, const RequestPtr& request) {
  const std::stop_callback pass_on(transfer->stop_token(), [&request] { request->stop.request_stop(); });
  // The opener's look counts. Transfers without one (prefetches, those that another instance's arrival overlapped)
  // look here.
  if (!request->missed && !transfer->begun()) {
    if (auto cached = cache_->Find(options_.archive, transfer->reference(), InstanceCache::Verify::kOnlyIfCheap)) {
      if (Finish(request, transfer)) {
        transfer->EndWith(std::move(*cached));
      }
      return;
    }
  }
  ++transfers_;
  FetchSink sink(*this, transfer, request);
  const Context context{request->stop.get_token(), Clock::now() + options_.transfer_timeout,
                        transfer->wanted() ? Priority::kDemand : Priority::kPrefetch};
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
  transfer->EndWith({std::move(file), static_cast<uint64_t>(status.st_size)});
}

// False: a bulk fetch was faster.
bool Retriever::Impl::ClaimFor(const RequestPtr& request, const TransferPtr& transfer) {
  const MutexLock lock(mutex_);
  const auto slot = active_.find(transfer->reference());
  if (!request->superseded && slot != active_.end() && slot->second.transfer == transfer) {
    slot->second.begun = true;
  }
  return !request->superseded;
}

bool Retriever::Impl::Register(const RequestPtr& request, const TransferPtr& transfer) {
  const MutexLock lock(mutex_);
  const auto found = active_.find(transfer->reference());
  if (found == active_.end() || found->second.transfer != transfer || found->second.bulk ||
      found->second.request != nullptr) {
    return false;
  }
  found->second.request = request;
  request->missed = found->second.missed;
  return true;
}

bool Retriever::Impl::Finish(const RequestPtr& request, const TransferPtr& transfer) {
  const MutexLock lock(mutex_);
  if (request != nullptr && request->superseded) {
    return false;
  }
  const auto found = active_.find(transfer->reference());
  const bool known = found != active_.end() && found->second.transfer == transfer;
  if (known && found->second.bulk) {
    return false;
  }
  if (known) {
    active_.erase(found);
  }
  return known || request != nullptr;
}

// Null: the disk is full.
std::unique_ptr<StagedInstance> Retriever::Impl::Stage(const InstanceReference& instance,
                                                       std::optional<uint64_t> length) {
  try {
    return cache_->Stage(options_.archive, instance, length);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kNoSpace) {
      throw;
    }
    LogWarning(StrCat("Cannot cache an instance, serving it without: ", error.what()));
    return nullptr;
  }
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
  // The archive does not respond: those in the queue would wait one time-out after the other for the same outcome. Not
  // those who came since: they may have heard of the failure, and are trying again.
  std::vector<TransferPtr> failed;
  {
    const MutexLock lock(mutex_);
    std::erase_if(queue_, [&](const TransferPtr& transfer) TROLLEY_REQUIRES(mutex_) {
      const auto slot = active_.find(transfer->reference());
      const bool taken = slot != active_.end() && slot->second.transfer == transfer &&
                         (slot->second.bulk || slot->second.request != nullptr);
      const bool fails = !taken && transfer->created_at() <= queued_until;
      if (fails) {
        ForgetLocked(transfer);  // in the same step, lest a bulk fetch take it
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
  const MutexLock lock(mutex_);
  ForgetLocked(transfer);
}

void Retriever::Impl::ForgetLocked(const TransferPtr& transfer) {
  const auto found = active_.find(transfer->reference());
  if (found != active_.end() && found->second.transfer == transfer) {
    active_.erase(found);
  }
}

void Retriever::Impl::NoteRequest(const InstanceReference& instance, Clock::duration latency, Clock::duration took,
                                  uint64_t bytes) {
  const MutexLock lock(mutex_);
  const size_t before = link_.concurrency();
  if (const auto round_trip = downloader_->capabilities().round_trip) {
    link_.NoteRoundTrip(*round_trip);
  }
  link_.NoteRequest(latency, took, bytes, running_);
  const auto found = prefetches_.find(instance.series_reference());
  if (link_.concurrency() > before && found != prefetches_.end()) {
    ScheduleReview(found->second);
  }
}

void Retriever::Impl::NoteBytes(size_t bytes) {
  bytes_ += bytes;
  last_progress_ = Clock::now().time_since_epoch().count();
}

}  // namespace trolley
