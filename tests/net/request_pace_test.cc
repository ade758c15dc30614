#include "net/request_pace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"

namespace trolley {
namespace {

using std::chrono::milliseconds;

ErrorCode CodeOf(RequestPace& pace, const Context& context) {
  try {
    pace.Wait(context);
  } catch (const Error& error) {
    return error.code();
  }
  ADD_FAILURE() << "it did not throw";
  return ErrorCode::kUnavailable;
}

void UseUp(RequestPace& pace, int tokens) {
  for (int i = 0; i < tokens; ++i) {
    pace.Wait({});
  }
}

TEST(RequestPaceTest, OneSecondsRequestsGoAtOnceAndFurtherOnesWait) {
  RequestPace pace(10);
  const auto begin = Clock::now();
  UseUp(pace, 10);
  const auto burst = Clock::now() - begin;
  UseUp(pace, 5);
  EXPECT_GE(Clock::now() - begin, milliseconds(490));
  EXPECT_LT(burst, milliseconds(850));
}

TEST(RequestPaceTest, APauseSavesNoMoreThanOneSecondsRequests) {
  RequestPace pace(5);
  std::this_thread::sleep_for(milliseconds(1500));
  const auto begin = Clock::now();
  UseUp(pace, 8);
  EXPECT_GE(Clock::now() - begin, milliseconds(590));
}

TEST(RequestPaceTest, HoldsForAllThreadsTogether) {
  RequestPace pace(20);
  const auto begin = Clock::now();
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&pace] { UseUp(pace, 8); });
    }
  }
  EXPECT_GE(Clock::now() - begin, milliseconds(590));
}

TEST(RequestPaceTest, AWaitEndsWithItsDeadline) {
  RequestPace pace(1);
  UseUp(pace, 1);
  EXPECT_EQ(CodeOf(pace, Context::WithTimeout(milliseconds(50))), ErrorCode::kTimedOut);
}

TEST(RequestPaceTest, AWaitCanBeInterrupted) {
  RequestPace pace(1);
  UseUp(pace, 1);
  std::stop_source stop;
  const std::jthread interrupt([&stop] {
    std::this_thread::sleep_for(milliseconds(50));
    stop.request_stop();
  });
  EXPECT_EQ(CodeOf(pace, {stop.get_token()}), ErrorCode::kCancelled);
}

TEST(RequestPaceTest, WhoGivesUpTakesNobodysTurn) {
  RequestPace pace(1);
  UseUp(pace, 1);
  const auto begin = Clock::now();
  const std::jthread gives_up([&pace] { CodeOf(pace, Context::WithTimeout(milliseconds(100))); });
  std::this_thread::sleep_for(milliseconds(30));
  pace.Wait({});  // the first token is a second away
  EXPECT_LT(Clock::now() - begin, milliseconds(1900));
}

TEST(RequestPaceTest, WhoFetchesAheadComesAfterEverybodyElse) {
  RequestPace pace(1);
  UseUp(pace, 1);
  std::mutex mutex;
  std::vector<std::string> order;
  const auto wait = [&](const std::string& name, const Context& context) {
    pace.Wait(context);
    const std::lock_guard lock(mutex);
    order.push_back(name);
  };
  {
    Context fetching_ahead;
    fetching_ahead.ahead = true;
    const std::jthread ahead([&] { wait("ahead", fetching_ahead); });
    std::this_thread::sleep_for(milliseconds(100));
    const std::jthread demand([&] { wait("demand", {}); });
  }
  EXPECT_THAT(order, testing::ElementsAre("demand", "ahead"));
}

// Else it would never get its turn where somebody always asks for something.
TEST(RequestPaceTest, WhatIsFetchedAheadComesBeforeWhatWasAskedForASecondLater) {
  RequestPace pace(2);
  UseUp(pace, 2);
  std::mutex mutex;
  std::vector<std::string> order;
  const auto wait = [&](const std::string& name, const Context& context) {
    pace.Wait(context);
    const std::lock_guard lock(mutex);
    order.push_back(name);
  };
  {
    Context fetching_ahead;
    fetching_ahead.ahead = true;
    const std::jthread ahead([&] { wait("ahead", fetching_ahead); });
    std::vector<std::jthread> demand;
    const auto ask = [&](const std::string& name) { demand.emplace_back([&wait, name] { wait(name, {}); }); };
    ask("at once");
    ask("at once");
    ask("at once");
    std::this_thread::sleep_for(milliseconds(1400));
    ask("later");
    ask("later");
  }
  ASSERT_EQ(order.size(), 6U);
  EXPECT_NE(order.back(), "ahead");
}

}  // namespace
}  // namespace trolley
