#include "base/async_call.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "trolley/error.h"

namespace trolley {
namespace {

// Until it is told to stop.
int WaitForStop(const Context& context) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, context.stop, std::chrono::seconds(20), [] { return false; });
  context.Check("wait");
  return 0;
}

TEST(AsyncCallTest, GivesWhatTheQuestionGives) {
  const auto here = std::this_thread::get_id();
  AsyncCall<bool> elsewhere({}, [here](const Context&) { return std::this_thread::get_id() != here; });
  EXPECT_TRUE(elsewhere.Get());
  AsyncCall<int> failing({}, [](const Context&) -> int { throw Error(ErrorCode::kProtocol, "Cannot ask: no"); });
  EXPECT_THROW(failing.Get(), Error);
}

TEST(AsyncCallTest, IsStoppedWithItsOwnersContext) {
  std::stop_source stop;
  AsyncCall<int> waiting({stop.get_token(), Clock::time_point::max()}, WaitForStop);
  stop.request_stop();
  EXPECT_THROW(waiting.Get(), Error);
}

TEST(AsyncCallTest, IsStoppedWhenNobodyWantsTheAnswerAnyMore) {
  std::atomic<bool> stopped{false};
  {
    const AsyncCall<int> waiting({}, [&](const Context& context) {
      try {
        return WaitForStop(context);
      } catch (const Error&) {
        stopped = true;
        return 1;
      }
    });
  }
  EXPECT_TRUE(stopped);
}

}  // namespace
}  // namespace trolley
