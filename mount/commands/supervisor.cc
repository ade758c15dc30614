// The thread sleeps in poll() until a signal or Wake(). Duties run on it, under the mutex, so that SetDuties() can
// promise that the earlier ones have ended.
#include "mount/commands/supervisor.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <optional>
#include <utility>

#include "trolley/context.h"
#include "trolley/log.h"

namespace trolley {
namespace {

constexpr int kRepeatMilliseconds = 20;

}  // namespace

Supervisor::Supervisor(std::chrono::milliseconds patience) : patience_(patience) {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGINT);
  ::sigaddset(&set, SIGTERM);
  ::sigaddset(&set, SIGHUP);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a file-size limit is a full disk to the cache, not the end of the mount
  signals_.Reset(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  wake_.Reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  thread_ = std::thread([this] { Run(); });
}

Supervisor::~Supervisor() {
  {
    const MutexLock lock(mutex_);
    finished_ = true;
  }
  Wake();
  thread_.join();
}

void Supervisor::SetDuties(Duties duties) {
  const MutexLock lock(mutex_);
  duties_ = std::move(duties);
}

void Supervisor::BeginStop() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
  }
  Wake();
}

void Supervisor::Wake() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof one);
}

void Supervisor::HandleSignals() {
  signalfd_siginfo info{};
  while (::read(signals_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    if (info.ssi_signo == SIGHUP) {
      const MutexLock lock(mutex_);
      if (duties_.refresh) {
        duties_.refresh();
      }
      continue;
    }
    {
      const MutexLock lock(mutex_);
      stopping_ = true;
    }
    stop_.request_stop();
  }
}

void Supervisor::Run() {
  std::optional<Clock::time_point> deadline;
  while (true) {
    pollfd sources[] = {{signals_.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}};
    ::poll(sources, 2, deadline ? kRepeatMilliseconds : -1);
    uint64_t ignored = 0;
    [[maybe_unused]] const ssize_t length = ::read(wake_.get(), &ignored, sizeof ignored);
    HandleSignals();
    const MutexLock lock(mutex_);
    if (finished_) {
      return;
    }
    if (!stopping_) {
      continue;
    }
    if (!deadline) {
      deadline = Clock::now() + patience_;
    }
    if (duties_.end_loop) {
      duties_.end_loop();
    }
    if (Clock::now() >= *deadline) {
      LogError("Cannot end in time, something still waits; exiting");
      if (duties_.give_up) {
        duties_.give_up();
      }
      ::_exit(1);
    }
  }
}

}  // namespace trolley
