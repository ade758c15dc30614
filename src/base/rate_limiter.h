#ifndef TROLLEY_BASE_RATE_LIMITER_H_
#define TROLLEY_BASE_RATE_LIMITER_H_

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>

#include "trolley/context.h"

namespace trolley {

// Spares an archive: at most so many requests a second, HTTP requests and DICOM operations together. Thread-safe.
class RateLimiter {
 public:
  // After a pause, one second's requests go at once. `per_second` > 0.
  explicit RateLimiter(uint32_t per_second);

  // Waits for its turn: in order of arrival, but who fetches ahead comes after everybody else, for a second. Throws
  // kCancelled or kTimedOut when the context ends; others then have the turn.
  void Wait(const Context& context);

 private:
  using Queue = std::deque<uint64_t>;

  bool IsFirst(const Queue& queue, uint64_t number) const {
    return queue.front() == number && (&queue == &demand_ || demand_.empty());
  }
  void Refill(Clock::time_point now);
  Clock::duration UntilNext() const;

  const double per_second_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  uint64_t last_number_ = 0;
  Queue demand_;
  Queue prefetch_;
  double tokens_;
  Clock::time_point filled_at_;
};

}  // namespace trolley

#endif  // TROLLEY_BASE_RATE_LIMITER_H_
