// The part of Retriever::Impl that keeps the list of a series and the state of each of its instances. LoadList() runs
// on the planner's thread or in Expect(), and waits for the list without the lock.
#include <algorithm>
#include <numeric>

#include "base/text.h"
#include "fetch/retriever_impl.h"
#include "trolley/log.h"

namespace trolley {

std::optional<size_t> Retriever::Impl::SeriesPrefetch::IndexOf(const Uid& uid) const {
  if (list == nullptr) {
    return std::nullopt;
  }
  const auto found = std::lower_bound(by_uid.begin(), by_uid.end(), uid, [&](uint32_t index, const Uid& wanted_uid) {
    return (*list)[index] < wanted_uid;
  });
  return found != by_uid.end() && (*list)[*found] == uid ? std::optional<size_t>(*found) : std::nullopt;
}

void Retriever::Impl::SeriesPrefetch::SetState(size_t index, State state) {
  Item& item = items[index];
  wanted -= item.state == State::kWanted ? 1 : 0;
  assigned -= item.state == State::kAssigned ? 1 : 0;
  item.state = state;
  wanted += state == State::kWanted ? 1 : 0;
  assigned += state == State::kAssigned ? 1 : 0;
}

void Retriever::Impl::LoadList(const SeriesPrefetchPtr& prefetch) {
  prefetch->loading = true;
  mutex_.Unlock();
  SeriesList list;
  std::vector<bool> cached;
  try {
    list = options_.series_list(prefetch->series);
    if (list != nullptr) {
      cached = cache_->Contain(options_.archive, prefetch->series, *list);
    }
  } catch (const std::exception& error) {
    LogDebug(StrCat("Cannot prefetch in series ", prefetch->series.series.str(), ": ", error.what()));
    list = nullptr;
  }
  mutex_.Lock();
  prefetch->loading = false;
  if (list != nullptr && prefetch->list == nullptr) {
    SetList(*prefetch, std::move(list), cached);
  }
  prefetch->arrived_uids.clear();
}

void Retriever::Impl::SetList(SeriesPrefetch& prefetch, SeriesList list, const std::vector<bool>& cached) {
  prefetch.list = std::move(list);
  const size_t size = prefetch.list->size();
  prefetch.by_uid.resize(size);
  std::iota(prefetch.by_uid.begin(), prefetch.by_uid.end(), uint32_t{0});
  std::sort(prefetch.by_uid.begin(), prefetch.by_uid.end(),
            [&](uint32_t a, uint32_t b) { return (*prefetch.list)[a] < (*prefetch.list)[b]; });
  prefetch.items.resize(size);
  prefetch.wanted = size;
  for (size_t i = 0; i < size; ++i) {
    if (cached[i]) {
      prefetch.SetState(i, SeriesPrefetch::State::kHere);
    }
  }
  for (const Uid& uid : prefetch.arrived_uids) {
    if (const auto index = prefetch.IndexOf(uid)) {
      prefetch.SetState(*index, SeriesPrefetch::State::kHere);
    }
  }
  prefetch.pattern.emplace(size);
  for (const Uid& uid : std::exchange(prefetch.recent, {})) {
    if (const auto index = prefetch.IndexOf(uid)) {
      prefetch.pattern->NoteOpen(*index);
    }
  }
}

void Retriever::Impl::NoteHere(const InstanceReference& instance, uint64_t size) {
  const MutexLock lock(mutex_);
  ++arrivals_;
  const auto found = prefetches_.find(instance.series_reference());
  if (found == prefetches_.end()) {
    return;
  }
  SeriesPrefetch& prefetch = *found->second;
  if (prefetch.loading) {
    prefetch.arrived_uids.push_back(instance.instance);  // perhaps after the list was compared with the cache
  }
  const auto index = prefetch.IndexOf(instance.instance);
  if (index && prefetch.items[*index].state == SeriesPrefetch::State::kHere) {
    return;
  }
  ++prefetch.here;
  prefetch.bytes += size;
  if (!index) {
    return;
  }
  prefetch.SetState(*index, SeriesPrefetch::State::kHere);
  prefetch.items[*index].size = size;
  if (!prefetch.pattern->opened(*index)) {
    prefetch.unread += size;
    ++prefetched_;
  }
}

}  // namespace trolley
