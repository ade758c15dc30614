#include "fetch/access_pattern.h"

#include <algorithm>

namespace trolley {
namespace {

constexpr size_t kStreakAfterJump = 3;  // after a jump, neighbours in a row that are no accident
constexpr size_t kManyOpened = 16;      // fewer opens in random order tell nothing
constexpr size_t kShuffled = 8;         // so far from its place an instance comes when it was stored by several at once
constexpr size_t kNear = 16;            // within this distance the stream is faster than a direct request
constexpr int kIntervalWeight = 8;      // of the past, in the mean interval
constexpr Clock::duration kSlow = std::chrono::milliseconds(5);
constexpr Clock::duration kPatience = std::chrono::milliseconds(10);  // whatever a request takes
constexpr Clock::duration kSoon = std::chrono::seconds(2);
constexpr Clock::duration kStalled = std::chrono::milliseconds(250);

}  // namespace

void AccessPattern::NoteOpen(size_t index) {
  bool neighbour = false;
  bool again = false;
  for (size_t i = 0; i < std::min(noted_, recent_.size()); ++i) {
    again = again || recent_[i] == index;
    neighbour = neighbour || recent_[i] + 1 == index || recent_[i] == index + 1;
  }
  if (again) {
    return;
  }
  if (neighbour) {
    ++streak_;
  } else if (noted_ > 0) {
    jumped_ = true;
    streak_ = 0;
  }
  recent_[noted_++ % recent_.size()] = index;
  position_ = index;
  if (!opened_[index]) {
    opened_[index] = true;
    ++distinct_;
  }
}

bool AccessPattern::IsSequential() const {
  return streak_ >= (jumped_ ? kStreakAfterJump : 1) || distinct_ >= std::max(kManyOpened, opened_.size() / 4);
}

void ArrivalEstimator::Restart(Clock::time_point now) {
  *this = {};
  last_at_ = now;
}

void ArrivalEstimator::NoteArrival(size_t index, Clock::time_point now) {
  if (arrivals_ > 0) {
    const Clock::duration gap = now - last_at_;
    const Clock::duration pause = now - std::max(ended_at_, last_at_);
    interval_ = arrivals_ == 1 ? gap : (interval_ * (kIntervalWeight - 1) + gap) / kIntervalWeight;
    pause_ = arrivals_ == 1 ? pause : (pause_ * (kIntervalWeight - 1) + pause) / kIntervalWeight;
  }
  if (arrivals_ == 0) {
    first_ = index;
  }
  in_order_ += index + kShuffled > frontier_ ? 1 : 0;
  ++arrivals_;
  frontier_ = std::max(frontier_, index);
  last_at_ = now;
}

bool ArrivalEstimator::IsSlowToBegin() const {
  return arrivals_ >= 4 && pause_ > kSlow && pause_ > interval_ / 2;
}

bool ArrivalEstimator::InOrder() const {
  return in_order_ * 5 >= arrivals_ * 4 && frontier_ - first_ + kShuffled >= arrivals_;
}

bool ArrivalEstimator::ArrivesSoon(size_t index, Clock::duration waited, Clock::duration single, size_t remaining,
                                   Clock::time_point now, bool is_sequential) const {
  const Clock::duration patience = std::max(2 * single, kPatience);
  if (arrivals_ < 2) {
    return waited < patience;
  }
  if (now - last_at_ > std::max(4 * (interval_ + single), kStalled)) {
    return false;
  }
  if (!InOrder()) {
    return interval_ * static_cast<int64_t>(remaining) <= (is_sequential ? kSoon : 2 * single);
  }
  if (index + kShuffled <= frontier_) {
    return waited < patience;  // passed over: it may still come, or not
  }
  return index <= frontier_ + kNear || interval_ * static_cast<int64_t>(index - frontier_) <= 2 * single;
}

}  // namespace trolley
