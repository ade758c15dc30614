#ifndef TROLLEY_TREE_TABLE_CACHE_H_
#define TROLLEY_TREE_TABLE_CACHE_H_

#include <cstdint>
#include <list>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tree/listing.h"

namespace trolley {

// Tables by path, so that an answer is sorted and named once. Least recently used go first. Thread-safe.
class TableCache {
 public:
  explicit TableCache(size_t max_tables, size_t max_rows = 1000000) : max_tables_(max_tables), max_rows_(max_rows) {}

  // Null unless the table was made of this very answer.
  TablePtr Find(const std::string& path, const SearchResult& answer);
  // Whatever its path. Null: none was made of it.
  TablePtr FindByAnswer(const SearchResult& answer);
  void Insert(const std::string& path, TablePtr table);

 private:
  using Entries = std::list<std::pair<std::string, TablePtr>>;  // most recently used first
  void Remove(Entries::iterator entry);

  const size_t max_tables_;
  const size_t max_rows_;
  std::mutex mutex_;
  Entries entries_;
  std::unordered_map<std::string, Entries::iterator> by_path_;
  size_t rows_ = 0;
};

// The searches made in this mount, for `ls search/`: the latest 1000. Thread-safe.
class SearchHistory {
 public:
  void Add(std::string_view name);
  std::vector<std::string> Names() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, uint64_t, std::less<>> last_use_;
  uint64_t uses_ = 0;
};

}  // namespace trolley

#endif  // TROLLEY_TREE_TABLE_CACHE_H_
