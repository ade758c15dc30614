#include "tree/table_cache.h"

#include <algorithm>

namespace trolley {

TablePtr TableCache::Find(const std::string& path, const SearchResult& result) {
  const MutexLock lock(mutex_);
  const auto found = by_path_.find(path);
  if (found == by_path_.end() || found->second->second->result() != result) {
    return nullptr;
  }
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->second;
}

TablePtr TableCache::FindInstances(const SearchResult& result, const SeriesReference& series) {
  const MutexLock lock(mutex_);
  const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const auto& entry) {
    const Table& table = *entry.second;
    return table.result() == result && table.series() != nullptr && *table.series() == series;
  });
  return found == entries_.end() ? nullptr : found->second;
}

void TableCache::Insert(const std::string& path, TablePtr table) {
  const MutexLock lock(mutex_);
  if (const auto found = by_path_.find(path); found != by_path_.end()) {
    Remove(found->second);
  }
  rows_ += table->result()->size() + table->size();
  entries_.emplace_front(path, std::move(table));
  by_path_[path] = entries_.begin();
  while (entries_.size() > 1 && (entries_.size() > max_tables_ || rows_ > max_rows_)) {
    Remove(std::prev(entries_.end()));
  }
}

void TableCache::Remove(Entries::iterator entry) {
  rows_ -= entry->second->result()->size() + entry->second->size();
  by_path_.erase(entry->first);
  entries_.erase(entry);
}

}  // namespace trolley
