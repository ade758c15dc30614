#include "fetch/access_pattern.h"

#include <gtest/gtest.h>

#include <random>

namespace trolley {
namespace {

using namespace std::chrono_literals;

TEST(AccessPatternTest, WantsTheRestWhenNeighboursAreOpened) {
  AccessPattern forward(300);
  forward.NoteOpen(7);
  EXPECT_FALSE(forward.WantsRest());
  forward.NoteOpen(7);
  EXPECT_FALSE(forward.WantsRest());
  forward.NoteOpen(8);
  EXPECT_TRUE(forward.WantsRest());
  AccessPattern backward(300);
  backward.NoteOpen(299);
  backward.NoteOpen(298);
  EXPECT_TRUE(backward.WantsRest());
}

TEST(AccessPatternTest, AfterAJumpWantsMoreEvidence) {
  AccessPattern viewer(300);
  for (const size_t index : {0u, 150u, 299u, 150u, 10u, 11u, 12u}) {
    viewer.NoteOpen(index);
    EXPECT_FALSE(viewer.WantsRest()) << index;
  }
  viewer.NoteOpen(13);
  EXPECT_TRUE(viewer.WantsRest());
}

TEST(AccessPatternTest, SeesReadersThatTakeTurns) {
  AccessPattern pattern(300);
  for (const size_t index : {0u, 100u, 200u, 1u, 101u}) {
    pattern.NoteOpen(index);
  }
  EXPECT_FALSE(pattern.WantsRest());
  pattern.NoteOpen(201);
  EXPECT_TRUE(pattern.WantsRest());
}

TEST(AccessPatternTest, RandomOpensHardlyEverWantTheRest) {
  int wanted = 0;
  for (unsigned seed = 0; seed < 100; ++seed) {
    std::mt19937 random(seed);
    AccessPattern pattern(300);
    for (int i = 0; i < 40; ++i) {
      pattern.NoteOpen(random() % 300);
    }
    wanted += pattern.WantsRest() ? 1 : 0;
  }
  EXPECT_LE(wanted, 3);
}

TEST(StreamPaceTest, IsWorthWaitingForWhatComesSoon) {
  const auto start = Clock::now();
  ArrivalEstimator pace;
  pace.Restart(start);
  EXPECT_TRUE(pace.WorthWaiting(50, 3ms, 5ms, 100, start));
  EXPECT_FALSE(pace.WorthWaiting(50, 11ms, 5ms, 100, start));
  for (int i = 0; i < 10; ++i) {
    pace.NoteArrival(static_cast<size_t>(i), start + i * 10ms);
  }
  const auto now = start + 90ms;
  EXPECT_EQ(pace.interval(), 10ms);
  EXPECT_TRUE(pace.WorthWaiting(10, 1ms, 5ms, 100, now));
  EXPECT_FALSE(pace.WorthWaiting(90, 1ms, 5ms, 100, now)) << "it comes in 800 ms";
  EXPECT_TRUE(pace.WorthWaiting(90, 1ms, 500ms, 100, now));
  EXPECT_FALSE(pace.WorthWaiting(10, 1ms, 5ms, 100, now + 1s)) << "nothing comes any more";
}

TEST(StreamPaceTest, KnowsNothingOfAnArchiveThatSendsInAnyOrder) {
  const auto start = Clock::now();
  ArrivalEstimator pace;
  pace.Restart(start);
  for (int i = 0; i < 10; ++i) {
    pace.NoteArrival(static_cast<size_t>(100 - i), start + i * 1ms);
  }
  EXPECT_FALSE(pace.WorthWaiting(101, 1ms, 5ms, 90, start + 9ms));
  EXPECT_TRUE(pace.WorthWaiting(101, 1ms, 50ms, 90, start + 9ms));
}

TEST(StreamPaceTest, WaitsForWhatAnArchiveSendsRoughlyInOrder) {
  const auto start = Clock::now();
  ArrivalEstimator pace;
  pace.Restart(start);
  for (size_t i = 0; i < 40; ++i) {
    pace.NoteArrival((i / 4) * 4 + (3 - i % 4), start + static_cast<int>(i) * 10ms);  // 3 2 1 0 7 6 5 4 ...
  }
  const auto now = start + 390ms;
  EXPECT_TRUE(pace.WorthWaiting(38, 100ms, 5ms, 100, now)) << "it is about to come";
  EXPECT_TRUE(pace.WorthWaiting(43, 100ms, 5ms, 100, now));
  EXPECT_FALSE(pace.WorthWaiting(5, 100ms, 5ms, 100, now)) << "it was passed over";
  EXPECT_FALSE(pace.WorthWaiting(95, 1ms, 5ms, 100, now)) << "it comes in half a second";
}

TEST(StreamPaceTest, WhoReadsOnWaitsForWhatComesInAnyOrder) {
  const auto start = Clock::now();
  ArrivalEstimator pace;
  pace.Restart(start);
  for (int i = 0; i < 10; ++i) {
    pace.NoteArrival(static_cast<size_t>(100 - i), start + i * 1ms);
  }
  EXPECT_TRUE(pace.WorthWaiting(101, 1ms, 5ms, 90, start + 9ms, true));
  EXPECT_FALSE(pace.WorthWaiting(101, 1ms, 5ms, 90000, start + 9ms, true)) << "it may take a minute and a half";
  EXPECT_FALSE(pace.WorthWaiting(101, 1ms, 5ms, 90, start + 2s, true)) << "nothing comes any more";
}

TEST(StreamPaceTest, SeesThatEachIsWaitedFor) {
  auto now = Clock::now();
  ArrivalEstimator pace;
  pace.Restart(now);
  for (size_t i = 0; i < 10; ++i) {
    pace.NoteArrival(i, now += 20ms);
    pace.NoteEnd(now += 1ms);
  }
  EXPECT_TRUE(pace.IsSlowToBegin());
}

}  // namespace
}  // namespace trolley
