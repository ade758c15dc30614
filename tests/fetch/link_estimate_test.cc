#include "fetch/link_estimate.h"

#include <gtest/gtest.h>

namespace trolley {
namespace {

using namespace std::chrono_literals;

constexpr size_t kFew = 7;
constexpr size_t kMost = 31;
constexpr uint64_t kSlice = 525000;

class LinkEstimateTest : public testing::Test {
 protected:
  void Requests(int count, Clock::duration latency, Clock::duration took, size_t concurrency = kMost) {
    for (int i = 0; i < count; ++i) {
      link_.NoteRequest(latency, took, kSlice, concurrency);
    }
  }
  LinkEstimate link_{kFew, kMost};
};

TEST_F(LinkEstimateTest, IsNotHighLatencyBeforeItIsMeasured) {
  EXPECT_FALSE(link_.IsHighLatency());
  EXPECT_EQ(link_.concurrency(), kFew);
  EXPECT_EQ(link_.latency(), Clock::duration::zero());
}

TEST_F(LinkEstimateTest, NearbyAFewConcurrentRequestsAreEnough) {
  Requests(100, 2ms, 4ms);
  EXPECT_FALSE(link_.IsHighLatency());
  EXPECT_EQ(link_.concurrency(), kFew);
}

TEST_F(LinkEstimateTest, OnAHighLatencyLinkMorePayWhileTheyDoNotSlowEachOtherDown) {
  Requests(5, 20ms, 60ms);
  EXPECT_TRUE(link_.IsHighLatency());
  EXPECT_EQ(link_.concurrency(), kFew + 5);
  Requests(100, 20ms, 60ms);
  EXPECT_EQ(link_.concurrency(), kMost);
  Requests(10, 20ms, 2s);
  EXPECT_EQ(link_.concurrency(), kMost - 10);
  Requests(100, 20ms, 2s);
  EXPECT_EQ(link_.concurrency(), kFew);
}

// A server with four at work at the same time: the more are asked, the longer each waits.
TEST_F(LinkEstimateTest, AServerThatIsBusyGetsNoMoreRequests) {
  for (const bool measured : {false, true}) {
    LinkEstimate link(kFew, kMost);
    if (measured) {
      link.NoteRoundTrip(1ms);
    }
    for (int i = 0; i < 1000; ++i) {
      const auto waiting = std::max<int>(1, static_cast<int>(link.concurrency()) / 4) * 50ms;
      link.NoteRequest(waiting, waiting + 5ms, 5000, link.concurrency());
    }
    EXPECT_LE(link.concurrency(), measured ? kFew : 2 * kFew) << measured;
  }
}

TEST_F(LinkEstimateTest, ASingleRequestSaysNothingAboutMany) {
  Requests(100, 20ms, 60ms, 1);
  EXPECT_EQ(link_.concurrency(), kFew);
}

TEST_F(LinkEstimateTest, ABusyMachineIsNotAHighLatencyLink) {
  Requests(1, 2ms, 4ms);
  Requests(5, 20ms, 60ms);
  EXPECT_FALSE(link_.IsHighLatency());
}

TEST_F(LinkEstimateTest, IsSeenToBeShortAgain) {
  Requests(1, 40ms, 60ms);
  EXPECT_TRUE(link_.IsHighLatency());
  link_.NoteRoundTrip(1ms);
  EXPECT_FALSE(link_.IsHighLatency());
}

TEST_F(LinkEstimateTest, AStreamOfFewBigInstancesIsSlow) {
  EXPECT_FALSE(link_.StreamIsSlow(kSlice, 300)) << "not known to be long";
  link_.NoteRoundTrip(20ms);
  EXPECT_TRUE(link_.StreamIsSlow(kSlice, 300));
  EXPECT_FALSE(link_.StreamIsSlow(5000, 2000)) << "requests would bring few of them meanwhile";
  EXPECT_FALSE(link_.StreamIsSlow(0, 300));
}

}  // namespace
}  // namespace trolley
