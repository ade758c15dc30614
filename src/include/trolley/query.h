#ifndef TROLLEY_QUERY_H_
#define TROLLEY_QUERY_H_

#include <chrono>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "trolley/references.h"
#include "trolley/tag.h"

namespace trolley {

// Query/Retrieve levels of the Study Root information model, PS3.4 C.6.2.1.
enum class Level { kStudy, kSeries, kInstance };

inline const char* LevelName(Level level) {
  switch (level) {
    case Level::kStudy:
      return "STUDY";
    case Level::kSeries:
      return "SERIES";
    case Level::kInstance:
      return "INSTANCE";
  }
  return "";
}

// What an archive is searched for, the same for every protocol. A regular value: it is its own cache key. Matching is
// that of PS3.4 C.2.2.2: single value, list of UIDs ("\" between them), wildcards "*" and "?", ranges of dates and
// times
// ("20200301-20200303", open ends allowed). A searcher that cannot express a term throws kUnsupported, never ignores
// it.
class Query {
 public:
  explicit Query(Level level = Level::kStudy) : level_(level) {}

  static Query ForStudy(const StudyReference& study, Level level);
  static Query ForSeries(const SeriesReference& series);        // level: instance
  static Query ForInstance(const InstanceReference& instance);  // level: instance

  // Adds a matching key (replaces an earlier one for the same tag). `keyword` is a DICOM keyword or 8 hex digits.
  // Throws kInvalidArgument, naming the term, for an unknown keyword, a bad date, time or UID, a value with control
  // characters or invalid UTF-8, and for an empty value (that would be universal matching: leave the key out instead).
  Query& Where(std::string_view keyword, std::string_view value);
  Query& Where(Tag tag, std::string_view value);
  // Studies from the day `min` to the day `max`, both included; nullopt: that end is open. Replaces an earlier
  // StudyDate; with both open it is dropped. Throws kInvalidArgument for a day that does not exist and for a range that
  // ends before it begins. A protocol that cannot express an open end throws kUnsupported when it is asked.
  Query& StudyDates(std::optional<std::chrono::year_month_day> min, std::optional<std::chrono::year_month_day> max);
  // Asks for an attribute to be returned. Throws kInvalidArgument for an unknown keyword.
  Query& Include(std::string_view keyword);
  Query& Include(Tag tag);
  // Asks for Instance::size, or else for what it can be estimated from (NumberOfFrames, Rows, Columns, BitsAllocated):
  // those are included, but may be missing from a result that tells the size of every instance.
  Query& IncludeSize();
  Query& SetLevel(Level level);
  Query& SetLimit(std::optional<uint32_t> limit);    // at most so many rows are wanted; nullopt: all
  Query& SetOffset(std::optional<uint32_t> offset);  // first row wanted
  Query& SetFuzzy(bool fuzzy);                       // fuzzy semantic matching of names, PS3.4 C.2.2.2.1.1

  Level level() const { return level_; }
  // Ordered by tag.
  const std::vector<std::pair<Tag, std::string>>& keys() const { return keys_; }
  // Empty when there is no such key.
  std::string_view Get(Tag tag) const;
  const std::vector<Tag>& include_fields() const { return include_fields_; }  // ordered, each once
  std::optional<uint32_t> limit() const { return limit_; }
  std::optional<uint32_t> offset() const { return offset_; }
  bool fuzzy() const { return fuzzy_; }
  bool includes_size() const { return includes_size_; }

  // For logs: keyword=value terms with patient data redacted (see Sensitive).
  std::string Describe() const;
  // A compact stable form, the key of persistent caches: equal queries and only they have equal keys.
  std::string CacheKey() const;

  auto operator<=>(const Query&) const = default;

 private:
  Level level_;
  std::vector<std::pair<Tag, std::string>> keys_;
  std::vector<Tag> include_fields_;
  std::optional<uint32_t> limit_;
  std::optional<uint32_t> offset_;
  bool fuzzy_ = false;
  bool includes_size_ = false;
};

}  // namespace trolley

#endif  // TROLLEY_QUERY_H_
