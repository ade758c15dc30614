#ifndef TROLLEY_BASE_RATE_LIMITER_H_
#define TROLLEY_BASE_RATE_LIMITER_H_

#include <cstdint>
#include <deque>

#include "base/mutex.h"
#include "trolley/context.h"

namespace trolley {

// Limits the requests per second that an archive gets, HTTP requests and DICOM operations together. Thread-safe.
class RateLimiter {
 public:
  // After a pause, one second's requests go at once. `per_second` > 0.
  explicit RateLimiter(uint32_t per_second);

  // Waits for its turn: in order of arrival, but a prefetch goes after all others for its first second. Throws
  // kCancelled or kTimedOut when the context ends; the turn then passes on.
  void Wait(const Context& context);

 private:
  using Queue = std::deque<uint64_t>;

  bool IsFirst(const Queue& queue, uint64_t number) const TROLLEY_REQUIRES(mutex_) {
    return queue.front() == number && (&queue == &demand_ || demand_.empty());
  }
  void Refill(Clock::time_point now) TROLLEY_REQUIRES(mutex_);
  Clock::duration UntilNext() const TROLLEY_REQUIRES(mutex_);

  const double per_second_;
  Mutex mutex_;
  StoppableCondition changed_;
  uint64_t last_number_ TROLLEY_GUARDED_BY(mutex_) = 0;
  Queue demand_ TROLLEY_GUARDED_BY(mutex_);
  Queue prefetch_ TROLLEY_GUARDED_BY(mutex_);
  double tokens_ TROLLEY_GUARDED_BY(mutex_);
  Clock::time_point filled_at_ TROLLEY_GUARDED_BY(mutex_);
};

}  // namespace trolley

#endif  // TROLLEY_BASE_RATE_LIMITER_H_
