#ifndef TROLLEY_CONTEXT_H_
#define TROLLEY_CONTEXT_H_

#include <chrono>
#include <stop_token>
#include <utility>

namespace trolley {

using Clock = std::chrono::steady_clock;

// Requests that somebody waits for go before those that prefetch.
enum class Priority { kDemand, kPrefetch };

// How long and for whom something is done. Every call that may wait takes one: it ends with Error{kCancelled} soon
// after `stop` is requested and with Error{kTimedOut} when `deadline` passes, whatever the other side does.
struct Context {
  std::stop_token stop;
  Clock::time_point deadline = Clock::time_point::max();  // max(): only the protocol's own time-outs apply
  Priority priority = Priority::kDemand;

  static Context WithTimeout(Clock::duration timeout, std::stop_token stop = {}) {
    return {std::move(stop), Clock::now() + timeout};
  }
  // Throws kCancelled or kTimedOut when it is time to give up; `doing` completes "Cannot <doing>: ...".
  void Check(const char* doing) const;
};

}  // namespace trolley

#endif  // TROLLEY_CONTEXT_H_
