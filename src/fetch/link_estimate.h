#ifndef TROLLEY_FETCH_LINK_ESTIMATE_H_
#define TROLLEY_FETCH_LINK_ESTIMATE_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/mutex.h"
#include "trolley/context.h"

namespace trolley {

// What requests for one instance each tell of the way to an archive: how long it is, and how many of them pay at the
// same time. Not thread-safe.
class LinkEstimate {
 public:
  // Starts with `few` concurrent requests, and never exceeds `most`.
  LinkEstimate(size_t few, size_t most) : initial_(few), max_(most), concurrency_(few) {}

  // The round trip that the network measured. Without it, the time until a response begins is used.
  void NoteRoundTrip(Clock::duration round_trip) { round_trip_ = round_trip; }
  // A response of `bytes` began `latency` after its request and had arrived after `took`, one of `concurrency`.
  void NoteRequest(Clock::duration latency, Clock::duration took, uint64_t bytes, size_t concurrency);

  // Mean time of a request.
  Clock::duration request() const { return request_; }
  // The part of it until the response begins, without load; zero when it is not known.
  Clock::duration latency() const { return latency_.value_or(Clock::duration::zero()); }
  // A request mostly waits for the network, so concurrent requests raise throughput.
  bool IsHighLatency() const;
  // The number of concurrent requests that still raise throughput. On a high-latency link it grows while requests do
  // not slow each other down, as TCP's window does.
  size_t concurrency() const { return IsHighLatency() ? concurrency_ : initial_; }
  // A stream of this size waits so long for TCP's window that `few` concurrent requests beside it bring a
  // noticeable part of it.
  bool StreamIsSlow(uint64_t bytes_each, size_t instances) const;

 private:
  Clock::duration distance() const { return round_trip_.value_or(latency()); }

  size_t initial_;
  size_t max_;
  size_t concurrency_;
  Clock::duration request_{std::chrono::milliseconds(10)};
  std::optional<Clock::duration> latency_;
  std::optional<Clock::duration> round_trip_;
};

// Limits the requests for single instances over all series that a run downloads.
// Thread-safe.
class ConcurrencyLimiter {
 public:
  explicit ConcurrencyLimiter(size_t most) : max_(most), link_(std::min(most, kFew), most) {}

  void NoteRoundTrip(Clock::duration round_trip);
  void NoteRequest(Clock::duration latency, Clock::duration took, uint64_t bytes);
  bool IsHighLatency() const;
  bool StreamIsSlow(uint64_t bytes_each, size_t instances) const;
  bool TryAcquire();        // one more concurrent request; false: it would not raise throughput
  bool over_limit() const;  // they slow each other down by now
  void Release();

 private:
  static constexpr size_t kFew = 15;

  const size_t max_;
  mutable Mutex mutex_;
  LinkEstimate link_ TROLLEY_GUARDED_BY(mutex_);
  size_t acquired_ TROLLEY_GUARDED_BY(mutex_) = 0;
};

}  // namespace trolley

#endif  // TROLLEY_FETCH_LINK_ESTIMATE_H_
