// What every searcher has to hold; each kind instantiates it in its own test.
#include "search/searcher_contract.h"

namespace trolley {

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
