#ifndef TROLLEY_SEARCH_RESULT_MEMORY_H_
#define TROLLEY_SEARCH_RESULT_MEMORY_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <optional>
#include <unordered_map>

#include "trolley/query.h"
#include "trolley/study.h"

namespace trolley {

// A result as a ResultCache keeps it in memory.
struct RememberedResult {
  Query query;
  SearchResult studies;
  std::chrono::system_clock::time_point fetched_at;
  uint64_t generation = 0;
};

// Results by their query, a bounded number of rows, least recently used out first. Each result stands for itself: a
// later, shallower one about the same study takes nothing away from a deeper one. Not thread-safe.
class ResultMemory {
 public:
  using IsFresh = std::function<bool(const RememberedResult&)>;

  explicit ResultMemory(size_t max_rows) : max_rows_(max_rows) {}

  // Null when there is none; valid until the next call. Counts as a use.
  const RememberedResult* Find(const Query& query);
  // Replaces an earlier result of an equal query.
  void Insert(RememberedResult remembered);
  // For a query for one study (or one series of it) by its UID: taken from the youngest result of another query that is
  // `is_fresh` and covers this one. A result covers it when it went at least as deep, left out nothing of the study (no
  // keys below the study's level, no limit) and returned the requested fields. Keeps the time of the result that it was
  // taken from.
  std::optional<RememberedResult> FindCovering(const Query& query, const IsFresh& is_fresh) const;

 private:
  struct Entry {
    RememberedResult remembered;
    size_t rows = 0;
    bool holds_whole_studies = false;
  };
  using Entries = std::list<Entry>;  // latest used first
  struct Place {
    Entries::iterator entry;
    size_t position;  // of the study in the result
  };

  void Erase(Entries::iterator entry);

  const size_t max_rows_;
  Entries entries_;
  std::map<Query, Entries::iterator> by_query_;
  std::unordered_multimap<size_t, Place> by_study_;  // by the hash of its UID; of entries that hold whole studies
  size_t rows_ = 0;
};

}  // namespace trolley

#endif  // TROLLEY_SEARCH_RESULT_MEMORY_H_
