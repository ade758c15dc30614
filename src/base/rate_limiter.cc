#include "base/rate_limiter.h"

#include <algorithm>

namespace trolley {
namespace {

// What was fetched ahead may be waited for by now.
constexpr Clock::duration kGrowsOld = std::chrono::seconds(1);

}  // namespace

RateLimiter::RateLimiter(uint32_t per_second)
    : per_second_(per_second), tokens_(per_second_), filled_at_(Clock::now()) {}

void RateLimiter::Wait(const Context& context) {
  std::unique_lock lock(mutex_);
  Queue* queue = context.priority == Priority::kPrefetch ? &prefetch_ : &demand_;
  const auto grows_old = Clock::now() + kGrowsOld;
  const uint64_t number = ++last_number_;
  queue->push_back(number);
  changed_.notify_all();  // the first of those who fetch ahead may be it no more
  for (;;) {
    const auto now = Clock::now();
    if (queue == &prefetch_ && now >= grows_old) {
      std::erase(prefetch_, number);
      demand_.push_back(number);
      queue = &demand_;
      changed_.notify_all();
    }
    const bool first = IsFirst(*queue, number);
    Refill(now);
    const bool ended = context.stop.stop_requested() || now >= context.deadline;
    if (ended || (first && tokens_ >= 1)) {
      tokens_ -= ended ? 0 : 1;
      std::erase(*queue, number);
      changed_.notify_all();
      break;
    }
    auto until = now + (first ? UntilNext() : std::chrono::hours(1));
    if (queue == &prefetch_) {
      until = std::min(until, grows_old);
    }
    changed_.wait_until(lock, context.stop, std::min(context.deadline, until),
                        [&] { return IsFirst(*queue, number) != first; });
  }
  lock.unlock();
  context.Check("ask the archive, which is asked requests_per_second times at most");
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
