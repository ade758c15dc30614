#include "orthanc/orthanc_identifiers.h"

#include <utility>

namespace trolley {
namespace {

constexpr size_t kMaxIdentifiers = 100000;  // a few tens of MB

}  // namespace

void OrthancIdentifiers::Remember(const SeriesReference& series, OfInstances ids) {
  if (ids.empty()) {
    return;
  }
  const MutexLock lock(mutex_);
  const auto [at, is_new] = by_series_.try_emplace(series);
  if (is_new) {
    order_.push_back(series);
  }
  count_ -= at->second.size();
  ids.merge(at->second);
  at->second = std::move(ids);
  count_ += at->second.size();
  while (count_ > kMaxIdentifiers && order_.size() > 1) {
    const auto oldest = by_series_.find(order_.front());
    count_ -= oldest->second.size();
    by_series_.erase(oldest);
    order_.pop_front();
  }
}

std::optional<std::string> OrthancIdentifiers::Find(const InstanceReference& instance) const {
  const MutexLock lock(mutex_);
  const auto series = by_series_.find(instance.series_reference());
  if (series == by_series_.end()) {
    return std::nullopt;
  }
  const auto found = series->second.find(instance.instance);
  return found == series->second.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace trolley
