#ifndef TROLLEY_SEARCH_RUNNING_QUERY_H_
#define TROLLEY_SEARCH_RUNNING_QUERY_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <utility>
#include <vector>

#include "trolley/caching_searcher.h"
#include "trolley/context.h"
#include "trolley/query.h"

namespace trolley {

// The parts of a CachingSearcher's bookkeeping. Its mutex guards what is not const.

struct Waiter;
// By the time at which they stop waiting.
using Waiters = std::multimap<Clock::time_point, std::shared_ptr<Waiter>>;

// A query on its way to the archive, shared by all callers of equal queries.
struct RunningQuery {
  explicit RunningQuery(Query its_query) : query(std::move(its_query)) {}

  const Query query;
  std::stop_source stop;
  std::vector<std::shared_ptr<Waiter>> waiters;
  bool in_background = false;
  uint64_t generation = 0;        // of the cache when it began
  uint64_t responses_before = 0;  // of the archive, when it began
};

// A caller of FindAsync whose callback has not been called.
struct Waiter {
  using OnStop = std::stop_callback<std::function<void()>>;

  FindCallback done;
  std::shared_ptr<RunningQuery> running;  // null: not waiting
  std::optional<CachedResult> stale;      // served when the archive is slow or down
  bool stopped = false;
  Waiters::iterator position;
  std::optional<OnStop> on_stop;  // not guarded: made before the wait begins, destroyed after it
};

// A callback that is due, and what it gets.
struct Completion {
  std::shared_ptr<Waiter> waiter;
  FindOutcome outcome;

  // Without the mutex: on_stop's destructor waits for a stop request under way, which locks it.
  void Deliver() {
    waiter->on_stop.reset();
    waiter->done(std::move(outcome));
  }
};

inline void DeliverAll(std::vector<Completion> completions) {
  for (Completion& completion : completions) {
    completion.Deliver();
  }
}

}  // namespace trolley

#endif  // TROLLEY_SEARCH_RUNNING_QUERY_H_
