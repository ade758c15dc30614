#include "archive/way_to_archive.h"

#include <algorithm>
#include <cmath>

namespace trolley {
namespace {

constexpr int kRequestWeight = 4;   // of the past, in what a request takes
constexpr int kLatencyWeight = 16;  // of the past, while it takes longer than that
constexpr Clock::duration kLongWay = std::chrono::milliseconds(8);
constexpr double kFirstWindow = 14600;  // bytes that TCP sends before it waits (RFC 6928)
constexpr size_t kWorthwhile = 8;       // one in so many, at least, has to come by requests beside a stream
constexpr int kSlowedDown = 2;          // so many times what a request takes by itself

// Round trips until TCP's window, which doubles with each, has let so many bytes pass.
double Rounds(double bytes) {
  return std::log2(1 + bytes / kFirstWindow);
}

}  // namespace

void WayToArchive::NoteRequest(Clock::duration latency, Clock::duration took, uint64_t bytes, size_t at_a_time) {
  request_ = (request_ * (kRequestWeight - 1) + took) / kRequestWeight;
  NoteRoundTrip(latency);
  if (!IsLong()) {
    return;
  }
  const auto alone = std::chrono::duration_cast<Clock::duration>(*latency_ * (1 + Rounds(static_cast<double>(bytes))));
  if (took > kSlowedDown * alone) {
    parallel_ = std::max(few_, parallel_ - 1);
  } else if (at_a_time >= parallel_) {
    parallel_ = std::min(most_, parallel_ + 1);
  }
}

void WayToArchive::NoteRoundTrip(Clock::duration round_trip) {
  // Close to the least that was seen lately: a busy machine is slow, too, but no long way.
  const Clock::duration before = latency_.value_or(round_trip);
  latency_ = std::min(round_trip, before + (round_trip - before) / kLatencyWeight);
}

bool WayToArchive::IsLong() const {
  return latency_ && *latency_ > kLongWay;
}

bool WayToArchive::StreamIsSlow(uint64_t bytes_each, size_t instances) const {
  if (!IsLong() || bytes_each == 0) {
    return false;
  }
  const double rounds = Rounds(static_cast<double>(bytes_each) * static_cast<double>(instances));
  return rounds * static_cast<double>(few_ * kWorthwhile) >= static_cast<double>(instances);
}

}  // namespace trolley
