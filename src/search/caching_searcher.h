#ifndef TROLLEY_SEARCH_CACHING_SEARCHER_H_
#define TROLLEY_SEARCH_CACHING_SEARCHER_H_

#include <chrono>
#include <functional>
#include <memory>
#include <optional>

#include "search/result_store.h"
#include "search/searcher.h"

namespace trolley {

struct CachingSearcherOptions {
  std::chrono::milliseconds expiry{600000};  // how long an answer is served without asking again
  // An expired answer waits so long for its renewal, then is served with its age.
  std::chrono::milliseconds stale_wait{1000};
  // While the archive is down, it is asked so often whether it is back.
  std::chrono::milliseconds probe_interval{2000};
  std::chrono::milliseconds query_timeout{60000};  // of one question to the archive
  size_t max_memory_rows = 1000000;                // rows of answers kept in memory, least recently used go first
  std::function<std::chrono::system_clock::time_point()> now = &std::chrono::system_clock::now;
};

struct CachedResult {
  SearchResult answer;
  std::chrono::system_clock::time_point fetched_at;
  bool stale = false;  // expired, and the archive could not be asked
};

// Remembers the answers of another searcher, in memory and in a store that survives restarts. A question is answered
// from memory when it was asked before and its answer has not expired; a question about one study or series by its UID
// also when the answer to another question covers it: one that found the study and went at least as deep, and tells the
// fields that are asked for. Each answer keeps its own age, so a later shallow one takes nothing away from a deeper
// one. Equal questions asked at the same time are asked once (the question goes on while at least one caller still
// waits). Failures are never remembered; empty answers expire as others do. When an expired answer cannot be renewed
// because the archive is unreachable or slow, it is served as stale; when the archive refuses (kAccessDenied,
// kUnsupported, kTooMany, kInvalidArgument) or answers nonsense (kProtocol), that is thrown. While the archive is down,
// expired answers are served at once and the archive is asked in the background now and then. Thread-safe.
class CachingSearcher : public Searcher {
 public:
  // `store` may be null. Both outlive nobody: they are kept.
  CachingSearcher(std::shared_ptr<Searcher> searcher, std::shared_ptr<ResultStore> store,
                  CachingSearcherOptions options);
  ~CachingSearcher() override;

  SearchResult Find(const Query& query, const Context& context) override;
  CachedResult FindWithTime(const Query& query, const Context& context);
  // Without asking anybody and without waiting (memory, then store): the fresh answer; nullopt when the archive has to
  // be asked. While the archive is known to be down, also a stale one (and a renewal may begin in the background).
  std::optional<CachedResult> GetFresh(const Query& query);
  // As GetFresh, however old the answer is (marked stale when expired).
  std::optional<CachedResult> GetCached(const Query& query);
  // Lets every answer expire now (SIGHUP). Nothing is deleted: with the archive down they are still served as stale.
  void ExpireAll();
  // True while the latest question failed with kUnavailable or kTimedOut and no later one was answered.
  bool ArchiveIsDown() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace trolley

#endif  // TROLLEY_SEARCH_CACHING_SEARCHER_H_
