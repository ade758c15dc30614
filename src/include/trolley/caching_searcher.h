#ifndef TROLLEY_CACHING_SEARCHER_H_
#define TROLLEY_CACHING_SEARCHER_H_

#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <optional>

#include "trolley/searcher.h"

namespace trolley {

class ResultStore;

struct CachingSearcherOptions {
  std::chrono::milliseconds expiry{600000};  // how long a result is served without another query
  // An expired result waits this long for its renewal, then is served with its age.
  std::chrono::milliseconds stale_wait{1000};
  // While the archive is down, the interval between queries that check whether it is back.
  std::chrono::milliseconds probe_interval{2000};
  std::chrono::milliseconds query_timeout{60000};  // for one query to the archive
  size_t max_memory_rows = 1000000;                // rows of results kept in memory, least recently used go first
  std::function<std::chrono::system_clock::time_point()> now = &std::chrono::system_clock::now;
};

struct CachedResult {
  SearchResult studies;  // never null
  std::chrono::system_clock::time_point fetched_at;
  bool stale = false;  // expired, and the archive could not be queried
};

// What a query ended with: either `result` or `error` is set.
struct FindOutcome {
  std::optional<CachedResult> result;
  std::exception_ptr error;

  // Throws the error, if there is one.
  CachedResult Get() &&;
};

using FindCallback = std::function<void(FindOutcome)>;

// Caches the results of another searcher, in memory and in a store that survives restarts.
//
// A query is served from the cache when an equal query was run before and its result has not expired. A query for one
// study or series by its UID is also served from the result of another query that covers it: one that found the study,
// went at least as deep, and returned the requested fields. Each result keeps its own age, so a later shallow one takes
// nothing away from a deeper one. Equal queries at the same time are sent once; the query goes on while at least one
// caller waits for it. Failures are never cached; empty results expire as others do.
//
// When an expired result cannot be renewed because the archive is unreachable or slow, it is served as stale. When the
// archive refuses (kAccessDenied, kUnsupported, kTooMany, kInvalidArgument) or its response is malformed (kProtocol),
// that is the caller's error. While the archive is down, expired results are served at once, and a query in the
// background checks from time to time whether the archive is back. Thread-safe.
class CachingSearcher : public Searcher {
 public:
  // Shared ownership; `store` may be null.
  CachingSearcher(std::shared_ptr<Searcher> searcher, std::shared_ptr<ResultStore> store,
                  CachingSearcherOptions options);
  // Cancels running queries. Every callback has been called when this returns.
  ~CachingSearcher() override;

  // Never waits for the archive. Calls `done` exactly once: on this thread when the cache has a result (fresh, or stale
  // while the archive is down) or `context` was stopped already, else later on one of the searcher's threads. A stop
  // request ends the wait soon with kCancelled, the context's deadline with kTimedOut (or a stale result, if there is
  // one), whatever the archive does. `done` must neither wait nor throw: it holds up the callbacks of others. It may
  // call the searcher.
  void FindAsync(const Query& query, const Context& context, FindCallback done);

  // These wait for FindAsync.
  SearchResult Find(const Query& query, const Context& context) override;
  CachedResult FindWithTime(const Query& query, const Context& context);
  // Of the archive's searcher.
  void Check(const Context& context) override;

  // The fresh result from memory or the store, without a query to the archive and without waiting; nullopt when the
  // archive has to be queried. While the archive is known to be down, a stale result will do (and a renewal may begin
  // in the background).
  std::optional<CachedResult> GetFresh(const Query& query);
  // As GetFresh, however old the result is (marked stale when expired).
  std::optional<CachedResult> GetCached(const Query& query);
  // Expires every result now (SIGHUP). Nothing is deleted: with the archive down they are still served as stale.
  void ExpireAll();
  // True while the latest query failed with kUnavailable or kTimedOut and no later one succeeded.
  bool ArchiveIsDown() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace trolley

#endif  // TROLLEY_CACHING_SEARCHER_H_
