#ifndef TROLLEY_FETCH_ACCESS_PATTERN_H_
#define TROLLEY_FETCH_ACCESS_PATTERN_H_

#include <array>
#include <cstddef>
#include <vector>

#include "trolley/context.h"

namespace trolley {

// Learns from the order in which the instances of one series are opened whether the rest of it will be read too.
// Indices are places in the series' listing.
class AccessPattern {
 public:
  explicit AccessPattern(size_t instances) : opened_(instances) {}

  void NoteOpen(size_t index);
  // True when neighbours are opened one after the other, or when so much is open that the reader will hardly stop.
  // False for a viewer that looks at the first, middle and last image.
  bool IsSequential() const;
  // The last open was a neighbour of an earlier one.
  bool ContinuesLast() const { return streak_ > 0; }
  bool opened(size_t index) const { return opened_[index]; }
  size_t distinct() const { return distinct_; }  // instances that were opened
  size_t position() const { return position_; }  // opened last

 private:
  std::vector<bool> opened_;
  size_t distinct_ = 0;
  size_t position_ = 0;
  std::array<size_t, 16> recent_{};  // several readers take turns
  size_t noted_ = 0;
  size_t streak_ = 0;  // neighbours opened since the last jump
  bool jumped_ = false;
};

// Estimates where the stream of a series is, and how soon it will bring an instance.
class ArrivalEstimator {
 public:
  void Restart(Clock::time_point now);
  void NoteArrival(size_t index, Clock::time_point now);
  void NoteEnd(Clock::time_point now) { ended_at_ = now; }

  // Whether the stream brings an instance, for which somebody has waited for `waited`, about as soon as a direct
  // request would, which takes `single`. `remaining`: instances that the stream still has to bring. An `is_sequential`
  // reader wants all of them, so the order of arrival does not matter much.
  bool ArrivesSoon(size_t index, Clock::duration waited, Clock::duration single, size_t remaining,
                   Clock::time_point now, bool is_sequential = false) const;
  size_t arrivals() const { return arrivals_; }
  // Mean time between two arrivals. Precondition: arrivals() > 1.
  Clock::duration interval() const { return interval_; }
  // Most of the time passes between the end of one and the begin of the next, as on a high-latency link where each is
  // acknowledged.
  bool IsSlowToBegin() const;

 private:
  // Roughly: neighbours may change places.
  bool InOrder() const;

  size_t arrivals_ = 0;
  size_t in_order_ = 0;
  size_t first_ = 0;
  size_t frontier_ = 0;  // the farthest that arrived
  Clock::time_point last_at_{};
  Clock::duration interval_{};
  Clock::time_point ended_at_{};
  Clock::duration pause_{};  // mean
};

}  // namespace trolley

#endif  // TROLLEY_FETCH_ACCESS_PATTERN_H_
