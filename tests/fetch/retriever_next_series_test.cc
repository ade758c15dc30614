#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "fetch/retriever_fixture.h"

namespace trolley {
namespace {

using namespace std::chrono_literals;

// Series 1.2.1, 1.2.2, ... follow one another in the study.
class NextSeriesTest : public RetrieverFixture {
 protected:
  NextSeriesTest() {
    options_.following_series = [](const SeriesReference& series, size_t count) {
      std::vector<SeriesReference> following;
      const int number = std::stoi(series.series.str().substr(4));
      for (int i = 1; i <= static_cast<int>(count); ++i) {
        following.push_back({series.study, Uid("1.2." + std::to_string(number + i))});
      }
      return following;
    };
    options_.list_series = [this](const SeriesReference&, const Context&) { ++listed_; };
    options_.idle_stop = 20s;
  }
  void ReadThrough(const char* series) {
    for (size_t i = 0; i < kSize; ++i) {
      EXPECT_TRUE(IsRight(At(i, series))) << series << " " << i;
    }
  }
  bool Comes(const char* series) {
    for (size_t i = 0; i < kSize; ++i) {
      if (!WaitUntilCached(At(i, series))) {
        return false;
      }
    }
    return true;
  }
  std::atomic<int> listed_{0};
};

TEST_F(NextSeriesTest, AsManyArePrefetchedAsWereReadBefore) {
  ReadThrough("1.2.1");
  EXPECT_EQ(listed_, 0) << "one series may be all that somebody wants";
  ReadThrough("1.2.2");
  ASSERT_TRUE(Comes("1.2.3"));
  EXPECT_EQ(listed_, 1);
  EXPECT_EQ(archive_->Requested(At(0, "1.2.4")), 0U) << "one prefetch, not all";
  ReadThrough("1.2.3");
  EXPECT_TRUE(Comes("1.2.4"));
  EXPECT_TRUE(Comes("1.2.5"));
  EXPECT_EQ(archive_->Requested(At(0, "1.2.6")), 0U);
  EXPECT_EQ(archive_->Requested(At(20, "1.2.3")), 1U);
}

TEST_F(NextSeriesTest, NoMoreThanSixteenArePrefetched) {
  for (int i = 1; i <= 20; ++i) {
    ReadThrough(("1.2." + std::to_string(i)).c_str());
  }
  EXPECT_TRUE(Comes("1.2.36"));
  EXPECT_EQ(archive_->Requested(At(0, "1.2.37")), 0U);
}

TEST_F(NextSeriesTest, ThoseBehindAreFetchedWhileTheReaderWaitsForOne) {
  archive_->bulk = [&](SeriesArchive::Instances instances, DownloadSink& sink, const Context& context) {
    SeriesArchive::SendAll(instances.first(2), sink, context);
    if (instances.front().series == Uid("1.2.3")) {
      gate_.Wait(context);
    }
    SeriesArchive::SendAll(instances.subspan(2), sink, context);
  };
  ReadThrough("1.2.1");
  ReadThrough("1.2.2");
  ASSERT_TRUE(gate_.Reached());
  EXPECT_TRUE(IsRight(At(0, "1.2.3")));
  EXPECT_TRUE(IsRight(At(1, "1.2.3")));
  EXPECT_TRUE(Comes("1.2.4"));
  gate_.Open();
  ReadThrough("1.2.3");
}

TEST_F(NextSeriesTest, OfBigOnesOnlyTheBeginIsPrefetched) {
  for (const auto kind :
       {Capabilities::Batching::kSeries, Capabilities::Batching::kList, Capabilities::Batching::kOneByOne}) {
    const std::string first = "1.2." + std::to_string(100 * (static_cast<int>(kind) + 1));
    const std::string second = first.substr(0, first.size() - 1) + "1";
    const std::string third = first.substr(0, first.size() - 1) + "2";
    constexpr uint64_t kFew = 5;
    options_.max_prefetched_bytes = 16 * kFew * Content(At(0)).size();
    archive_->kind = kind;
    retriever_.reset();
    ReadThrough(first.c_str());
    ReadThrough(second.c_str());
    ASSERT_TRUE(WaitUntilCached(At(kFew - 1, third.c_str())));
    std::this_thread::sleep_for(300ms);
    EXPECT_FALSE(cache_->Contains("test", At(kFew + 10, third.c_str())));
    EXPECT_LT(archive_->Requested(At(kFew + 10, third.c_str())), 5U) << "again and again";
    ReadThrough(third.c_str());
  }
}

// They read two series, and look at single images of those that follow.
TEST_F(NextSeriesTest, LookingAtWhatFollowsFetchesNoMore) {
  ReadThrough("1.2.1");
  ReadThrough("1.2.2");
  ASSERT_TRUE(Comes("1.2.3"));
  EXPECT_TRUE(IsRight(At(20, "1.2.3")));
  std::this_thread::sleep_for(100ms);
  EXPECT_EQ(listed_, 1);
  EXPECT_EQ(archive_->Requested(At(0, "1.2.4")), 0U);
}

TEST_F(NextSeriesTest, WhatIsReadGoesBeforeWhatFollows) {
  options_.concurrency = 2;  // one prefetch
  archive_->bulk = [&](SeriesArchive::Instances instances, DownloadSink& sink, const Context& context) {
    SeriesArchive::Send(instances.front(), sink);
    if (instances.front().series == Uid("1.2.3")) {
      gate_.Wait(context);
    }
    SeriesArchive::SendAll(instances.subspan(1), sink, context);
  };
  ReadThrough("1.2.1");
  ReadThrough("1.2.2");
  ASSERT_TRUE(gate_.Reached());
  EXPECT_TRUE(IsRight(At(0, "1.2.9")));
  EXPECT_TRUE(IsRight(At(1, "1.2.9")));
  gate_.Open();
  EXPECT_TRUE(Comes("1.2.9"));
  EXPECT_TRUE(Comes("1.2.3"));
}

TEST_F(NextSeriesTest, EndsSoonWhenTheReaderGoesAway) {
  const Ending ending{retriever_};
  archive_->bulk = [&](SeriesArchive::Instances instances, DownloadSink& sink, const Context& context) {
    if (instances.front().series == Uid("1.2.3")) {
      SeriesArchive::Send(instances.front(), sink);
      gate_.Wait(context);
    }
    SeriesArchive::SendAll(instances, sink, context);
  };
  options_.idle_stop = 2s;
  ReadThrough("1.2.1");
  ReadThrough("1.2.2");
  ASSERT_TRUE(gate_.Reached());
  EXPECT_TRUE(gate_.Stopped());
}

TEST_F(NextSeriesTest, AFailedQueryFailsNoInstance) {
  options_.list_series = [this](const SeriesReference&, const Context&) {
    ++listed_;
    throw Error(ErrorCode::kUnavailable, "gone");
  };
  ReadThrough("1.2.1");
  ReadThrough("1.2.2");
  for (int i = 0; i < 20000 && listed_ == 0; ++i) {
    std::this_thread::sleep_for(1ms);
  }
  EXPECT_GE(listed_, 1);
  ReadThrough("1.2.3");
}

}  // namespace
}  // namespace trolley
