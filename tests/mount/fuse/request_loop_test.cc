#include "mount/fuse/request_loop.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <map>
#include <string>
#include <thread>

namespace trolley {
namespace {

constexpr unsigned kWorkers = 5;
constexpr std::chrono::seconds kPatience{60};

// Requests are messages of a socket: "short 1", "long 2". Those that `held` names are handled after Release().
class FakeSource : public RequestSource {
 public:
  FakeSource() {
    int ends[2];
    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends);
    ours_.Reset(ends[0]);
    theirs_.Reset(ends[1]);
  }
  void Ask(const std::string& request) const { ASSERT_GT(send(theirs_.get(), request.data(), request.size(), 0), 0); }
  void End() { theirs_.Reset(); }
  void Hold(const std::string& request) {
    const std::lock_guard lock(mutex_);
    held_[request] = true;
  }
  void Release() {
    const std::lock_guard lock(mutex_);
    held_.clear();
    changed_.notify_all();
  }
  // False after a long time.
  bool AwaitBegun(size_t count) { return Await(begun_, count); }
  bool AwaitHandled(size_t count) { return Await(handled_, count); }
  size_t handled() {
    const std::lock_guard lock(mutex_);
    return handled_;
  }
  size_t most_at_a_time() const { return most_; }

  int fd() const override { return ours_.get(); }
  Received Receive(unsigned worker) override {
    std::array<char, 64> message{};
    const ssize_t got = recv(ours_.get(), message.data(), message.size(), MSG_DONTWAIT);
    if (got <= 0) {
      return got == 0 ? Received::kEnded : Received::kNothing;
    }
    requests_.at(worker).assign(message.data(), static_cast<size_t>(got));
    return requests_[worker][0] == 'l' ? Received::kLong : Received::kShort;
  }
  void Handle(unsigned worker) override {
    const std::string request = std::exchange(requests_.at(worker), "");
    std::unique_lock lock(mutex_);
    EXPECT_NE(request, "");
    ++begun_;
    most_ = std::max(most_, begun_ - handled_);
    changed_.notify_all();
    EXPECT_TRUE(changed_.wait_for(lock, kPatience, [&] { return !held_.contains(request); }));
    ++handled_;
    changed_.notify_all();
  }

 private:
  bool Await(const size_t& counter, size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return counter >= count; });
  }

  UniqueFd ours_;
  UniqueFd theirs_;
  std::array<std::string, kWorkers> requests_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, bool> held_;
  size_t begun_ = 0;
  size_t handled_ = 0;
  size_t most_ = 0;
};

class RequestLoopTest : public testing::Test {
 protected:
  void Start() {
    runner_ = std::jthread([this] { loop_.Run(); });
  }
  // After this the watcher sleeps, too.
  static void BeQuiet() { std::this_thread::sleep_for(std::chrono::milliseconds(300)); }

  FakeSource source_;
  RequestLoop loop_{source_, kWorkers};
  std::jthread runner_;
};

TEST_F(RequestLoopTest, HandlesEachRequestOnce) {
  constexpr size_t kRequests = 20000;
  Start();
  for (size_t i = 0; i < kRequests; ++i) {
    source_.Ask((i % 7 == 0 ? "long " : "short ") + std::to_string(i));
  }
  EXPECT_TRUE(source_.AwaitHandled(kRequests));
  loop_.Stop();
  runner_.join();
  EXPECT_EQ(source_.handled(), kRequests);
}

TEST_F(RequestLoopTest, LongRequestsHoldUpNobody) {
  for (const char* request : {"long 1", "long 2", "long 3"}) {
    source_.Hold(request);
    source_.Ask(request);
  }
  Start();
  EXPECT_TRUE(source_.AwaitBegun(3));
  source_.Ask("short 4");
  source_.Ask("long 5");
  EXPECT_TRUE(source_.AwaitHandled(2));
  EXPECT_GE(source_.most_at_a_time(), 4U);
  source_.Release();
  EXPECT_TRUE(source_.AwaitHandled(5));
  loop_.Stop();
}

TEST_F(RequestLoopTest, AShortRequestThatTakesLongHoldsUpNobody) {
  Start();
  for (const bool quiet : {false, true}) {
    if (quiet) {
      BeQuiet();
    }
    const size_t before = source_.handled();
    for (const char* request : {"short 1", "short 2", "short 3", "short 4"}) {
      source_.Hold(request);
      source_.Ask(request);
    }
    source_.Ask("short 5");
    EXPECT_TRUE(source_.AwaitHandled(before + 1));
    source_.Release();
    EXPECT_TRUE(source_.AwaitHandled(before + 5));
  }
  loop_.Stop();
}

// All threads are held up; the first that is free goes on.
TEST_F(RequestLoopTest, GoesOnAfterAllWereHeldUp) {
  Start();
  for (unsigned i = 0; i < 2 * kWorkers; ++i) {
    const std::string request = (i % 2 == 0 ? "short " : "long ") + std::to_string(i);
    source_.Hold(request);
    source_.Ask(request);
  }
  EXPECT_TRUE(source_.AwaitBegun(kWorkers));
  source_.Release();
  EXPECT_TRUE(source_.AwaitHandled(2 * kWorkers));
  loop_.Stop();
}

TEST_F(RequestLoopTest, EndsWhenStoppedWhileItSleeps) {
  Start();
  source_.Ask("short");
  EXPECT_TRUE(source_.AwaitHandled(1));
  BeQuiet();
  loop_.Stop();
  runner_.join();
}

TEST_F(RequestLoopTest, EndsAtOnceWhenStoppedBefore) {
  loop_.Stop();
  loop_.Run();
}

TEST_F(RequestLoopTest, EndsWithItsSourceAfterTheLastReply) {
  source_.Hold("long");
  source_.Ask("long");
  Start();
  EXPECT_TRUE(source_.AwaitBegun(1));
  source_.End();
  source_.Release();
  runner_.join();
  EXPECT_EQ(source_.handled(), 1U);
}

}  // namespace
}  // namespace trolley
