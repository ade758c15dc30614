#ifndef TROLLEY_MOUNT_FUSE_REQUEST_LOOP_H_
#define TROLLEY_MOUNT_FUSE_REQUEST_LOOP_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <vector>

#include "base/context.h"
#include "base/unique_fd.h"

namespace trolley {

// Where requests come from. Each worker has a place of its own for one.
class RequestSource {
 public:
  enum class Taken {
    kNothing,  // there is none now
    kShort,    // one that should take microseconds to answer
    kLong,
    kOver,  // there will be none any more
  };
  virtual ~RequestSource() = default;
  // Readable when there is a request.
  virtual int fd() const = 0;
  // Never waits. Perhaps from several threads at a time, never for one worker.
  virtual Taken Take(unsigned worker) = 0;
  // Answers what was taken last.
  virtual void Handle(unsigned worker) = 0;
};

// Threads that answer requests. Waking another thread takes longer than answering most of them: so one thread, the
// leader, takes requests and answers them by itself; a long one, if others wait already, after another thread has taken
// the lead. Another one watches: when the leader is held up by a request (by a slow disk), it takes the lead. After a
// request the leader looks for the next one for some microseconds before it sleeps, if that has been worth it lately.
class RequestLoop {
 public:
  // Of `workers` threads, at least two.
  RequestLoop(RequestSource& source, unsigned workers);
  RequestLoop(const RequestLoop&) = delete;
  RequestLoop& operator=(const RequestLoop&) = delete;

  // Returns when the source is over or Stop() was called, after what was taken is answered.
  void Run();
  // From any thread, at any time; for good.
  void Stop();

 private:
  using Lock = std::unique_lock<std::mutex>;

  void Work(unsigned worker);
  // Waits for it. False: all is over.
  bool BecomeLeader(unsigned worker, Lock& lock);
  void Watch(Lock& lock);
  void Lead(unsigned worker, uint64_t turn);
  bool Leads(uint64_t turn) const { return turn_ == turn && !over_; }
  void HandOver(uint64_t turn);
  // Until there is a request, or the lead is lost.
  void Sleep(uint64_t turn);
  void AdaptSpin(Clock::duration gap, bool slept);

  RequestSource& source_;
  const unsigned workers_;
  const UniqueFd stop_;

  std::atomic<bool> over_{false};
  std::vector<std::atomic<Clock::rep>> busy_since_;  // each worker, with a request as the leader; 0: it is not
  std::atomic<uint64_t> turn_{0};                    // of whose the lead is; changed with the lock
  std::atomic<Clock::rep> spin_{0};                  // how long the leader looks before it sleeps
  std::mutex mutex_;                                 // guards the following
  std::condition_variable free_;                     // who waits for the lead
  std::condition_variable watcher_;
  size_t waiting_ = 0;  // for the lead
  bool led_ = false;
  unsigned leader_ = 0;
  bool asleep_ = false;   // the leader
  bool watched_ = false;  // there is a watcher
  bool dozing_ = false;   // the watcher: it has to be woken with the leader
};

}  // namespace trolley

#endif  // TROLLEY_MOUNT_FUSE_REQUEST_LOOP_H_
