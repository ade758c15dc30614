#ifndef TROLLEY_SEARCHER_H_
#define TROLLEY_SEARCHER_H_

#include "trolley/context.h"
#include "trolley/query.h"
#include "trolley/study.h"

namespace trolley {

// Searches an archive. Thread-safe.
class Searcher {
 public:
  virtual ~Searcher() = default;

  // Everything that matches, down to the query's level, each UID once (a repeated row is merged into the first), rows
  // that contradict the query left out. Empty means that the archive has none. Throws Error: kUnsupported for a term
  // that the protocol cannot express, kTooMany for a result cropped by a limit that the query did not set,
  // kAccessDenied, kUnavailable, kTimedOut, kProtocol, kCancelled. A failed query is never an empty result.
  virtual SearchResult Find(const Query& query, const Context& context) = 0;

  // Throws as Find does when the archive cannot be reached or refuses us. Sends one cheap request, never served from a
  // cache: by default a query for one study.
  virtual void Check(const Context& context) { (void)Find(Query(Level::kStudy).SetLimit(1), context); }
};

}  // namespace trolley

#endif  // TROLLEY_SEARCHER_H_
