#ifndef TROLLEY_SEARCH_RESULT_STORE_H_
#define TROLLEY_SEARCH_RESULT_STORE_H_

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "trolley/study.h"

namespace trolley {

// A result and the time at which its query began.
struct ResultWithTime {
  SearchResult studies;
  std::chrono::system_clock::time_point fetched_at;
};

// Where a CachingSearcher keeps results beyond its own memory. Thread-safe. A store never throws: a result that cannot
// be kept or read back is logged and missing.
class ResultStore {
 public:
  virtual ~ResultStore() = default;
  virtual std::optional<ResultWithTime> Load(std::string_view key) = 0;
  virtual void Save(std::string_view key, const ResultWithTime& result) = 0;
};

// The stored form of a result: compact, versioned, checksummed. Parse gives nullopt for a form that is damaged or of
// another version.
std::string SerializeResult(const ResultWithTime& result);
std::optional<ResultWithTime> ParseResult(std::string_view stored);

}  // namespace trolley

#endif  // TROLLEY_SEARCH_RESULT_STORE_H_
