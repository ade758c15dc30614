#ifndef TROLLEY_SEARCH_RESULT_CACHE_H_
#define TROLLEY_SEARCH_RESULT_CACHE_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "base/mutex.h"
#include "search/result_memory.h"
#include "search/result_store.h"
#include "trolley/caching_searcher.h"
#include "trolley/query.h"

namespace trolley {

// The results that a CachingSearcher has, in memory and in a store, and which of them have expired. Never queries the
// archive. Thread-safe.
class ResultCache {
 public:
  using WallClock = std::function<std::chrono::system_clock::time_point()>;

  // `store` may be null.
  ResultCache(std::shared_ptr<ResultStore> store, size_t max_memory_rows, std::chrono::milliseconds expiry,
              WallClock now);

  // The result of an equal query or one that covers it, however old (marked stale when expired); reads the store when
  // memory has none.
  std::optional<CachedResult> Get(const Query& query);
  // As Get, from memory only.
  std::optional<CachedResult> GetFromMemory(const Query& query);
  // `generation`: when the query began.
  void Insert(const Query& query, const SearchResult& studies, std::chrono::system_clock::time_point fetched_at,
              uint64_t generation);
  // Writes a result to the store.
  void Save(const Query& query, const SearchResult& studies, std::chrono::system_clock::time_point fetched_at);

  // Expires every result of this and earlier generations.
  void ExpireAll();
  uint64_t generation() const;

 private:
  std::optional<CachedResult> FindInMemory(const Query& query) TROLLEY_REQUIRES(mutex_);
  bool IsExpired(const RememberedResult& known) const TROLLEY_REQUIRES(mutex_);

  const std::shared_ptr<ResultStore> store_;
  const std::chrono::milliseconds expiry_;
  const WallClock now_;
  mutable Mutex mutex_;
  ResultMemory memory_ TROLLEY_GUARDED_BY(mutex_);
  uint64_t generation_ TROLLEY_GUARDED_BY(mutex_) = 1;
  std::chrono::system_clock::time_point all_expired_at_ TROLLEY_GUARDED_BY(mutex_) =
      std::chrono::system_clock::time_point::min();
};

}  // namespace trolley

#endif  // TROLLEY_SEARCH_RESULT_CACHE_H_
