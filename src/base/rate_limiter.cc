#include "base/rate_limiter.h"

#include <algorithm>

namespace trolley {
namespace {

// By then somebody may wait for what the prefetch brings.
constexpr Clock::duration kGrowsOld = std::chrono::seconds(1);

}  // namespace

RateLimiter::RateLimiter(uint32_t per_second)
    : per_second_(per_second), tokens_(per_second_), filled_at_(Clock::now()) {}

void RateLimiter::Wait(const Context& context) {
  MutexLock lock(mutex_);
  Queue* queue = context.priority == Priority::kPrefetch ? &prefetch_ : &demand_;
  const auto grows_old = Clock::now() + kGrowsOld;
  const uint64_t number = ++last_number_;
  queue->push_back(number);
  changed_.NotifyAll();  // the first prefetch may have lost its turn
  for (;;) {
    const auto now = Clock::now();
    if (queue == &prefetch_ && now >= grows_old) {
      std::erase(prefetch_, number);
      demand_.push_back(number);
      queue = &demand_;
      changed_.NotifyAll();
    }
    const bool first = IsFirst(*queue, number);
    Refill(now);
    const bool ended = context.stop.stop_requested() || now >= context.deadline;
    if (ended || (first && tokens_ >= 1)) {
      tokens_ -= ended ? 0 : 1;
      std::erase(*queue, number);
      changed_.NotifyAll();
      break;
    }
    auto until = now + (first ? UntilNext() : std::chrono::hours(1));
    if (queue == &prefetch_) {
      until = std::min(until, grows_old);
    }
    changed_.WaitUntil(lock, context.stop, std::min(context.deadline, until),
                       [&]() TROLLEY_REQUIRES(mutex_) { return IsFirst(*queue, number) != first; });
  }
  lock.Unlock();
  context.Check("send a request within the limit of requests_per_second");
}

void RateLimiter::Refill(Clock::time_point now) {
  const double seconds = std::chrono::duration<double>(now - filled_at_).count();
  tokens_ = std::min(tokens_ + seconds * per_second_, per_second_);
  filled_at_ = now;
}

Clock::duration RateLimiter::UntilNext() const {
  const std::chrono::duration<double> wait(std::max(1 - tokens_, 0.0) / per_second_);
  return std::chrono::ceil<std::chrono::microseconds>(wait);
}

}  // namespace trolley
