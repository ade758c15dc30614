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
  // Neighbours are opened one after the other, or so many instances that whoever reads will hardly stop. Not for a
  // viewer that looks at the first, middle and last image.
  bool WantsRest() const;
  // What was opened last is a neighbour of what was opened before.
  bool ReadsOn() const { return streak_ > 0; }
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

// Where a stream of a series is, and how soon it will bring an instance.
class ArrivalEstimator {
 public:
  void Restart(Clock::time_point now);
  void NoteArrival(size_t index, Clock::time_point now);
  void NoteEnd(Clock::time_point now) { ended_at_ = now; }

  // Whether an instance that somebody waits for since `waited` comes about as soon with the stream as by a request of
  // its own, which takes `single`. `remaining`: instances that the stream has still to bring. Who `reads_on` will want
  // all of them: what comes in another order comes soon enough.
  bool WorthWaiting(size_t index, Clock::duration waited, Clock::duration single, size_t remaining,
                    Clock::time_point now, bool reads_on = false) const;
  size_t arrivals() const { return arrivals_; }
  // Mean time between two arrivals. Precondition: arrivals() > 1.
  Clock::duration interval() const { return interval_; }
  // Most of the time passes between the end of one and the begin of the next, as over a long way where each is
  // acknowledged.
  bool IsSlowToBegin() const;

 private:
  // Roughly: neighbours may change places.
  bool InOrder() const;

  size_t arrivals_ = 0;
  size_t in_order_ = 0;
  size_t first_ = 0;
  size_t frontier_ = 0;  // the farthest that came
  Clock::time_point last_at_{};
  Clock::duration interval_{};
  Clock::time_point ended_at_{};
  Clock::duration pause_{};  // mean
};

}  // namespace trolley

#endif  // TROLLEY_FETCH_ACCESS_PATTERN_H_
