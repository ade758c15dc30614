#include "fetch/link_estimate.h"

#include <algorithm>
#include <cmath>

namespace trolley {
namespace {

constexpr int kRequestWeight = 4;   // of the past, in what a request takes
constexpr int kLatencyWeight = 16;  // of the past, while it takes longer than that
constexpr Clock::duration kLongWay = std::chrono::milliseconds(8);
constexpr double kFirstWindow = 14600;  // bytes that TCP sends before it waits (RFC 6928)
constexpr size_t kWorthwhile = 8;       // one in so many, at least, has to come by requests beside a stream
constexpr size_t kFewInstances = 8;     // a stream of so few is over before anybody could help
constexpr int kSlowedDown = 2;          // so many times what a request takes by itself

// Round trips until TCP's window, which doubles with each, has let so many bytes pass.
double Rounds(double bytes) {
  return std::log2(1 + bytes / kFirstWindow);
}

}  // namespace

void LinkEstimate::NoteRequest(Clock::duration latency, Clock::duration took, uint64_t bytes, size_t concurrency) {
  request_ = (request_ * (kRequestWeight - 1) + took) / kRequestWeight;
  // Close to the least that was seen lately: a busy machine is slow, too, but no long way; and what many requests make
  // each other wait is not to become the measure of that.
  const Clock::duration before = latency_.value_or(latency);
  const Clock::duration raised = concurrency > few_ ? before : before + (latency - before) / kLatencyWeight;
  latency_ = std::min(latency, raised);
  if (!IsHighLatency()) {
    return;
  }
  const auto waiting = std::chrono::duration_cast<Clock::duration>(distance() * Rounds(static_cast<double>(bytes)));
  if (took > kSlowedDown * (std::max(*latency_, distance()) + waiting)) {
    parallel_ = parallel_ > few_ ? parallel_ - 1 : few_;
  } else if (concurrency >= parallel_) {
    parallel_ = std::min(most_, parallel_ + 1);
  }
}

bool LinkEstimate::IsHighLatency() const {
  return distance() > kLongWay;
}

bool LinkEstimate::StreamIsSlow(uint64_t bytes_each, size_t instances) const {
  if (!IsHighLatency() || bytes_each == 0 || instances < kFewInstances) {
    return false;
  }
  const double rounds = Rounds(static_cast<double>(bytes_each) * static_cast<double>(instances));
  return rounds * static_cast<double>(few_ * kWorthwhile) >= static_cast<double>(instances);
}

void ConcurrencyLimiter::NoteRoundTrip(Clock::duration round_trip) {
  const MutexLock lock(mutex_);
  way_.NoteRoundTrip(round_trip);
}

void ConcurrencyLimiter::NoteRequest(Clock::duration latency, Clock::duration took, uint64_t bytes) {
  const MutexLock lock(mutex_);
  way_.NoteRequest(latency, took, bytes, taken_);
}

bool ConcurrencyLimiter::IsHighLatency() const {
  const MutexLock lock(mutex_);
  return way_.IsHighLatency();
}

bool ConcurrencyLimiter::StreamIsSlow(uint64_t bytes_each, size_t instances) const {
  const MutexLock lock(mutex_);
  return most_ > 0 && way_.StreamIsSlow(bytes_each, instances);
}

bool ConcurrencyLimiter::Take() {
  const MutexLock lock(mutex_);
  const bool pays = taken_ < std::min(way_.parallel(), most_);
  taken_ += pays ? 1 : 0;
  return pays;
}

bool ConcurrencyLimiter::over_limit() const {
  const MutexLock lock(mutex_);
  return taken_ > std::min(way_.parallel(), most_);
}

void ConcurrencyLimiter::Release() {
  const MutexLock lock(mutex_);
  --taken_;
}

}  // namespace trolley
