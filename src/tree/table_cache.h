#ifndef TROLLEY_TREE_TABLE_CACHE_H_
#define TROLLEY_TREE_TABLE_CACHE_H_

#include <cstddef>
#include <list>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "tree/table.h"

namespace trolley {

// Tables by path, so that a result is sorted and named once. Least recently used go first. Thread-safe.
class TableCache {
 public:
  explicit TableCache(size_t max_tables, size_t max_rows = 1000000) : max_tables_(max_tables), max_rows_(max_rows) {}

  // Null unless the table was made of this very result.
  TablePtr Find(const std::string& path, const SearchResult& result);
  // The table of the instances of `series` that was made of this very result, whatever its path; null when there is
  // none.
  TablePtr FindInstances(const SearchResult& result, const SeriesReference& series);
  void Insert(const std::string& path, TablePtr table);

 private:
  using Entries = std::list<std::pair<std::string, TablePtr>>;  // most recently used first
  void Remove(Entries::iterator entry) TROLLEY_REQUIRES(mutex_);

  const size_t max_tables_;
  const size_t max_rows_;
  Mutex mutex_;
  Entries entries_ TROLLEY_GUARDED_BY(mutex_);
  std::unordered_map<std::string, Entries::iterator> by_path_ TROLLEY_GUARDED_BY(mutex_);
  size_t rows_ TROLLEY_GUARDED_BY(mutex_) = 0;
};

}  // namespace trolley

#endif  // TROLLEY_TREE_TABLE_CACHE_H_
