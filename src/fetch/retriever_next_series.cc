// The part of Retriever::Impl that prefetches the next series of a study for a reader that goes through it, more of
// them the longer that goes on: on a high-latency link each takes longer to list and to fetch than to read. Listing
// runs in upcoming_pool_.
#include <algorithm>

#include "base/text.h"
#include "fetch/retriever_impl.h"
#include "trolley/log.h"

namespace trolley {
namespace {

constexpr Clock::duration kReadThrough = std::chrono::seconds(5);
constexpr Clock::duration kListing = std::chrono::minutes(1);
constexpr size_t kMaxUpcoming = 16;

}  // namespace

// A series of the study was read to its end just now.
bool Retriever::Impl::IsReadThrough(const Uid& study, Clock::time_point now) const {
  return read_through_ && read_through_->study == study && now - read_through_at_ < kReadThrough;
}

// Called again and again while somebody reads the series.
void Retriever::Impl::NoteReadToEnd(const SeriesPrefetchPtr& prefetch, Clock::time_point now) {
  const bool same = read_through_ == prefetch->series;
  const bool follows = !same && IsReadThrough(prefetch->series.study, now);
  read_through_ = prefetch->series;
  read_through_at_ = now;
  if (std::exchange(prefetch->read_to_end, true) && (follows || same)) {
    return;
  }
  consecutive_ = follows ? consecutive_ + 1 : 1;
  if (consecutive_ == 1) {
    study_use_ = std::make_shared<SeriesUse>();
    return;  // one series may be all that somebody wants
  }
  if (upcoming_pool_ == nullptr || closing_) {
    return;
  }
  // Never prefetch more series than were read; this bounds the waste if the reader stops.
  const size_t count = std::min(consecutive_ - 1, kMaxUpcoming);
  upcoming_pool_->Submit([this, series = prefetch->series, use = study_use_, count](const std::stop_token&) {
    PrefetchFollowing(series, use, count);
  });
}

void Retriever::Impl::PrefetchFollowing(const SeriesReference& series, const std::shared_ptr<SeriesUse>& use,
                                        size_t count) {
  const std::vector<SeriesReference> following = options_.following_series(series, count);
  const MutexLock lock(mutex_);
  if (closing_ || Clock::now() - use->at() >= options_.idle_stop) {
    return;
  }
  for (const SeriesReference& next : following) {
    const SeriesPrefetchPtr prefetch = PrefetchOf(next);
    prefetch->before = use;
    prefetch->all = true;
    prefetch->fetches = true;
    if (prefetch->list == nullptr && !std::exchange(prefetch->being_listed, true)) {
      prefetch->listing = std::stop_source();
      upcoming_pool_->Submit([this, prefetch](const std::stop_token& stop) { ListUpcoming(prefetch, stop); });
    }
    ScheduleReview(prefetch);
  }
}

void Retriever::Impl::ListUpcoming(const SeriesPrefetchPtr& prefetch, const std::stop_token& stop) {
  std::stop_source listing;
  {
    const MutexLock lock(mutex_);
    listing = prefetch->listing;
  }
  try {
    const std::stop_callback pass_on(stop, [&listing] { listing.request_stop(); });
    if (!listing.stop_requested()) {
      options_.list_series(prefetch->series, {listing.get_token(), Clock::now() + kListing});
    }
  } catch (const std::exception& error) {
    LogDebug(StrCat("Cannot list series ", prefetch->series.series.str(), " for a prefetch: ", error.what()));
  }
  const MutexLock lock(mutex_);
  prefetch->being_listed = false;
  ScheduleReview(prefetch);
}

// All next series together may hold as much as the series that is read.
uint64_t Retriever::Impl::MaxUnread(const SeriesPrefetch& prefetch) const {
  return prefetch.IsUpcoming() ? options_.max_prefetched_bytes / kMaxUpcoming : options_.max_prefetched_bytes;
}

bool Retriever::Impl::HasPrefetchedEnough(const SeriesPrefetch& prefetch) const {
  return prefetch.IsUpcoming() && (prefetch.unread >= MaxUnread(prefetch) ||
                                   std::any_of(prefetch_jobs_.begin(), prefetch_jobs_.end(),
                                               [](const JobPtr& job) { return !job->prefetch->IsUpcoming(); }));
}

// Series that are read go before next series.
Retriever::Impl::JobPtr Retriever::Impl::NextJob() {
  auto next = std::find_if(prefetch_jobs_.begin(), prefetch_jobs_.end(),
                           [](const JobPtr& job) { return !job->prefetch->IsUpcoming(); });
  if (next == prefetch_jobs_.end()) {
    next = prefetch_jobs_.begin();
  }
  JobPtr job = std::move(*next);
  prefetch_jobs_.erase(next);
  return job;
}

}  // namespace trolley
