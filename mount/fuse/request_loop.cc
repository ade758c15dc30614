// The session's threads: who receives the kernel's next request, and who sleeps. Nothing here waits for the archive.
#include "mount/fuse/request_loop.h"

#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <system_error>
#include <thread>

#include "base/text.h"
#include "trolley/log.h"

namespace trolley {
namespace {

constexpr std::chrono::milliseconds kTick{
    1};                           // of the watcher; a leader that handles one request for longer is held up
constexpr int kQuietTicks = 100;  // with a sleeping leader, until the watcher sleeps as well
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
    LogWarning(StrCat("Requests of the kernel are handled by ", threads.size() + 1, " threads only: ", error.what()));
  }
  Work(0);
}

void RequestLoop::Stop() {
  {
    const MutexLock lock(mutex_);
    ended_ = true;
  }
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(stop_.get(), &one, sizeof one);
  free_.NotifyAll();
  watcher_.NotifyAll();
}

void RequestLoop::Work(unsigned worker) {
  MutexLock lock(mutex_);
  while (BecomeLeader(worker, lock)) {
    const uint64_t turn = turn_;
    lock.Unlock();
    Lead(worker, turn);
    lock.Lock();
  }
}

bool RequestLoop::BecomeLeader(unsigned worker, MutexLock& lock) {
  while (led_ && !ended_) {
    if (!watched_) {
      Watch(lock);
    } else {
      ++waiting_;
      free_.Wait(lock);
      --waiting_;
    }
  }
  if (ended_) {
    return false;
  }
  led_ = true;
  leader_ = worker;
  asleep_ = false;
  ++turn_;
  if (!watched_) {
    free_.NotifyOne();  // to become the watcher
  }
  return true;
}

void RequestLoop::Watch(MutexLock& lock) {
  watched_ = true;
  int quiet = 0;
  while (led_ && !ended_) {
    quiet = asleep_ ? quiet + 1 : 0;
    if (quiet > kQuietTicks) {
      watcher_sleeps_ = true;
      watcher_.Wait(lock, [this]() TROLLEY_REQUIRES(mutex_) { return ended_ || !led_ || !asleep_; });
      watcher_sleeps_ = false;
      continue;
    }
    watcher_.WaitFor(lock, kTick, [this]() TROLLEY_REQUIRES(mutex_) { return ended_ || !led_; });
    const Clock::rep since = busy_since_[leader_];
    if (since != 0 && Clock::now() - Clock::time_point(Clock::duration(since)) > kTick) {
      led_ = false;
    }
  }
  watched_ = false;
}

void RequestLoop::HandOver(uint64_t turn) {
  const MutexLock lock(mutex_);
  if (turn_ != turn) {
    return;  // the watcher took it
  }
  led_ = false;
  ++turn_;
  waiting_ > 0 ? free_.NotifyOne() : watcher_.NotifyOne();
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
    switch (source_.Receive(worker)) {
      case RequestSource::Received::kEnded:
        Stop();
        return;
      case RequestSource::Received::kNothing:
        break;  // another thread received it
      case RequestSource::Received::kLong:
        if (IsReadable(source_.fd())) {
          HandOver(turn);
          source_.Handle(worker);
          return;
        }
        [[fallthrough]];
      case RequestSource::Received::kShort: {
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
    const MutexLock lock(mutex_);
    if (!Leads(turn)) {
      return;
    }
    asleep_ = true;
  }
  pollfd sources[] = {{source_.fd(), POLLIN, 0}, {stop_.get(), POLLIN, 0}};
  ::poll(sources, 2, -1);
  const MutexLock lock(mutex_);
  asleep_ = false;  // the watcher never takes the lead from a sleeping leader
  if (watcher_sleeps_) {
    watcher_.NotifyOne();
  }
}

}  // namespace trolley
