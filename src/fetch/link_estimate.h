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
  // At first `few` requests at a time are taken to pay, never more than `most`.
  LinkEstimate(size_t few, size_t most) : few_(few), most_(most), parallel_(few) {}

  // The way there and back, as the network tells it. Otherwise it is taken to be what answers need to begin.
  void NoteRoundTrip(Clock::duration round_trip) { round_trip_ = round_trip; }
  // An answer of `bytes` began `latency` after its request and had come after `took`, one of `concurrency`.
  void NoteRequest(Clock::duration latency, Clock::duration took, uint64_t bytes, size_t concurrency);

  // Mean time of a request.
  Clock::duration request() const { return request_; }
  // Of which until its answer begins, on a good day; zero when it is not known.
  Clock::duration latency() const { return latency_.value_or(Clock::duration::zero()); }
  // So long that what a request takes is mostly waiting, and several at a time pay.
  bool IsHighLatency() const;
  // How many at a time pay. On a long way it grows while requests do not slow each other down, as TCP's window does.
  size_t parallel() const { return IsHighLatency() ? parallel_ : few_; }
  // A stream of so many instances of so many bytes each waits for TCP's window so long that `few` requests at a time
  // beside it bring a part of it worth mentioning.
  bool StreamIsSlow(uint64_t bytes_each, size_t instances) const;

 private:
  Clock::duration distance() const { return round_trip_.value_or(latency()); }

  size_t few_;
  size_t most_;
  size_t parallel_;
  Clock::duration request_{std::chrono::milliseconds(10)};
  std::optional<Clock::duration> latency_;
  std::optional<Clock::duration> round_trip_;
};

// Of all series that are downloaded at the same time; hands out the right to make requests for single instances.
// Thread-safe.
class ConcurrencyLimiter {
 public:
  explicit ConcurrencyLimiter(size_t most) : most_(most), way_(std::min(most, kFew), most) {}

  void NoteRoundTrip(Clock::duration round_trip);
  void NoteRequest(Clock::duration latency, Clock::duration took, uint64_t bytes);
  bool IsHighLatency() const;
  bool StreamIsSlow(uint64_t bytes_each, size_t instances) const;
  bool Take();              // one request at a time more; false: that would not pay
  bool over_limit() const;  // they slow each other down by now
  void Release();

 private:
  static constexpr size_t kFew = 15;

  const size_t most_;
  mutable Mutex mutex_;
  LinkEstimate way_ TROLLEY_GUARDED_BY(mutex_);
  size_t taken_ TROLLEY_GUARDED_BY(mutex_) = 0;
};

}  // namespace trolley

#endif  // TROLLEY_FETCH_LINK_ESTIMATE_H_
