#include "base/rate_limiter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "trolley/error.h"

namespace trolley {
namespace {

using std::chrono::milliseconds;

ErrorCode CodeOf(RateLimiter& pace, const Context& context) {
  try {
    pace.Wait(context);
  } catch (const Error& error) {
    return error.code();
  }
  ADD_FAILURE() << "it did not throw";
  return ErrorCode::kUnavailable;
}

void UseUp(RateLimiter& pace, int tokens) {
  for (int i = 0; i < tokens; ++i) {
    pace.Wait({});
  }
}

TEST(RateLimiterTest, OneSecondsRequestsGoAtOnceAndFurtherOnesWait) {
  RateLimiter pace(10);
  const auto begin = Clock::now();
  UseUp(pace, 10);
  const auto burst = Clock::now() - begin;
  UseUp(pace, 5);
  EXPECT_GE(Clock::now() - begin, milliseconds(490));
  EXPECT_LT(burst, milliseconds(850));
}

TEST(RateLimiterTest, APauseSavesNoMoreThanOneSecondsRequests) {
  RateLimiter pace(5);
  std::this_thread::sleep_for(milliseconds(1500));
  const auto begin = Clock::now();
  UseUp(pace, 8);
  EXPECT_GE(Clock::now() - begin, milliseconds(590));
}

TEST(RateLimiterTest, HoldsForAllThreadsTogether) {
  RateLimiter pace(20);
  const auto begin = Clock::now();
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&pace] { UseUp(pace, 8); });
    }
  }
  EXPECT_GE(Clock::now() - begin, milliseconds(590));
}

TEST(RateLimiterTest, AWaitEndsWithItsDeadline) {
  RateLimiter pace(1);
  UseUp(pace, 1);
  EXPECT_EQ(CodeOf(pace, Context::WithTimeout(milliseconds(50))), ErrorCode::kTimedOut);
}

TEST(RateLimiterTest, AWaitCanBeInterrupted) {
  RateLimiter pace(1);
  UseUp(pace, 1);
  std::stop_source stop;
  const std::jthread interrupt([&stop] {
    std::this_thread::sleep_for(milliseconds(50));
    stop.request_stop();
  });
  EXPECT_EQ(CodeOf(pace, {stop.get_token()}), ErrorCode::kCancelled);
}

TEST(RateLimiterTest, WhoGivesUpTakesNobodysTurn) {
  RateLimiter pace(1);
  UseUp(pace, 1);
  const auto begin = Clock::now();
  const std::jthread gives_up([&pace] { CodeOf(pace, Context::WithTimeout(milliseconds(100))); });
  std::this_thread::sleep_for(milliseconds(30));
  pace.Wait({});  // the first token is a second away
  EXPECT_LT(Clock::now() - begin, milliseconds(1900));
}

// Who got their turns, in order.
class Turns {
 public:
  explicit Turns(RateLimiter& pace) : pace_(pace) {}
  std::jthread Ask(const std::string& name, bool prefetch = false) {
    return std::jthread([this, name, prefetch] {
      Context context;
      context.priority = prefetch ? Priority::kPrefetch : Priority::kDemand;
      pace_.Wait(context);
      const std::lock_guard lock(mutex_);
      order_.push_back(name);
    });
  }
  const std::vector<std::string>& order() const { return order_; }  // when all have ended

 private:
  RateLimiter& pace_;
  std::mutex mutex_;
  std::vector<std::string> order_;
};

TEST(RateLimiterTest, WhoFetchesAheadComesAfterEverybodyElse) {
  RateLimiter pace(1);
  UseUp(pace, 1);
  Turns turns(pace);
  {
    const std::jthread prefetch = turns.Ask("prefetch", true);
    std::this_thread::sleep_for(milliseconds(100));
    const std::jthread demand = turns.Ask("demand");
  }
  EXPECT_THAT(turns.order(), testing::ElementsAre("demand", "prefetch"));
}

// Else it would never get its turn where somebody always asks for something.
TEST(RateLimiterTest, WhatIsFetchedAheadComesBeforeWhatWasAskedForASecondLater) {
  RateLimiter pace(2);
  UseUp(pace, 2);
  Turns turns(pace);
  {
    std::vector<std::jthread> asking;
    asking.push_back(turns.Ask("prefetch", true));
    for (int i = 0; i < 3; ++i) {
      asking.push_back(turns.Ask("at once"));
    }
    std::this_thread::sleep_for(milliseconds(1400));
    asking.push_back(turns.Ask("later"));
    asking.push_back(turns.Ask("later"));
  }
  ASSERT_EQ(turns.order().size(), 6U);
  EXPECT_NE(turns.order().back(), "prefetch");
}

}  // namespace
}  // namespace trolley
