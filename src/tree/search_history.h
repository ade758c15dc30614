#ifndef TROLLEY_TREE_SEARCH_HISTORY_H_
#define TROLLEY_TREE_SEARCH_HISTORY_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"

namespace trolley {

// The searches made in this mount, for `ls search/`: the latest 1000. Thread-safe.
class SearchHistory {
 public:
  void Add(std::string_view name);
  std::vector<std::string> Names() const;

 private:
  mutable Mutex mutex_;
  std::map<std::string, uint64_t, std::less<>> last_use_ TROLLEY_GUARDED_BY(mutex_);
  uint64_t uses_ TROLLEY_GUARDED_BY(mutex_) = 0;
};

}  // namespace trolley

#endif  // TROLLEY_TREE_SEARCH_HISTORY_H_
