#include "mount/fuse/request_loop.h"

#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <system_error>
#include <thread>

#include "base/log.h"
#include "base/text.h"

namespace trolley {
namespace {

constexpr std::chrono::milliseconds kTick{1};  // of the watcher; who takes longer over a request is held up
constexpr int kQuietTicks = 100;               // with a sleeping leader, until the watcher sleeps, too
constexpr Clock::duration kFirstSpin = std::chrono::microseconds(20);
constexpr Clock::duration kMaxSpin = std::chrono::microseconds(500);

bool IsReadable(int fd) {
  pollfd source{fd, POLLIN, 0};
  return ::poll(&source, 1, 0) > 0;
}

}  // namespace

RequestLoop::RequestLoop(RequestSource& source, unsigned workers)
    : source_(source),
      workers_(std::max(workers, 2U)),
      stop_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      busy_since_(workers_) {}

void RequestLoop::Run() {
  std::vector<std::jthread> threads;
  try {
    for (unsigned worker = 1; worker < workers_; ++worker) {
      threads.emplace_back([this, worker] { Work(worker); });
    }
  } catch (const std::system_error& error) {
    LogWarning(StrCat("The kernel is answered by ", threads.size() + 1, " threads only: ", error.what()));
  }
  Work(0);
}

void RequestLoop::Stop() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(stop_.get(), &one, sizeof one);
  free_.notify_all();
  watcher_.notify_all();
}

void RequestLoop::Work(unsigned worker) {
  Lock lock(mutex_);
  while (BecomeLeader(worker, lock)) {
    const uint64_t turn = turn_;
    lock.unlock();
    Lead(worker, turn);
    lock.lock();
  }
}

bool RequestLoop::BecomeLeader(unsigned worker, Lock& lock) {
  while (led_ && !over_) {
    if (!watched_) {
      Watch(lock);
    } else {
      ++waiting_;
      free_.wait(lock);
      --waiting_;
    }
  }
  if (over_) {
    return false;
  }
  led_ = true;
  leader_ = worker;
  asleep_ = false;
  ++turn_;
  if (!watched_) {
    free_.notify_one();  // to become the watcher
  }
  return true;
}

void RequestLoop::Watch(Lock& lock) {
  watched_ = true;
  int quiet = 0;
  while (led_ && !over_) {
    quiet = asleep_ ? quiet + 1 : 0;
    if (quiet > kQuietTicks) {
      dozing_ = true;
      watcher_.wait(lock, [this] { return over_ || !led_ || !asleep_; });
      dozing_ = false;
      continue;
    }
    watcher_.wait_for(lock, kTick, [this] { return over_ || !led_; });
    const Clock::rep since = busy_since_[leader_];
    if (since != 0 && Clock::now() - Clock::time_point(Clock::duration(since)) > kTick) {
      led_ = false;
    }
  }
  watched_ = false;
}

void RequestLoop::HandOver(uint64_t turn) {
  const std::lock_guard lock(mutex_);
  if (turn_ != turn) {
    return;  // it was taken
  }
  led_ = false;
  ++turn_;
  waiting_ > 0 ? free_.notify_one() : watcher_.notify_one();
}

void RequestLoop::Lead(unsigned worker, uint64_t turn) {
  Clock::time_point idle_since = Clock::now();
  bool slept = false;
  while (Leads(turn)) {
    if (!IsReadable(source_.fd())) {
      if ((Clock::now() - idle_since).count() < spin_) {
        ::sched_yield();
      } else {
        Sleep(turn);
        slept = true;
      }
      continue;
    }
    switch (source_.Take(worker)) {
      case RequestSource::Taken::kOver:
        Stop();
        return;
      case RequestSource::Taken::kNothing:
        break;  // somebody else took it
      case RequestSource::Taken::kLong:
        if (IsReadable(source_.fd())) {
          HandOver(turn);
          source_.Handle(worker);
          return;
        }
        [[fallthrough]];
      case RequestSource::Taken::kShort: {
        const Clock::time_point began = Clock::now();
        AdaptSpin(began - idle_since, slept);
        slept = false;
        busy_since_[worker] = began.time_since_epoch().count();
        source_.Handle(worker);
        busy_since_[worker] = 0;
        idle_since = Clock::now();
        break;
      }
    }
  }
}

void RequestLoop::AdaptSpin(Clock::duration gap, bool slept) {
  if (!slept) {
    return;
  }
  const Clock::duration spin(spin_);
  if (gap > kMaxSpin) {
    spin_ = spin > kFirstSpin ? (spin / 2).count() : 0;
  } else {
    spin_ = std::clamp<Clock::duration>(2 * spin, kFirstSpin, kMaxSpin).count();
  }
}

void RequestLoop::Sleep(uint64_t turn) {
  {
    const std::lock_guard lock(mutex_);
    if (!Leads(turn)) {
      return;
    }
    asleep_ = true;
  }
  pollfd sources[] = {{source_.fd(), POLLIN, 0}, {stop_.get(), POLLIN, 0}};
  ::poll(sources, 2, -1);
  const std::lock_guard lock(mutex_);
  asleep_ = false;  // nobody takes the lead from who sleeps
  if (dozing_) {
    watcher_.notify_one();
  }
}

}  // namespace trolley
