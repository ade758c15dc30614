#ifndef TROLLEY_BASE_SIGPIPE_BLOCK_H_
#define TROLLEY_BASE_SIGPIPE_BLOCK_H_

#include <pthread.h>
#include <signal.h>

#include <cerrno>

namespace trolley::internal {

// No SIGPIPE for this thread while it lives. Writing to a TLS connection that was closed raises SIGPIPE; without signal
// handlers of its own, curl leaves that to its callers.
class SigpipeBlock {
 public:
  SigpipeBlock() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    sigset_t pending;
    was_pending_ = sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~SigpipeBlock() {
    const timespec now{};
    while (!was_pending_ && sigtimedwait(&pipe_, nullptr, &now) < 0 && errno == EINTR) {
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  SigpipeBlock(const SigpipeBlock&) = delete;
  SigpipeBlock& operator=(const SigpipeBlock&) = delete;

 private:
  sigset_t pipe_;
  sigset_t before_;
  bool was_pending_ = false;
};

}  // namespace trolley::internal

#endif  // TROLLEY_BASE_SIGPIPE_BLOCK_H_
