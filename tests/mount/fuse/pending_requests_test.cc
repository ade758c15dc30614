#include "mount/fuse/pending_requests.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <future>
#include <map>
#include <set>

namespace trolley {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

// Stands for libfuse: requests are numbers dressed as pointers, replies are written down.
class FakeKernel {
 public:
  PendingRequests::KernelOps Kernel() {
    return {
        .reply_error = [this](fuse_req* request, int error) { Reply(request, error); },
        .watch =
            [this](fuse_req* request, uint64_t id) {
              std::function<void(uint64_t)> at_once;
              {
                const std::lock_guard lock(mutex_);
                ids_[request] = id;
                at_once = on_watch;
              }
              if (at_once) {
                at_once(id);
              }
            },
        .caller = [](fuse_req*) { return 77; },
        .has_ending_signal = [this](int caller) { return caller == 77 && ending_signal.load(); },
    };
  }

  fuse_req* NewRequest() { return reinterpret_cast<fuse_req*>(++last_ * 64); }
  void Reply(fuse_req* request, int error) {
    const std::lock_guard lock(mutex_);
    replies_.emplace(request, error);
    changed_.notify_all();
  }
  uint64_t IdOf(fuse_req* request) {
    const std::lock_guard lock(mutex_);
    return ids_.at(request);
  }
  std::vector<int> RepliesTo(fuse_req* request) {
    const std::lock_guard lock(mutex_);
    std::vector<int> errors;
    const auto [begin, end] = replies_.equal_range(request);
    for (auto it = begin; it != end; ++it) {
      errors.push_back(it->second);
    }
    return errors;
  }
  // Waits for a reply; a generous limit against hanging.
  std::vector<int> WaitForReply(fuse_req* request) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, seconds(60), [&] { return replies_.count(request) > 0; });
    lock.unlock();
    return RepliesTo(request);
  }

  std::atomic<bool> ending_signal{true};
  std::function<void(uint64_t)> on_watch;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<fuse_req*, uint64_t> ids_;
  std::multimap<fuse_req*, int> replies_;
  std::atomic<uintptr_t> last_{0};
};

class PendingRequestsTest : public testing::Test {
 protected:
  PendingRequests::Pointer Add(fuse_req* request) { return pending_.Add(request, Clock::now() + hours(1)); }
  bool Complete(const PendingRequests::Pointer& pending) {
    return pending_.Complete(pending, [&](fuse_req* request) { kernel_.Reply(request, 0); });
  }

  FakeKernel kernel_;
  fuse_req* const request_ = kernel_.NewRequest();
  PendingRequests pending_{kernel_.Kernel()};
};

using Errors = std::vector<int>;

TEST_F(PendingRequestsTest, RepliesOnCompletion) {
  const auto pending = Add(request_);
  ASSERT_TRUE(pending);
  EXPECT_TRUE(Complete(pending));
  EXPECT_EQ(kernel_.RepliesTo(request_), Errors{0});
  EXPECT_FALSE(pending->stop.stop_requested());
  EXPECT_EQ(pending_.size(), 0u);
}

TEST_F(PendingRequestsTest, RepliesOnceOnly) {
  const auto pending = Add(request_);
  EXPECT_TRUE(Complete(pending));
  EXPECT_FALSE(Complete(pending));
  pending_.Interrupt(pending->id);
  pending_.FailAll(EIO);
  EXPECT_EQ(kernel_.RepliesTo(request_), Errors{0});
}

TEST_F(PendingRequestsTest, AnInterruptionIsTheReplyAndStopsTheWork) {
  const auto pending = Add(request_);
  pending_.Interrupt(kernel_.IdOf(request_));
  EXPECT_EQ(kernel_.RepliesTo(request_), Errors{EINTR});
  EXPECT_TRUE(pending->stop.stop_requested());
  EXPECT_FALSE(Complete(pending));
  EXPECT_EQ(kernel_.RepliesTo(request_), Errors{EINTR});
}

TEST_F(PendingRequestsTest, IgnoresInterruptionsAfterTheReply) {
  const auto pending = Add(request_);
  Complete(pending);
  pending_.Interrupt(kernel_.IdOf(request_));
  pending_.Interrupt(12345);
  EXPECT_EQ(kernel_.RepliesTo(request_), Errors{0});
}

TEST_F(PendingRequestsTest, DoesNotReplyFromWithinTheRegistration) {
  // libfuse calls the handler from within fuse_req_interrupt_func() when the interruption came first, and uses the
  // request afterwards: a reply there would be a use after free.
  Errors during_watch;
  kernel_.on_watch = [&](uint64_t id) {
    pending_.Interrupt(id);
    during_watch = kernel_.RepliesTo(request_);
  };
  EXPECT_EQ(Add(request_), nullptr);
  EXPECT_EQ(during_watch, Errors{});
  EXPECT_EQ(kernel_.RepliesTo(request_), Errors{EINTR});
}

TEST_F(PendingRequestsTest, AHarmlessSignalDoesNotEndTheWait) {
  kernel_.ending_signal = false;
  const auto pending = Add(request_);
  pending_.Interrupt(pending->id);
  EXPECT_EQ(kernel_.RepliesTo(request_), Errors{});
  EXPECT_TRUE(Complete(pending));
  EXPECT_EQ(kernel_.RepliesTo(request_), Errors{0});
}

TEST_F(PendingRequestsTest, SeesADeadlySignalThatFollowsAHarmlessOne) {
  kernel_.ending_signal = false;
  const auto pending = Add(request_);
  pending_.Interrupt(pending->id);
  kernel_.ending_signal = true;  // the kernel does not report it: it has reported one already
  EXPECT_EQ(kernel_.WaitForReply(request_), Errors{EINTR});
}

TEST_F(PendingRequestsTest, TheDeadlineIsTheReply) {
  const auto pending = pending_.Add(request_, Clock::now() + milliseconds(5));
  EXPECT_EQ(kernel_.WaitForReply(request_), Errors{ETIMEDOUT});
  EXPECT_FALSE(pending && Complete(pending));
}

TEST_F(PendingRequestsTest, AnEarlierDeadlineThatComesLaterIsSeen) {
  Add(kernel_.NewRequest());
  pending_.Add(request_, Clock::now() + milliseconds(5));
  EXPECT_EQ(kernel_.WaitForReply(request_), Errors{ETIMEDOUT});
}

TEST_F(PendingRequestsTest, UnmountingRepliesToEverythingNowAndLater) {
  std::vector<fuse_req*> requests;
  for (int i = 0; i < 200; ++i) {
    requests.push_back(kernel_.NewRequest());
    ASSERT_TRUE(Add(requests.back()));
  }
  pending_.FailAll(ENOTCONN);
  for (fuse_req* request : requests) {
    EXPECT_EQ(kernel_.RepliesTo(request), Errors{ENOTCONN});
  }
  EXPECT_EQ(Add(request_), nullptr);
  EXPECT_EQ(kernel_.RepliesTo(request_), Errors{ENOTCONN});
}

TEST_F(PendingRequestsTest, UnmountingWaitsForAReplyThatIsUnderWay) {
  const auto pending = Add(request_);
  std::promise<void> replying;
  std::promise<void> go_on;
  auto completion = std::async(std::launch::async, [&] {
    pending_.Complete(pending, [&](fuse_req* request) {
      replying.set_value();
      go_on.get_future().wait();
      kernel_.Reply(request, 0);
    });
  });
  replying.get_future().wait();
  auto unmount = std::async(std::launch::async, [&] {
    pending_.FailAll(ENOTCONN);
    return kernel_.RepliesTo(request_);
  });
  go_on.set_value();
  EXPECT_EQ(unmount.get(), Errors{0});
  completion.get();
}

TEST_F(PendingRequestsTest, EachRequestGetsOneReplyWhoeverComesFirst) {
  constexpr int kRequests = 2000;
  std::vector<fuse_req*> requests;
  for (int i = 0; i < kRequests; ++i) {
    requests.push_back(kernel_.NewRequest());
  }
  std::vector<PendingRequests::Pointer> waiting(kRequests);
  std::atomic<int> added{0};
  const auto for_each_added = [&](const std::function<void(const PendingRequests::Pointer&)>& act) {
    for (int i = 0; i < kRequests; ++i) {
      while (added.load() <= i) {
        std::this_thread::yield();
      }
      if (waiting[static_cast<size_t>(i)]) {
        act(waiting[static_cast<size_t>(i)]);
      }
    }
  };
  std::thread completing([&] { for_each_added([&](const auto& pending) { Complete(pending); }); });
  std::thread interrupting([&] { for_each_added([&](const auto& pending) { pending_.Interrupt(pending->id); }); });
  for (int i = 0; i < kRequests; ++i) {
    // Every third is overdue from the start.
    const auto deadline = Clock::now() + (i % 3 == 0 ? milliseconds(0) : milliseconds(hours(1)));
    waiting[static_cast<size_t>(i)] = pending_.Add(requests[static_cast<size_t>(i)], deadline);
    ++added;
  }
  completing.join();
  interrupting.join();
  for (fuse_req* request : requests) {
    EXPECT_EQ(kernel_.WaitForReply(request).size(), 1u);
  }
}

}  // namespace
}  // namespace trolley
