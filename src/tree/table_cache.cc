#include "tree/table_cache.h"

#include <algorithm>

namespace trolley {
namespace {

constexpr size_t kMaxSearches = 1000;

}  // namespace

TablePtr TableCache::Find(const std::string& path, const SearchResult& answer) {
  const std::lock_guard lock(mutex_);
  const auto found = by_path_.find(path);
  if (found == by_path_.end() || found->second->second->answer() != answer) {
    return nullptr;
  }
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->second;
}

TablePtr TableCache::FindByAnswer(const SearchResult& answer) {
  const std::lock_guard lock(mutex_);
  const auto found =
      std::find_if(entries_.begin(), entries_.end(), [&](const auto& e) { return e.second->answer() == answer; });
  return found == entries_.end() ? nullptr : found->second;
}

void TableCache::Insert(const std::string& path, TablePtr table) {
  const std::lock_guard lock(mutex_);
  if (const auto found = by_path_.find(path); found != by_path_.end()) {
    Remove(found->second);
  }
  rows_ += table->answer()->size() + table->size();
  entries_.emplace_front(path, std::move(table));
  by_path_[path] = entries_.begin();
  while (entries_.size() > 1 && (entries_.size() > max_tables_ || rows_ > max_rows_)) {
    Remove(std::prev(entries_.end()));
  }
}

void TableCache::Remove(Entries::iterator entry) {
  rows_ -= entry->second->answer()->size() + entry->second->size();
  by_path_.erase(entry->first);
  entries_.erase(entry);
}

void SearchHistory::Add(std::string_view name) {
  const std::lock_guard lock(mutex_);
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
  const std::lock_guard lock(mutex_);
  std::vector<std::string> names;
  for (const auto& [name, use] : last_use_) {
    names.push_back(name);
  }
  return names;
}

}  // namespace trolley
