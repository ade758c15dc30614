#ifndef TROLLEY_TESTS_SEARCH_SEARCHER_CONTRACT_H_
#define TROLLEY_TESTS_SEARCH_SEARCHER_CONTRACT_H_

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <set>
#include <sstream>
#include <stop_token>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "trolley/error.h"
#include "trolley/references.h"
#include "trolley/searcher.h"

namespace trolley {

// What can happen to a searcher; an archive of a kind to which something cannot happen leaves it out of its list.
enum class SearchCase {
  kNone,         // nothing matches
  kStudies,      // all studies
  kSeries,       // the series of one study
  kInstances,    // the instances of one series, many
  kOneInstance,  // one instance by its UIDs
  kMatching,     // by a name with a wildcard, whatever its case
  kLimit,        // no more than were wanted
  kRefused,      // nobody answers
  kTimeout,      // the archive falls silent
  kTruncated,    // the answer ends in the middle
  kUnsupported,  // a term that cannot be expressed
  kCancelled,    // the caller gives up while it waits
  kRecovers,     // after a failure the next question works
};

inline std::ostream& operator<<(std::ostream& out, SearchCase what) {
  constexpr const char* kNames[] = {"None",        "Studies",   "Series",  "Instances", "OneInstance",
                                    "Matching",    "Limit",     "Refused", "Timeout",   "Truncated",
                                    "Unsupported", "Cancelled", "Recovers"};
  return out << kNames[static_cast<size_t>(what)];
}

// An archive for the contract, with a searcher that asks it.
class SearchWorld {
 public:
  virtual ~SearchWorld() = default;
  virtual Searcher& searcher() = 0;
  // All that the archive holds: several studies, one of them with several series, one of those with many instances. The
  // patient of the first study is "Contract^Anna", no other one's name begins so.
  virtual std::vector<InstanceReference> content() const = 0;
  // A question that this searcher cannot put.
  virtual std::optional<Query> Unsupported() const { return std::nullopt; }
  virtual void Refuse() {}
  // From now on an answer stops after its first half, the connection stays.
  virtual void FallSilent() {}
  // From now on an answer ends after its first half.
  virtual void CutOff() {}
  virtual void Recover() {}
  // How long the searchers of new worlds wait for a silent archive. The contract makes it short where silence is the
  // matter; elsewhere a busy machine must not look like it.
  static inline std::chrono::seconds patience{60};
};

struct SearchContractParam {
  std::string name;
  std::function<std::unique_ptr<SearchWorld>()> make;
  SearchCase what;
};

inline std::ostream& operator<<(std::ostream& out, const SearchContractParam& param) {
  return out << param.name << param.what;
}

inline std::vector<SearchContractParam> SearchContractParams(const std::string& name,
                                                             const std::function<std::unique_ptr<SearchWorld>()>& make,
                                                             const std::vector<SearchCase>& cases) {
  std::vector<SearchContractParam> params;
  for (const SearchCase what : cases) {
    params.push_back({name, make, what});
  }
  return params;
}

inline std::string SearchContractName(const testing::TestParamInfo<SearchContractParam>& info) {
  std::ostringstream out;
  out << info.param;
  return out.str();
}

// INSTANTIATE_TEST_SUITE_P(QidoRs, SearcherContract, testing::ValuesIn(SearchContractParams("QidoRs", ...)),
//                          SearchContractName);
class SearcherContract : public testing::TestWithParam<SearchContractParam> {
 protected:
  // "1.2", "1.2/1.2.1", "1.2/1.2.1/1.2.1.7": what an answer holds at the query's level.
  using Addresses = std::multiset<std::string>;

  void SetUp() override {
    SearchWorld::patience = std::chrono::seconds(GetParam().what == SearchCase::kTimeout ? 2 : 60);
    world_ = GetParam().make();
  }

  static std::string Address(Level level, const InstanceReference& instance) {
    std::string address = instance.study.str();
    if (level != Level::kStudy) {
      address += "/" + instance.series.str();
    }
    return level == Level::kInstance ? address + "/" + instance.instance.str() : address;
  }
  // What the archive holds at that level, of one study or series where given.
  Addresses Content(Level level, const std::string& below = "") const {
    std::set<std::string> each;
    for (const InstanceReference& instance : world_->content()) {
      const std::string address = Address(level, instance);
      if (address.starts_with(below)) {
        each.insert(address);
      }
    }
    return {each.begin(), each.end()};
  }
  Addresses Find(const Query& query, const Context& context = {}) {
    const SearchResult answer = world_->searcher().Find(query, context);
    Addresses found;
    for (const Study& study : *answer) {
      if (query.level() == Level::kStudy) {
        EXPECT_TRUE(study.series.empty());
        found.insert(study.uid.str());
      }
      for (const Series& series : study.series) {
        if (query.level() == Level::kSeries) {
          EXPECT_TRUE(series.instances.empty());
          found.insert(study.uid.str() + "/" + series.uid.str());
        }
        for (const Instance& instance : series.instances) {
          found.insert(study.uid.str() + "/" + series.uid.str() + "/" + instance.uid.str());
        }
      }
    }
    return found;
  }
  std::optional<ErrorCode> Failure(const Query& query, const Context& context = {}) {
    try {
      Find(query, context);
    } catch (const Error& error) {
      EXPECT_TRUE(std::string(error.what()).starts_with("Cannot ")) << error.what();
      return error.code();
    }
    return std::nullopt;
  }
  // The series with the most instances.
  SeriesReference LongSeries() const {
    std::map<std::string, std::pair<size_t, SeriesReference>> counts;
    SeriesReference longest = world_->content().front().series_reference();
    size_t most = 0;
    for (const InstanceReference& instance : world_->content()) {
      auto& [count, series] =
          counts.try_emplace(Address(Level::kSeries, instance), 0, instance.series_reference()).first->second;
      if (++count > most) {
        most = count;
        longest = series;
      }
    }
    return longest;
  }

  std::unique_ptr<SearchWorld> world_;
};

}  // namespace trolley

#endif  // TROLLEY_TESTS_SEARCH_SEARCHER_CONTRACT_H_
