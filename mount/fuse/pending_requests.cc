#include "mount/fuse/pending_requests.h"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace trolley {
namespace {

// The kernel reports an interruption once; a deadly signal after a harmless one is only seen by looking again.
constexpr auto kLookAgain = std::chrono::milliseconds(200);

}  // namespace

PendingRequests::PendingRequests(Door door) : door_(std::move(door)), watcher_([this] { WatchLoop(); }) {}

PendingRequests::~PendingRequests() {
  FailAll(ENOTCONN);
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  watcher_.join();
}

PendingRequests::Pointer PendingRequests::Add(fuse_req* request, Clock::time_point deadline) {
  auto pending = std::make_shared<PendingRequest>();
  pending->request = request;
  pending->deadline = deadline;
  pending->caller = door_.caller(request);
  {
    const std::lock_guard lock(mutex_);
    pending->id = next_id_++;
    waiting_.emplace(pending->id, pending);
  }
  // libfuse uses the request after the handler returns here, so until it is armed nobody may answer (and free) it.
  door_.watch(request, pending->id);
  std::optional<int> closing;
  bool interrupted = false;
  {
    const std::lock_guard lock(mutex_);
    pending->armed = true;
    closing = closing_;
    interrupted = pending->interrupted;
    if (deadline < next_look_) {
      next_look_ = deadline;
      wake_.notify_all();
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
    const std::lock_guard lock(mutex_);
    if (waiting_.erase(pending->id) == 0) {
      return false;
    }
    ++answering_;
  }
  reply(pending->request);
  const std::lock_guard lock(mutex_);
  if (--answering_ == 0) {
    quiet_.notify_all();
  }
  return true;
}

void PendingRequests::Interrupt(uint64_t id) {
  Pointer pending;
  {
    const std::lock_guard lock(mutex_);
    const auto found = waiting_.find(id);
    if (found == waiting_.end()) {
      return;
    }
    found->second->interrupted = true;
    if (!found->second->armed) {
      return;  // Add() sees to it
    }
    pending = found->second;
  }
  EndIfSignalled(pending);
}

void PendingRequests::EndIfSignalled(const Pointer& pending) {
  if (door_.has_ending_signal(pending->caller)) {
    Finish(pending, EINTR);
    return;
  }
  const std::lock_guard lock(mutex_);
  const auto look = Clock::now() + kLookAgain;
  if (look < next_look_) {
    next_look_ = look;
    wake_.notify_all();
  }
}

void PendingRequests::Finish(const Pointer& pending, int error) {
  if (Complete(pending, [&](fuse_req* request) { door_.reply_error(request, error); })) {
    pending->stop.request_stop();
  }
}

void PendingRequests::FailAll(int error) {
  std::vector<Pointer> all;
  {
    const std::lock_guard lock(mutex_);
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
  std::unique_lock lock(mutex_);
  quiet_.wait(lock, [this] { return answering_ == 0; });
}

size_t PendingRequests::size() const {
  const std::lock_guard lock(mutex_);
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
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (next_look_ == Clock::time_point::max()) {
      wake_.wait(lock);
      continue;
    }
    if (Clock::now() < next_look_) {
      wake_.wait_until(lock, next_look_);
      continue;
    }
    std::vector<Pointer> late;
    std::vector<Pointer> interrupted;
    Collect(late, interrupted);
    lock.unlock();
    for (const Pointer& pending : late) {
      Finish(pending, ETIMEDOUT);
    }
    for (const Pointer& pending : interrupted) {
      EndIfSignalled(pending);
    }
    late.clear();
    interrupted.clear();
    lock.lock();
  }
}

}  // namespace trolley
