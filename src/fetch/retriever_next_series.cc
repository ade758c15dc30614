// Who reads one series of a study after another gets those that follow fetched ahead, more of them the longer that goes
// on: over a long way, each takes longer to list and to fetch than to read.
#include <algorithm>

#include "base/text.h"
#include "fetch/retriever_impl.h"
#include "trolley/log.h"

namespace trolley {
namespace {

constexpr Clock::duration kReadThrough = std::chrono::seconds(5);
constexpr Clock::duration kListing = std::chrono::minutes(1);
constexpr size_t kMostFollowing = 16;

}  // namespace

// With the lock held. A series of it was read to its end just now.
bool Retriever::Impl::IsReadThrough(const Uid& study, Clock::time_point now) const {
  return read_through_ && read_through_->study == study && now - read_through_at_ < kReadThrough;
}

// With the lock held. Called again and again while somebody reads the series.
void Retriever::Impl::NoteReadToEnd(const ReadingPtr& reading, Clock::time_point now) {
  const bool same = read_through_ == reading->series;
  const bool follows = !same && IsReadThrough(reading->series.study, now);
  read_through_ = reading->series;
  read_through_at_ = now;
  if (std::exchange(reading->read_to_end, true) && (follows || same)) {
    return;
  }
  in_a_row_ = follows ? in_a_row_ + 1 : 1;
  if (in_a_row_ == 1) {
    study_use_ = std::make_shared<SeriesUse>();
    return;  // one series may be all that somebody wants
  }
  if (followers_ == nullptr || closing_) {
    return;
  }
  // Never more series than were read: so much may be in vain when the reader goes away.
  const size_t count = std::min(in_a_row_ - 1, kMostFollowing);
  followers_->Submit([this, series = reading->series, use = study_use_, count](const std::stop_token&) {
    FetchFollowing(series, use, count);
  });
}

void Retriever::Impl::FetchFollowing(const SeriesReference& series, const std::shared_ptr<SeriesUse>& use,
                                     size_t count) {
  const std::vector<SeriesReference> following = options_.following_series(series, count);
  const MutexLock lock(mutex_);
  if (closing_ || Clock::now() - use->at() >= options_.idle_stop) {
    return;
  }
  for (const SeriesReference& next : following) {
    const ReadingPtr reading = ReadingOf(next);
    reading->before = use;
    reading->all = true;
    reading->fetches = true;
    if (reading->list == nullptr && !std::exchange(reading->being_listed, true)) {
      reading->listing = std::stop_source();
      followers_->Submit([this, reading](const std::stop_token& stop) { ListAhead(reading, stop); });
    }
    ScheduleReview(reading);
  }
}

void Retriever::Impl::ListAhead(const ReadingPtr& reading, const std::stop_token& stop) {
  std::stop_source listing;
  {
    const MutexLock lock(mutex_);
    listing = reading->listing;
  }
  try {
    const std::stop_callback pass_on(stop, [&listing] { listing.request_stop(); });
    if (!listing.stop_requested()) {
      options_.list_series(reading->series, {listing.get_token(), Clock::now() + kListing});
    }
  } catch (const std::exception& error) {
    LogDebug(StrCat("Cannot fetch series ", reading->series.series.str(), " ahead: ", error.what()));
  }
  const MutexLock lock(mutex_);
  reading->being_listed = false;
  ScheduleReview(reading);
}

// Of all that follow together as much as of the one that is read.
uint64_t Retriever::Impl::MaxUnread(const Reading& reading) const {
  return reading.IsAheadOfReader() ? options_.max_prefetched_bytes / kMostFollowing : options_.max_prefetched_bytes;
}

bool Retriever::Impl::IsFarEnough(const Reading& reading) const {
  return reading.IsAheadOfReader() && (reading.unread >= MaxUnread(reading) ||
                                       std::any_of(prefetch_.begin(), prefetch_.end(),
                                                   [](const JobPtr& job) { return !job->reading->IsAheadOfReader(); }));
}

// Of those that wait, what is read already goes before what follows.
Retriever::Impl::JobPtr Retriever::Impl::NextJob() {
  auto next = std::find_if(prefetch_.begin(), prefetch_.end(),
                           [](const JobPtr& job) { return !job->reading->IsAheadOfReader(); });
  if (next == prefetch_.end()) {
    next = prefetch_.begin();
  }
  JobPtr job = std::move(*next);
  prefetch_.erase(next);
  return job;
}

}  // namespace trolley
