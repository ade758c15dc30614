#ifndef TROLLEY_MOUNT_FUSE_PENDING_REQUESTS_H_
#define TROLLEY_MOUNT_FUSE_PENDING_REQUESTS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"
#include "trolley/context.h"

struct fuse_req;

namespace trolley {

// A request of the kernel that waits for the archive.
struct PendingRequest {
  uint64_t id = 0;
  fuse_req* request = nullptr;
  int caller = 0;  // thread ID
  Clock::time_point deadline;
  std::stop_source stop;  // requested when nobody waits for the reply any more

 private:
  friend class PendingRequests;
  bool armed = false;        // others than Add() may complete it
  bool interrupted = false;  // the kernel reports it just once
};

// The requests that wait. Each gets exactly one reply, from the first of these: its completion, an interruption of the
// caller, the deadline, the unmount. A thread ends late and interrupted requests. Thread-safe.
class PendingRequests {
 public:
  using Pointer = std::shared_ptr<PendingRequest>;

  // Calls to libfuse and the system; replaced in tests.
  struct KernelOps {
    std::function<void(fuse_req*, int error)> reply_error;
    // Has Interrupt(id) called when the kernel reports that the caller got a signal; perhaps at once, from within.
    std::function<void(fuse_req*, uint64_t id)> watch;
    std::function<int(fuse_req*)> caller;
    std::function<bool(int caller)> has_ending_signal;
  };

  explicit PendingRequests(KernelOps kernel);
  ~PendingRequests();  // replies ENOTCONN to all
  PendingRequests(const PendingRequests&) = delete;
  PendingRequests& operator=(const PendingRequests&) = delete;

  // From now on only Complete() may reply to the request. Null: it has its reply already (interrupted, unmounting).
  Pointer Add(fuse_req* request, Clock::time_point deadline);
  // Runs `reply`, which must reply to the request, unless the request has a reply already (false).
  bool Complete(const Pointer& pending, const std::function<void(fuse_req*)>& reply);
  void Interrupt(uint64_t id);
  // Replies `error` to all, now and in future. When it returns, no reply is under way any more: the descriptor that
  // they are written to may be closed.
  void FailAll(int error);
  size_t size() const;

 private:
  void Finish(const Pointer& pending, int error);
  void EndIfSignalled(const Pointer& pending);
  void WatchLoop();
  // The requests past their deadline, and those interrupted by a signal that did not end the caller.
  void Collect(std::vector<Pointer>& late, std::vector<Pointer>& interrupted) TROLLEY_REQUIRES(mutex_);

  const KernelOps kernel_;
  mutable Mutex mutex_;
  Condition wake_;
  Condition quiet_;                                                           // replying_ became 0
  std::unordered_map<uint64_t, Pointer> waiting_ TROLLEY_GUARDED_BY(mutex_);  // without a reply under way
  uint64_t next_id_ TROLLEY_GUARDED_BY(mutex_) = 1;
  size_t replying_ TROLLEY_GUARDED_BY(mutex_) = 0;
  std::optional<int> closing_ TROLLEY_GUARDED_BY(mutex_);
  Clock::time_point next_look_ TROLLEY_GUARDED_BY(mutex_) = Clock::time_point::max();
  bool stopping_ TROLLEY_GUARDED_BY(mutex_) = false;
  std::thread watcher_;
};

}  // namespace trolley

#endif  // TROLLEY_MOUNT_FUSE_PENDING_REQUESTS_H_
