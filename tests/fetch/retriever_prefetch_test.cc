#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <numeric>
#include <random>
#include <thread>
#include <vector>

#include "fetch/retriever_fixture.h"

namespace trolley {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

class RetrieverPrefetchTest : public RetrieverFixture {
 protected:
  void ExpectEachAskedForOnce(size_t from) {
    for (size_t i = from; i < kSize; ++i) {
      EXPECT_EQ(archive_->Requested(At(i)), 1U) << i;
    }
  }
  // Instance 1 is opened and does not come before the gate is opened; 0 is read: so whoever does that reads on.
  std::future<bool> ReadWhileTheSecondWaits() {
    archive_->single = [this](const InstanceReference& instance, DownloadSink& sink, const Context& context) {
      if (instance == At(1)) {
        gate_.Wait(context);
      }
      SeriesArchive::Send(instance, sink);
    };
    auto reader = std::async(std::launch::async, [this] { return IsRight(At(1)); });
    EXPECT_TRUE(gate_.Reached());
    EXPECT_TRUE(IsRight(At(0)));
    return reader;
  }
};

TEST_F(RetrieverPrefetchTest, AnOpenElsewhereGoesBeforeWhatIsPrefetched) {
  options_.concurrency = 2;
  archive_->bulk = [this](auto instances, DownloadSink& sink, const Context& context) {
    SeriesArchive::SendWithGate(instances, sink, context, 2, gate_);
  };
  BeginReading();
  ASSERT_TRUE(gate_.Reached());
  EXPECT_TRUE(IsRight(At(0, "1.2.4")));
  gate_.Open();
}

TEST_F(RetrieverPrefetchTest, TheOnlyConnectionIsGivenToWhoOpensElsewhere) {
  options_.concurrency = 1;
  options_.idle_stop = 20s;
  archive_->bulk = [this](auto instances, DownloadSink& sink, const Context& context) {
    SeriesArchive::SendWithGate(instances, sink, context, 9, gate_);
  };
  BeginReading();
  ASSERT_TRUE(gate_.Reached());
  EXPECT_TRUE(IsRight(At(0, "1.2.4")));
  EXPECT_TRUE(gate_.Stopped());
}

TEST_F(RetrieverPrefetchTest, WaitsWithWhatNobodyReads) {
  options_.max_prefetched_bytes = 5 * Content(At(0)).size();
  options_.idle_stop = 20s;
  std::atomic<size_t> sent{0};
  const Ending ending{retriever_};
  archive_->bulk = [&](auto instances, DownloadSink& sink, const Context&) {
    for (const InstanceReference& instance : instances) {
      SeriesArchive::Send(instance, sink);
      ++sent;
    }
  };
  BeginReading();
  ASSERT_TRUE(WaitUntilCached(At(6)));
  EXPECT_LE(retriever().Status().prefetched, 6U);
  for (size_t i = 2; i < kSize; ++i) {
    EXPECT_TRUE(IsRight(At(i)));
    EXPECT_LE(sent, i + 6);
  }
}

TEST_F(RetrieverPrefetchTest, FetchesListsWhereTheArchiveTakesThem) {
  archive_->kind = Capabilities::Batching::kList;
  BeginReading();
  ASSERT_TRUE(WaitUntilAllIsCached());
  EXPECT_EQ(BulkRequests(), 2U);
  ExpectEachAskedForOnce(2);
}

// Over several associations at once, each instance over one of them.
TEST_F(RetrieverPrefetchTest, SharesListsOutEvenlyWhereThatPays) {
  archive_->kind = Capabilities::Batching::kList;
  archive_->shares = true;
  options_.concurrency = 4;
  Gate gate;
  archive_->bulk = [&](auto instances, DownloadSink& sink, const Context& context) {
    gate.Wait(context);
    SeriesArchive::SendAll(instances, sink, context);
  };
  const Ending ending{retriever_};
  BeginReading();
  constexpr size_t kShares = 3;  // one connection is left for who opens something
  ASSERT_TRUE(archive_->WaitForLists(2 + kShares));
  gate.Open();
  ASSERT_TRUE(WaitUntilAllIsCached());
  std::vector<size_t> shares = archive_->Lists();
  std::erase(shares, 1U);
  ASSERT_EQ(shares.size(), kShares);
  EXPECT_LE(*std::max_element(shares.begin(), shares.end()), *std::min_element(shares.begin(), shares.end()) + 1);
  ExpectEachAskedForOnce(2);
}

TEST_F(RetrieverPrefetchTest, PrefetchesOneByOneWhereTheArchiveHasNothingBetter) {
  archive_->kind = Capabilities::Batching::kOneByOne;
  BeginReading();
  ASSERT_TRUE(WaitUntilAllIsCached());
  EXPECT_EQ(BulkRequests(), 0U);
  ExpectEachAskedForOnce(0);
}

// What was opened is on its way, and nothing else is left to do.
TEST_F(RetrieverPrefetchTest, NobodyIsBusyWhileAnInstanceIsWaitedFor) {
  archive_->kind = Capabilities::Batching::kOneByOne;
  auto reader = ReadWhileTheSecondWaits();
  for (size_t i = 2; i < kSize; ++i) {
    ASSERT_TRUE(WaitUntilCached(At(i)));
  }
  const size_t before = archive_->plans;
  std::this_thread::sleep_for(300ms);
  EXPECT_LT(archive_->plans - before, 2000U) << "one or two each 2 ms";
  gate_.Open();
  EXPECT_TRUE(reader.get());
}

TEST_F(RetrieverPrefetchTest, NoListAsksForWhatIsOnItsWay) {
  archive_->kind = Capabilities::Batching::kList;
  auto reader = ReadWhileTheSecondWaits();
  ASSERT_TRUE(WaitUntilCached(At(kSize - 1)));
  EXPECT_EQ(archive_->Requested(At(1)), 1U);
  gate_.Open();
  EXPECT_TRUE(reader.get());
  EXPECT_EQ(archive_->Requested(At(1)), 1U);
}

TEST_F(RetrieverPrefetchTest, OnAHighLatencyLinkTheOtherEndIsRequestedBesideTheStream) {
  archive_->single = [](const InstanceReference& instance, DownloadSink& sink, const Context&) {
    std::this_thread::sleep_for(15ms);
    SeriesArchive::Send(instance, sink);
  };
  std::atomic<size_t> streamed{0};
  archive_->bulk = [&](auto instances, DownloadSink& sink, const Context&) {
    for (const InstanceReference& instance : instances) {
      std::this_thread::sleep_for(10ms);
      SeriesArchive::Send(instance, sink);
      ++streamed;
    }
  };
  BeginReading();
  ASSERT_TRUE(WaitUntilAllIsCached());
  EXPECT_LT(streamed, kSize - 10) << "the stream went on in vain";
  for (size_t i = 2; i < kSize; ++i) {
    EXPECT_LE(archive_->Requested(At(i)), 2U);
  }
}

TEST_F(RetrieverPrefetchTest, OnAHighLatencyLinkAsManyAreRequestedAtATimeAsPay) {
  archive_->kind = Capabilities::Batching::kOneByOne;
  options_.concurrency = 3;
  options_.max_concurrency = 12;
  archive_->way = 1s;  // a request takes no longer than that, however busy this machine is
  std::atomic<int> running{0};
  std::atomic<int> most{0};
  archive_->single = [&](const InstanceReference& instance, DownloadSink& sink, const Context&) {
    most = std::max<int>(most, ++running);
    std::this_thread::sleep_for(15ms);
    SeriesArchive::Send(instance, sink);
    --running;
  };
  const Ending ending{retriever_};
  BeginReading();
  ASSERT_TRUE(WaitUntilAllIsCached());
  EXPECT_GT(most, 3);
  EXPECT_LE(most, 12);
}

// Also not when the archive takes its time, several series are read, and others are opened meanwhile.
TEST_F(RetrieverPrefetchTest, NearbyMoreRequestsAtATimeAreNotMade) {
  archive_->kind = Capabilities::Batching::kOneByOne;
  archive_->way = 1ms;
  options_.concurrency = 3;
  options_.max_concurrency = 12;
  std::atomic<int> running{0};
  std::atomic<int> most{0};
  archive_->single = [&](const InstanceReference& instance, DownloadSink& sink, const Context&) {
    most = std::max<int>(most, ++running);
    std::this_thread::sleep_for(10ms);
    SeriesArchive::Send(instance, sink);
    --running;
  };
  const Ending ending{retriever_};
  for (const char* const series : {"1.2.3", "1.2.4"}) {
    EXPECT_TRUE(IsRight(At(0, series)));
    EXPECT_TRUE(IsRight(At(1, series)));
  }
  std::vector<std::future<bool>> others;
  for (size_t i = 0; i < 6; ++i) {
    others.push_back(std::async(std::launch::async, [this, i] { return IsRight(At(i, "1.2.5")); }));
  }
  for (auto& right : others) {
    EXPECT_TRUE(right.get());
  }
  ASSERT_TRUE(WaitUntilCached(At(kSize - 1)));
  EXPECT_LE(most, 3);
}

TEST_F(RetrieverPrefetchTest, AFailedPrefetchIsNotRepeatedAgainAndAgain) {
  archive_->kind = Capabilities::Batching::kOneByOne;
  std::atomic<int> failed{0};
  const Ending ending{retriever_};
  archive_->single = [&](const InstanceReference& instance, DownloadSink& sink, const Context&) {
    if (instance == At(5)) {
      ++failed;
      throw Error(ErrorCode::kUnavailable, "the server replied 500");
    }
    SeriesArchive::Send(instance, sink);
  };
  BeginReading();
  for (size_t i = 0; i < kSize; ++i) {
    ASSERT_TRUE(i == 5 || WaitUntilCached(At(i)));
  }
  BeginReading();
  EXPECT_LE(failed, 1);
  EXPECT_THROW(Open(At(5)), Error);
}

TEST_F(RetrieverPrefetchTest, ManyReadersInAnyOrder) {
  retriever();
  std::vector<std::future<bool>> readers;
  for (unsigned seed = 0; seed < 6; ++seed) {
    readers.push_back(std::async(std::launch::async, [this, seed] {
      std::vector<size_t> order(kSize);
      std::iota(order.begin(), order.end(), size_t{0});
      if (seed > 2) {
        std::shuffle(order.begin(), order.end(), std::mt19937(seed));
      }
      return std::all_of(order.begin(), order.end(), [this](size_t index) { return IsRight(At(index)); });
    }));
  }
  for (auto& reader : readers) {
    EXPECT_TRUE(reader.get());
  }
}

TEST_F(RetrieverPrefetchTest, FetchesTogetherWhatIsExpected) {
  std::vector<Uid> instances;
  for (size_t i = 0; i < kSize; ++i) {
    instances.push_back(At(i).instance);
  }
  retriever().Expect(At(0).series_reference(), instances);
  ASSERT_TRUE(WaitUntilAllIsCached());
  EXPECT_THAT(archive_->Lists(), ElementsAre(kSize));
}

TEST_F(RetrieverPrefetchTest, PrefetchesNothingWhenTheDiskIsFull) {
  min_free_ = uint64_t{1} << 60;
  for (size_t i = 0; i < kSize; ++i) {
    EXPECT_TRUE(IsRight(At(i)));
  }
  EXPECT_EQ(retriever().Status().prefetched, 0U);
}

TEST_F(RetrieverPrefetchTest, EndsWhileABulkFetchRuns) {
  archive_->bulk = [this](auto instances, DownloadSink& sink, const Context& context) {
    SeriesArchive::SendWithGate(instances, sink, context, 5, gate_);
  };
  BeginReading();
  ASSERT_TRUE(gate_.Reached());
}

}  // namespace
}  // namespace trolley
