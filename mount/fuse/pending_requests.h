#ifndef TROLLEY_MOUNT_FUSE_PENDING_REQUESTS_H_
#define TROLLEY_MOUNT_FUSE_PENDING_REQUESTS_H_

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/context.h"

struct fuse_req;

namespace trolley {

// A request of the kernel that waits for the archive.
struct PendingRequest {
  uint64_t id = 0;
  fuse_req* request = nullptr;
  int caller = 0;  // thread ID
  Clock::time_point deadline;
  std::stop_source stop;  // requested when nobody waits for the answer any more

 private:
  friend class PendingRequests;
  bool armed = false;        // others than Add() may answer it
  bool interrupted = false;  // the kernel says it just once
};

// The requests that wait. Each is answered exactly once: by whoever claims it first of its completion, an interruption
// of the caller, the deadline, and the unmount. Thread-safe.
class PendingRequests {
 public:
  using Pointer = std::shared_ptr<PendingRequest>;

  // What is done with libfuse and the system; replaced in tests.
  struct Door {
    std::function<void(fuse_req*, int error)> reply_error;
    // Has Interrupt(id) called when the kernel reports that the caller got a signal; perhaps at once, from within.
    std::function<void(fuse_req*, uint64_t id)> watch;
    std::function<int(fuse_req*)> caller;
    std::function<bool(int caller)> has_ending_signal;
  };

  explicit PendingRequests(Door door);
  ~PendingRequests();  // answers all with ENOTCONN
  PendingRequests(const PendingRequests&) = delete;
  PendingRequests& operator=(const PendingRequests&) = delete;

  // From now on the request must only be answered by Complete(). Null: it is answered already (interrupted,
  // unmounting).
  Pointer Add(fuse_req* request, Clock::time_point deadline);
  // Runs `reply`, which must answer the request, unless somebody else has answered it (false).
  bool Complete(const Pointer& pending, const std::function<void(fuse_req*)>& reply);
  void Interrupt(uint64_t id);
  // Answers all with `error`, now and in future. When it returns, no reply is under way any more: the descriptor that
  // they are written to may be closed.
  void FailAll(int error);
  size_t size() const;

 private:
  void Finish(const Pointer& pending, int error);
  void EndIfSignalled(const Pointer& pending);
  void WatchLoop();
  // What is due, and what was interrupted by a signal that did not end it.
  void Collect(std::vector<Pointer>& late, std::vector<Pointer>& interrupted);

  const Door door_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable quiet_;                  // answering_ became 0
  std::unordered_map<uint64_t, Pointer> waiting_;  // what nobody has claimed
  uint64_t next_id_ = 1;
  size_t answering_ = 0;
  std::optional<int> closing_;
  Clock::time_point next_look_ = Clock::time_point::max();
  bool stopping_ = false;
  std::thread watcher_;
};

}  // namespace trolley

#endif  // TROLLEY_MOUNT_FUSE_PENDING_REQUESTS_H_
