#include "fetch/access_pattern.h"

#include <gtest/gtest.h>

#include <random>

namespace trolley {
namespace {

using namespace std::chrono_literals;

TEST(AccessPatternTest, WantsTheRestWhenNeighboursAreOpened) {
  AccessPattern forward(300);
  forward.NoteOpen(7);
  EXPECT_FALSE(forward.IsSequential());
  forward.NoteOpen(7);
  EXPECT_FALSE(forward.IsSequential());
  forward.NoteOpen(8);
  EXPECT_TRUE(forward.IsSequential());
  AccessPattern backward(300);
  backward.NoteOpen(299);
  backward.NoteOpen(298);
  EXPECT_TRUE(backward.IsSequential());
}

TEST(AccessPatternTest, AfterAJumpWantsMoreEvidence) {
  AccessPattern viewer(300);
  for (const size_t index : {0u, 150u, 299u, 150u, 10u, 11u, 12u}) {
    viewer.NoteOpen(index);
    EXPECT_FALSE(viewer.IsSequential()) << index;
  }
  viewer.NoteOpen(13);
  EXPECT_TRUE(viewer.IsSequential());
}

TEST(AccessPatternTest, SeesReadersThatTakeTurns) {
  AccessPattern pattern(300);
  for (const size_t index : {0u, 100u, 200u, 1u, 101u}) {
    pattern.NoteOpen(index);
  }
  EXPECT_FALSE(pattern.IsSequential());
  pattern.NoteOpen(201);
  EXPECT_TRUE(pattern.IsSequential());
}

TEST(AccessPatternTest, RandomOpensHardlyEverWantTheRest) {
  int wanted = 0;
  for (unsigned seed = 0; seed < 100; ++seed) {
    std::mt19937 random(seed);
    AccessPattern pattern(300);
    for (int i = 0; i < 40; ++i) {
      pattern.NoteOpen(random() % 300);
    }
    wanted += pattern.IsSequential() ? 1 : 0;
  }
  EXPECT_LE(wanted, 3);
}

TEST(ArrivalEstimatorTest, IsWorthWaitingForWhatComesSoon) {
  const auto start = Clock::now();
  ArrivalEstimator arrivals;
  arrivals.Restart(start);
  EXPECT_TRUE(arrivals.ArrivesSoon(50, 3ms, 5ms, 100, start));
  EXPECT_FALSE(arrivals.ArrivesSoon(50, 11ms, 5ms, 100, start));
  for (int i = 0; i < 10; ++i) {
    arrivals.NoteArrival(static_cast<size_t>(i), start + i * 10ms);
  }
  const auto now = start + 90ms;
  EXPECT_EQ(arrivals.interval(), 10ms);
  EXPECT_TRUE(arrivals.ArrivesSoon(10, 1ms, 5ms, 100, now));
  EXPECT_FALSE(arrivals.ArrivesSoon(90, 1ms, 5ms, 100, now)) << "it comes in 800 ms";
  EXPECT_TRUE(arrivals.ArrivesSoon(90, 1ms, 500ms, 100, now));
  EXPECT_FALSE(arrivals.ArrivesSoon(10, 1ms, 5ms, 100, now + 1s)) << "nothing comes any more";
}

TEST(ArrivalEstimatorTest, KnowsNothingOfAnArchiveThatSendsInAnyOrder) {
  const auto start = Clock::now();
  ArrivalEstimator arrivals;
  arrivals.Restart(start);
  for (int i = 0; i < 10; ++i) {
    arrivals.NoteArrival(static_cast<size_t>(100 - i), start + i * 1ms);
  }
  EXPECT_FALSE(arrivals.ArrivesSoon(101, 1ms, 5ms, 90, start + 9ms));
  EXPECT_TRUE(arrivals.ArrivesSoon(101, 1ms, 50ms, 90, start + 9ms));
}

TEST(ArrivalEstimatorTest, WaitsForWhatAnArchiveSendsRoughlyInOrder) {
  const auto start = Clock::now();
  ArrivalEstimator arrivals;
  arrivals.Restart(start);
  for (size_t i = 0; i < 40; ++i) {
    arrivals.NoteArrival((i / 4) * 4 + (3 - i % 4), start + static_cast<int>(i) * 10ms);  // 3 2 1 0 7 6 5 4 ...
  }
  const auto now = start + 390ms;
  EXPECT_TRUE(arrivals.ArrivesSoon(38, 100ms, 5ms, 100, now)) << "it is about to come";
  EXPECT_TRUE(arrivals.ArrivesSoon(43, 100ms, 5ms, 100, now));
  EXPECT_FALSE(arrivals.ArrivesSoon(5, 100ms, 5ms, 100, now)) << "it was passed over";
  EXPECT_FALSE(arrivals.ArrivesSoon(95, 1ms, 5ms, 100, now)) << "it comes in half a second";
}

TEST(ArrivalEstimatorTest, SequentialReadersWaitForArrivalsInAnyOrder) {
  const auto start = Clock::now();
  ArrivalEstimator arrivals;
  arrivals.Restart(start);
  for (int i = 0; i < 10; ++i) {
    arrivals.NoteArrival(static_cast<size_t>(100 - i), start + i * 1ms);
  }
  EXPECT_TRUE(arrivals.ArrivesSoon(101, 1ms, 5ms, 90, start + 9ms, true));
  EXPECT_FALSE(arrivals.ArrivesSoon(101, 1ms, 5ms, 90000, start + 9ms, true)) << "it may take a minute and a half";
  EXPECT_FALSE(arrivals.ArrivesSoon(101, 1ms, 5ms, 90, start + 2s, true)) << "nothing comes any more";
}

TEST(ArrivalEstimatorTest, SeesThatEachIsWaitedFor) {
  auto now = Clock::now();
  ArrivalEstimator arrivals;
  arrivals.Restart(now);
  for (size_t i = 0; i < 10; ++i) {
    arrivals.NoteArrival(i, now += 20ms);
    arrivals.NoteEnd(now += 1ms);
  }
  EXPECT_TRUE(arrivals.IsSlowToBegin());
}

}  // namespace
}  // namespace trolley
