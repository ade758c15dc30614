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

#include "base/error.h"
#include "dicom/references.h"
#include "search/searcher.h"

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

// An archive for the contract, with a searcher that asks it and gives up within seconds.
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

  void SetUp() override { world_ = GetParam().make(); }

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
    const Answer answer = world_->searcher().Find(query, context);
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

TEST_P(SearcherContract, Holds) {
  const SeriesReference series = LongSeries();
  const Query all(Level::kStudy);
  switch (GetParam().what) {
    case SearchCase::kNone:
      EXPECT_EQ(Find(Query::ForStudy({Uid("1.2.3.999")}, Level::kStudy)), Addresses());
      EXPECT_EQ(Find(Query::ForStudy({Uid("1.2.3.999")}, Level::kSeries)), Addresses());
      EXPECT_EQ(Find(Query::ForSeries({series.study, Uid("1.2.3.999")})), Addresses());
      EXPECT_EQ(Find(Query(Level::kStudy).Where("PatientName", "Nobody*")), Addresses());
      break;
    case SearchCase::kStudies:
      EXPECT_EQ(Find(all), Content(Level::kStudy));
      break;
    case SearchCase::kSeries:
      EXPECT_EQ(Find(Query::ForStudy({series.study}, Level::kSeries)),
                Content(Level::kSeries, series.study.str() + "/"));
      break;
    case SearchCase::kInstances:
      EXPECT_EQ(Find(Query::ForSeries(series)),
                Content(Level::kInstance, series.study.str() + "/" + series.series.str() + "/"));
      break;
    case SearchCase::kOneInstance: {
      const InstanceReference one = world_->content().back();
      EXPECT_EQ(Find(Query::ForInstance(one)), Addresses{Address(Level::kInstance, one)});
      break;
    }
    case SearchCase::kMatching: {
      const Addresses first{world_->content().front().study.str()};
      EXPECT_EQ(Find(Query(Level::kStudy).Where("PatientName", "Contract^A*")), first);
      EXPECT_EQ(Find(Query(Level::kStudy).Where("PatientName", "CONTRACT^ANNA")), first);
      EXPECT_EQ(Find(Query(Level::kStudy).Where("PatientName", "Contract")), Addresses());
      break;
    }
    case SearchCase::kLimit:
      EXPECT_EQ(Find(Query(all).SetLimit(1)).size(), 1u);
      EXPECT_EQ(Find(Query(all).SetLimit(1000)), Content(Level::kStudy));
      break;
    case SearchCase::kRefused:
      world_->Refuse();
      EXPECT_EQ(Failure(all), ErrorCode::kUnavailable);
      break;
    case SearchCase::kTimeout:
      world_->FallSilent();
      EXPECT_EQ(Failure(all), ErrorCode::kTimedOut);
      EXPECT_EQ(Failure(all, Context::WithTimeout(std::chrono::milliseconds(200))), ErrorCode::kTimedOut);
      break;
    case SearchCase::kTruncated: {
      world_->CutOff();
      const std::optional<ErrorCode> failure = Failure(all);
      EXPECT_TRUE(failure == ErrorCode::kProtocol || failure == ErrorCode::kUnavailable);
      break;
    }
    case SearchCase::kUnsupported:
      ASSERT_NE(world_->Unsupported(), std::nullopt);
      EXPECT_EQ(Failure(*world_->Unsupported()), ErrorCode::kUnsupported);
      break;
    case SearchCase::kCancelled: {
      world_->FallSilent();
      std::stop_source stop;
      const std::jthread canceller([&stop] {
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        stop.request_stop();
      });
      EXPECT_EQ(Failure(all, Context{stop.get_token()}), ErrorCode::kCancelled);
      break;
    }
    case SearchCase::kRecovers:
      world_->CutOff();
      EXPECT_NE(Failure(all), std::nullopt);
      world_->Recover();
      EXPECT_EQ(Find(all), Content(Level::kStudy));
      break;
  }
}

}  // namespace trolley

#endif  // TROLLEY_TESTS_SEARCH_SEARCHER_CONTRACT_H_
