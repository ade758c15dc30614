// Requests are added by the session's threads and completed by any thread. libfuse frees a request with its reply, so
// no two threads may reply to one.
#include "mount/fuse/pending_requests.h"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace trolley {
namespace {

// The kernel reports an interruption once; a deadly signal after a harmless one is only seen by looking again.
constexpr auto kLookAgain = std::chrono::milliseconds(200);

}  // namespace

PendingRequests::PendingRequests(KernelOps kernel) : kernel_(std::move(kernel)), watcher_([this] { WatchLoop(); }) {}

PendingRequests::~PendingRequests() {
  FailAll(ENOTCONN);
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
  }
  wake_.NotifyAll();
  watcher_.join();
}

PendingRequests::Pointer PendingRequests::Add(fuse_req* request, Clock::time_point deadline) {
  auto pending = std::make_shared<PendingRequest>();
  pending->request = request;
  pending->deadline = deadline;
  pending->caller = kernel_.caller(request);
  {
    const MutexLock lock(mutex_);
    pending->id = next_id_++;
    waiting_.emplace(pending->id, pending);
  }
  // libfuse uses the request after the handler returns here, so until it is armed nobody may reply to (and free) it.
  kernel_.watch(request, pending->id);
  std::optional<int> closing;
  bool interrupted = false;
  {
    const MutexLock lock(mutex_);
    pending->armed = true;
    closing = closing_;
    interrupted = pending->interrupted;
    if (deadline < next_look_) {
      next_look_ = deadline;
      wake_.NotifyAll();
    }
  }
  if (closing) {
    Finish(pending, *closing);
  } else if (interrupted) {
    EndIfSignalled(pending);
  }
  return pending->stop.stop_requested() ? nullptr : pending;
}

bool PendingRequests::Complete(const Pointer& pending, const std::function<void(fuse_req*)>& reply) {
  {
    const MutexLock lock(mutex_);
    if (waiting_.erase(pending->id) == 0) {
      return false;
    }
    ++replying_;
  }
  reply(pending->request);
  const MutexLock lock(mutex_);
  if (--replying_ == 0) {
    quiet_.NotifyAll();
  }
  return true;
}

void PendingRequests::Interrupt(uint64_t id) {
  Pointer pending;
  {
    const MutexLock lock(mutex_);
    const auto found = waiting_.find(id);
    if (found == waiting_.end()) {
      return;
    }
    found->second->interrupted = true;
    if (!found->second->armed) {
      return;  // Add() ends it
    }
    pending = found->second;
  }
  EndIfSignalled(pending);
}

void PendingRequests::EndIfSignalled(const Pointer& pending) {
  if (kernel_.has_ending_signal(pending->caller)) {
    Finish(pending, EINTR);
    return;
  }
  const MutexLock lock(mutex_);
  const auto look = Clock::now() + kLookAgain;
  if (look < next_look_) {
    next_look_ = look;
    wake_.NotifyAll();
  }
}

void PendingRequests::Finish(const Pointer& pending, int error) {
  if (Complete(pending, [&](fuse_req* request) { kernel_.reply_error(request, error); })) {
    pending->stop.request_stop();
  }
}

void PendingRequests::FailAll(int error) {
  std::vector<Pointer> all;
  {
    const MutexLock lock(mutex_);
    closing_ = error;
    for (const auto& [id, pending] : waiting_) {
      if (pending->armed) {
        all.push_back(pending);
      }
    }
  }
  for (const Pointer& pending : all) {
    Finish(pending, error);
  }
  MutexLock lock(mutex_);
  quiet_.Wait(lock, [this]() TROLLEY_REQUIRES(mutex_) { return replying_ == 0; });
}

size_t PendingRequests::size() const {
  const MutexLock lock(mutex_);
  return waiting_.size();
}

void PendingRequests::Collect(std::vector<Pointer>& late, std::vector<Pointer>& interrupted) {
  const auto now = Clock::now();
  next_look_ = Clock::time_point::max();
  for (const auto& [id, pending] : waiting_) {
    if (!pending->armed) {
      continue;
    }
    if (pending->deadline <= now) {
      late.push_back(pending);
      continue;
    }
    next_look_ = std::min(next_look_, pending->deadline);
    if (pending->interrupted) {
      interrupted.push_back(pending);
    }
  }
}

void PendingRequests::WatchLoop() {
  MutexLock lock(mutex_);
  while (!stopping_) {
    if (next_look_ == Clock::time_point::max()) {
      wake_.Wait(lock);
      continue;
    }
    if (Clock::now() < next_look_) {
      wake_.WaitUntil(lock, next_look_);
      continue;
    }
    std::vector<Pointer> late;
    std::vector<Pointer> interrupted;
    Collect(late, interrupted);
    lock.Unlock();
    for (const Pointer& pending : late) {
      Finish(pending, ETIMEDOUT);
    }
    for (const Pointer& pending : interrupted) {
      EndIfSignalled(pending);
    }
    late.clear();
    interrupted.clear();
    lock.Lock();
  }
}

}  // namespace trolley
