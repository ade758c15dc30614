#ifndef TROLLEY_TESTS_SUPPORT_FAKE_SEARCHER_H_
#define TROLLEY_TESTS_SUPPORT_FAKE_SEARCHER_H_

#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "dicom/matching.h"
#include "search/assemble.h"
#include "trolley/error.h"
#include "trolley/searcher.h"

namespace trolley {

// An archive in memory. As real ones do, it returns at a level only what was asked for; it counts questions and can
// fail.
class FakeSearcher : public Searcher {
 public:
  // One row for each instance, with the attributes of all levels.
  void Add(Attributes row) { rows_.push_back(std::move(row)); }
  void FailWith(std::optional<Error> error) {
    const std::lock_guard lock(mutex_);
    error_ = std::move(error);
  }
  size_t questions() const {
    const std::lock_guard lock(mutex_);
    return asked_.size();
  }
  Query last_question() const {
    const std::lock_guard lock(mutex_);
    return asked_.back();
  }
  // Attributes that this archive never returns.
  void Hide(Tag tag) { hidden_.insert(tag); }

  SearchResult Find(const Query& query, const Context&) override {
    {
      const std::lock_guard lock(mutex_);
      asked_.push_back(query);
      if (error_) {
        throw *error_;
      }
    }
    std::vector<Attributes> found;
    std::set<std::string> seen;
    for (const Attributes& row : rows_) {
      if (!Matches(query, row)) {
        continue;
      }
      Attributes returned = Project(query, row);
      std::string uid(row.Get(LevelUid(query.level())));
      if (seen.insert(std::move(uid)).second) {
        found.push_back(std::move(returned));
      }
    }
    return Assemble(query, std::move(found));
  }

 private:
  static Tag LevelUid(Level level) {
    return level == Level::kStudy    ? tag::kStudyInstanceUID
           : level == Level::kSeries ? tag::kSeriesInstanceUID
                                     : tag::kSOPInstanceUID;
  }

  Attributes Project(const Query& query, const Attributes& row) const {
    std::set<Tag> wanted(query.include_fields().begin(), query.include_fields().end());
    for (const auto& [tag, value] : query.keys()) {
      wanted.insert(tag);
    }
    for (const Level level : {Level::kStudy, Level::kSeries, Level::kInstance}) {
      if (level <= query.level()) {
        wanted.insert(LevelUid(level));
      }
    }
    Attributes returned;
    for (const Tag tag : wanted) {
      if (row.Has(tag) && hidden_.count(tag) == 0) {
        returned.Set(tag, row.Get(tag));
      }
    }
    return returned;
  }

  std::vector<Attributes> rows_;
  std::set<Tag> hidden_;
  mutable std::mutex mutex_;
  std::vector<Query> asked_;
  std::optional<Error> error_;
};

}  // namespace trolley

#endif  // TROLLEY_TESTS_SUPPORT_FAKE_SEARCHER_H_
