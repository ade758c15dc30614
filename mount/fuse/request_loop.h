#ifndef TROLLEY_MOUNT_FUSE_REQUEST_LOOP_H_
#define TROLLEY_MOUNT_FUSE_REQUEST_LOOP_H_

#include <atomic>
#include <cstdint>
#include <vector>

#include "base/mutex.h"
#include "base/unique_fd.h"
#include "trolley/context.h"

namespace trolley {

// Where requests come from. Each worker has a place of its own for one.
class RequestSource {
 public:
  enum class Received {
    kNothing,  // none has come
    kShort,    // should take microseconds to handle
    kLong,
    kEnded,  // none will come any more
  };
  virtual ~RequestSource() = default;
  // Readable when there is a request.
  virtual int fd() const = 0;
  // Never waits. Several threads may call it concurrently, each for another worker.
  virtual Received Receive(unsigned worker) = 0;
  // Replies to the request that the worker received last.
  virtual void Handle(unsigned worker) = 0;
};

// Threads that handle requests. Waking another thread takes longer than handling most requests, so one thread, the
// leader, receives and handles them. It hands the lead over before it handles a long one while others wait. Another
// thread is the watcher: when a request holds up the leader (a slow disk), it takes the lead. After a request the
// leader polls for the next one for some microseconds before it sleeps, if polling has found requests lately.
class RequestLoop {
 public:
  // `workers`: the number of threads; two at least.
  RequestLoop(RequestSource& source, unsigned workers);
  RequestLoop(const RequestLoop&) = delete;
  RequestLoop& operator=(const RequestLoop&) = delete;

  // Returns when the source has ended or Stop() was called, after every received request was handled.
  void Run();
  // From any thread, at any time; for good.
  void Stop();

 private:
  void Work(unsigned worker);
  // Waits for the lead. False: the loop has ended.
  bool BecomeLeader(unsigned worker, MutexLock& lock) TROLLEY_REQUIRES(mutex_);
  void Watch(MutexLock& lock) TROLLEY_REQUIRES(mutex_);
  void Lead(unsigned worker, uint64_t turn);
  bool Leads(uint64_t turn) const { return turn_ == turn && !ended_; }
  void HandOver(uint64_t turn);
  // Until there is a request, or the lead is lost.
  void Sleep(uint64_t turn);
  void AdaptSpin(Clock::duration gap, bool slept);

  RequestSource& source_;
  const unsigned workers_;
  const UniqueFd stop_;

  std::atomic<bool> ended_{false};
  std::vector<std::atomic<Clock::rep>>
      busy_since_;                   // each worker: since when it handles a request as the leader; 0: it does not
  std::atomic<uint64_t> turn_{0};    // changes with the leader, under the mutex
  std::atomic<Clock::rep> spin_{0};  // how long the leader polls before it sleeps
  Mutex mutex_;
  Condition free_;  // for threads that wait for the lead
  Condition watcher_;
  size_t waiting_ TROLLEY_GUARDED_BY(mutex_) = 0;  // for the lead
  bool led_ TROLLEY_GUARDED_BY(mutex_) = false;
  unsigned leader_ TROLLEY_GUARDED_BY(mutex_) = 0;
  bool asleep_ TROLLEY_GUARDED_BY(mutex_) = false;          // the leader
  bool watched_ TROLLEY_GUARDED_BY(mutex_) = false;         // there is a watcher
  bool watcher_sleeps_ TROLLEY_GUARDED_BY(mutex_) = false;  // it has to be woken with the leader
};

}  // namespace trolley

#endif  // TROLLEY_MOUNT_FUSE_REQUEST_LOOP_H_
