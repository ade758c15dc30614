// A thread waits for the signals, because a signal handler could not request a stop token.
#include "mount/commands/interruption.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>

namespace trolley {
namespace {

sigset_t HandledSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    sigaddset(&signals, signal);
  }
  return signals;
}

[[noreturn]] void Die(int signal) {
  std::signal(signal, SIG_DFL);
  sigset_t this_one;
  sigemptyset(&this_one);
  sigaddset(&this_one, signal);
  ::pthread_sigmask(SIG_UNBLOCK, &this_one, nullptr);
  ::raise(signal);
  ::_exit(128 + signal);
}

}  // namespace

Interruption::Interruption() : wake_(::eventfd(0, EFD_CLOEXEC)) {
  const sigset_t signals = HandledSignals();
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signals_.Reset(::signalfd(-1, &signals, SFD_CLOEXEC));
  thread_ = std::thread([this] { Run(); });
}

Interruption::~Interruption() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof one);
  thread_.join();
}

void Interruption::EndBySignal() {
  if (stop_.stop_requested()) {
    Die(signal_);
  }
}

void Interruption::Run() {
  pollfd waiting[] = {{signals_.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}};
  for (;;) {
    if (::poll(waiting, 2, -1) < 0) {
      continue;  // EINTR
    }
    if (waiting[1].revents != 0) {
      return;
    }
    signalfd_siginfo info{};
    if (::read(signals_.get(), &info, sizeof info) != sizeof info) {
      continue;
    }
    if (stop_.stop_requested()) {
      Die(static_cast<int>(info.ssi_signo));
    }
    signal_ = static_cast<int>(info.ssi_signo);
    stop_.request_stop();
  }
}

}  // namespace trolley
