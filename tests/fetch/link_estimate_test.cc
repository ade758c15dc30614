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
      way_.NoteRequest(latency, took, kSlice, concurrency);
    }
  }
  LinkEstimate way_{kFew, kMost};
};

TEST_F(LinkEstimateTest, IsNotTakenToBeLongBeforeItIsMeasured) {
  EXPECT_FALSE(way_.IsHighLatency());
  EXPECT_EQ(way_.parallel(), kFew);
  EXPECT_EQ(way_.latency(), Clock::duration::zero());
}

TEST_F(LinkEstimateTest, NearbyAFewRequestsAtATimePay) {
  Requests(100, 2ms, 4ms);
  EXPECT_FALSE(way_.IsHighLatency());
  EXPECT_EQ(way_.parallel(), kFew);
}

TEST_F(LinkEstimateTest, OverALongWayMorePayWhileTheyDoNotSlowEachOtherDown) {
  Requests(5, 20ms, 60ms);
  EXPECT_TRUE(way_.IsHighLatency());
  EXPECT_EQ(way_.parallel(), kFew + 5);
  Requests(100, 20ms, 60ms);
  EXPECT_EQ(way_.parallel(), kMost);
  Requests(10, 20ms, 2s);
  EXPECT_EQ(way_.parallel(), kMost - 10);
  Requests(100, 20ms, 2s);
  EXPECT_EQ(way_.parallel(), kFew);
}

// A server with four at work at a time: the more are asked, the longer each waits.
TEST_F(LinkEstimateTest, AServerThatIsBusyIsNotAskedForMoreAndMore) {
  for (const bool told : {false, true}) {
    LinkEstimate way(kFew, kMost);
    if (told) {
      way.NoteRoundTrip(1ms);
    }
    for (int i = 0; i < 1000; ++i) {
      const auto waiting = std::max<int>(1, static_cast<int>(way.parallel()) / 4) * 50ms;
      way.NoteRequest(waiting, waiting + 5ms, 5000, way.parallel());
    }
    EXPECT_LE(way.parallel(), told ? kFew : 2 * kFew) << told;
  }
}

TEST_F(LinkEstimateTest, ARequestAloneTellsNothingOfMany) {
  Requests(100, 20ms, 60ms, 1);
  EXPECT_EQ(way_.parallel(), kFew);
}

TEST_F(LinkEstimateTest, ABusyMachineIsNoLongWay) {
  Requests(1, 2ms, 4ms);
  Requests(5, 20ms, 60ms);
  EXPECT_FALSE(way_.IsHighLatency());
}

TEST_F(LinkEstimateTest, IsSeenToBeShortAgain) {
  Requests(1, 40ms, 60ms);
  EXPECT_TRUE(way_.IsHighLatency());
  way_.NoteRoundTrip(1ms);
  EXPECT_FALSE(way_.IsHighLatency());
}

TEST_F(LinkEstimateTest, AStreamOfFewBigInstancesIsSlow) {
  EXPECT_FALSE(way_.StreamIsSlow(kSlice, 300)) << "not known to be long";
  way_.NoteRoundTrip(20ms);
  EXPECT_TRUE(way_.StreamIsSlow(kSlice, 300));
  EXPECT_FALSE(way_.StreamIsSlow(5000, 2000)) << "requests would bring few of them meanwhile";
  EXPECT_FALSE(way_.StreamIsSlow(0, 300));
}

}  // namespace
}  // namespace trolley
