#ifndef TROLLEY_SEARCH_SEARCHER_H_
#define TROLLEY_SEARCH_SEARCHER_H_

#include "base/context.h"
#include "dicom/query.h"
#include "dicom/study.h"

namespace trolley {

// Asks an archive. Thread-safe.
class Searcher {
 public:
  virtual ~Searcher() = default;

  // Everything that matches, down to the query's level, each UID once (a repeated row is merged into the first), rows
  // that contradict the question left out. Empty means that the archive said there is none. Throws Error: kUnsupported
  // for a term that the protocol cannot express, kTooMany for an answer cropped by a limit that the query did not set,
  // kAccessDenied, kUnavailable, kTimedOut, kProtocol, kCancelled. A failed question is never an empty answer.
  virtual SearchResult Find(const Query& query, const Context& context) = 0;
};

}  // namespace trolley

#endif  // TROLLEY_SEARCH_SEARCHER_H_
