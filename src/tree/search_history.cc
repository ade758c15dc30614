#include "tree/search_history.h"

#include <algorithm>

namespace trolley {
namespace {

constexpr size_t kMaxSearches = 1000;

}  // namespace

void SearchHistory::Add(std::string_view name) {
  const MutexLock lock(mutex_);
  const auto found = last_use_.find(name);
  if (found != last_use_.end()) {
    found->second = ++uses_;
    return;
  }
  last_use_.emplace(name, ++uses_);
  if (last_use_.size() > kMaxSearches) {
    last_use_.erase(std::min_element(last_use_.begin(), last_use_.end(),
                                     [](const auto& a, const auto& b) { return a.second < b.second; }));
  }
}

std::vector<std::string> SearchHistory::Names() const {
  const MutexLock lock(mutex_);
  std::vector<std::string> names;
  for (const auto& [name, use] : last_use_) {
    names.push_back(name);
  }
  return names;
}

}  // namespace trolley
