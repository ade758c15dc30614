#include "base/thread_pool.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <array>
#include <atomic>
#include <future>
#include <numeric>
#include <stdexcept>

namespace trolley {
namespace {

TEST(ThreadPoolTest, RunsEveryJobOnce) {
  std::vector<std::atomic<int>> runs(1000);
  {
    ThreadPool pool(4, "test");
    for (std::atomic<int>& run : runs) {
      pool.Submit([&run](const std::stop_token&) { ++run; });
    }
  }
  for (const std::atomic<int>& run : runs) {
    EXPECT_EQ(run, 1);
  }
}

TEST(ThreadPoolTest, OneThreadRunsJobsInOrderOfArrival) {
  std::vector<int> order;
  {
    ThreadPool pool(1, "test");
    for (int i = 0; i < 100; ++i) {
      pool.Submit([&order, i](const std::stop_token&) { order.push_back(i); });
    }
  }
  std::vector<int> expected(100);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(order, expected);
}

TEST(ThreadPoolTest, JobsRunAtTheSameTime) {
  // Each job waits for the other; with one thread this would never end.
  std::promise<void> first;
  std::promise<void> second;
  std::promise<void> done;
  ThreadPool pool(2, "test");
  pool.Submit([&](const std::stop_token&) {
    first.set_value();
    second.get_future().wait();
    done.set_value();
  });
  pool.Submit([&](const std::stop_token&) {
    first.get_future().wait();
    second.set_value();
  });
  EXPECT_EQ(done.get_future().wait_for(std::chrono::seconds(60)), std::future_status::ready);
}

TEST(ThreadPoolTest, DestructionStopsTheRunningJobAndShowsTheStopToTheQueuedOne) {
  std::atomic<bool> queued_saw_stop = false;
  std::promise<void> started;
  {
    ThreadPool pool(1, "test");
    pool.Submit([&](const std::stop_token& stop) {
      started.set_value();
      while (!stop.stop_requested()) {
        std::this_thread::yield();
      }
    });
    pool.Submit([&](const std::stop_token& stop) { queued_saw_stop = stop.stop_requested(); });
    started.get_future().wait();
  }
  EXPECT_TRUE(queued_saw_stop);
}

TEST(ThreadPoolTest, RequestStopDoesNotWait) {
  std::promise<void> started;
  std::promise<void> release;
  std::promise<bool> stopped;
  ThreadPool pool(1, "test");
  pool.Submit([&](const std::stop_token& stop) {
    started.set_value();
    release.get_future().wait();
    stopped.set_value(stop.stop_requested());
  });
  started.get_future().wait();
  pool.RequestStop();  // the job cannot end before the next line
  release.set_value();
  EXPECT_TRUE(stopped.get_future().get());
}

TEST(ThreadPoolTest, AJobMaySubmitAnotherWhileThePoolGoesAway) {
  std::atomic<bool> ran = false;
  {
    ThreadPool pool(1, "test");
    pool.Submit([&](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        std::this_thread::yield();
      }
      pool.Submit([&](const std::stop_token&) { ran = true; });
    });
  }
  EXPECT_TRUE(ran);
}

TEST(ThreadPoolTest, AJobThatThrowsDoesNotEndTheThread) {
  std::promise<void> ran;
  ThreadPool pool(1, "test");
  pool.Submit([](const std::stop_token&) { throw std::runtime_error("on purpose"); });
  pool.Submit([&](const std::stop_token&) { ran.set_value(); });
  EXPECT_EQ(ran.get_future().wait_for(std::chrono::seconds(60)), std::future_status::ready);
}

TEST(ThreadPoolTest, ThreadsCarryThePoolsNameCutToWhatTheKernelTakes) {
  std::promise<std::string> name;
  ThreadPool pool(1, "a-very-long-pool-name");
  pool.Submit([&](const std::stop_token&) {
    std::array<char, 16> text{};
    pthread_getname_np(pthread_self(), text.data(), text.size());
    name.set_value(text.data());
  });
  EXPECT_EQ(name.get_future().get(), "a-very-long-poo");
}

}  // namespace
}  // namespace trolley
