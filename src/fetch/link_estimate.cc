#include "fetch/link_estimate.h"

#include <algorithm>
#include <cmath>

namespace trolley {
namespace {

constexpr int kRequestWeight = 4;   // of the past, in what a request takes
constexpr int kLatencyWeight = 16;  // of the past, while it takes longer than that
constexpr Clock::duration kLongWay = std::chrono::milliseconds(8);
constexpr double kFirstWindow = 14600;  // bytes that TCP sends before it waits (RFC 6928)
constexpr size_t kWorthwhile = 8;       // requests beside a stream must bring at least one instance in this many
constexpr size_t kFewInstances = 8;     // a shorter stream ends before help could begin
constexpr int kSlowedDown = 2;          // a request takes this many times what it takes alone

// Round trips until TCP's window, which doubles with each, has let so many bytes pass.
double Rounds(double bytes) {
  return std::log2(1 + bytes / kFirstWindow);
}

}  // namespace

void LinkEstimate::NoteRequest(Clock::duration latency, Clock::duration took, uint64_t bytes, size_t concurrency) {
  request_ = (request_ * (kRequestWeight - 1) + took) / kRequestWeight;
  // A decaying minimum: load and concurrent requests raise latency too, but must not look like distance.
  const Clock::duration before = latency_.value_or(latency);
  const Clock::duration raised = concurrency > initial_ ? before : before + (latency - before) / kLatencyWeight;
  latency_ = std::min(latency, raised);
  if (!IsHighLatency()) {
    return;
  }
  const auto waiting = std::chrono::duration_cast<Clock::duration>(distance() * Rounds(static_cast<double>(bytes)));
  if (took > kSlowedDown * (std::max(*latency_, distance()) + waiting)) {
    concurrency_ = concurrency_ > initial_ ? concurrency_ - 1 : initial_;
  } else if (concurrency >= concurrency_) {
    concurrency_ = std::min(max_, concurrency_ + 1);
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
  return rounds * static_cast<double>(initial_ * kWorthwhile) >= static_cast<double>(instances);
}

void ConcurrencyLimiter::NoteRoundTrip(Clock::duration round_trip) {
  const MutexLock lock(mutex_);
  link_.NoteRoundTrip(round_trip);
}

void ConcurrencyLimiter::NoteRequest(Clock::duration latency, Clock::duration took, uint64_t bytes) {
  const MutexLock lock(mutex_);
  link_.NoteRequest(latency, took, bytes, acquired_);
}

bool ConcurrencyLimiter::IsHighLatency() const {
  const MutexLock lock(mutex_);
  return link_.IsHighLatency();
}

bool ConcurrencyLimiter::StreamIsSlow(uint64_t bytes_each, size_t instances) const {
  const MutexLock lock(mutex_);
  return max_ > 0 && link_.StreamIsSlow(bytes_each, instances);
}

bool ConcurrencyLimiter::TryAcquire() {
  const MutexLock lock(mutex_);
  const bool pays = acquired_ < std::min(link_.concurrency(), max_);
  acquired_ += pays ? 1 : 0;
  return pays;
}

bool ConcurrencyLimiter::over_limit() const {
  const MutexLock lock(mutex_);
  return acquired_ > std::min(link_.concurrency(), max_);
}

void ConcurrencyLimiter::Release() {
  const MutexLock lock(mutex_);
  --acquired_;
}

}  // namespace trolley
