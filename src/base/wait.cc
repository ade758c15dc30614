#include "base/wait.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <functional>
#include <limits>
#include <stop_token>

#include "base/unique_fd.h"

namespace trolley {
namespace {

// Rounded up: a wait that ends a little early would be followed by one of no length.
int PollTime(Clock::duration left) {
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
  return static_cast<int>(std::clamp<int64_t>(ms, 0, std::numeric_limits<int>::max()));
}

}  // namespace

Waited WaitFor(int fd, short events, const Context& context, Clock::duration patience) {
  if (context.stop.stop_requested()) {
    return Waited::kCancelled;
  }
  const UniqueFd wake(context.stop.stop_possible() ? eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) : -1);
  const std::stop_callback on_stop(context.stop, [&wake] {
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = write(wake.get(), &one, sizeof(one));
  });
  const Clock::time_point begin = Clock::now();
  const bool far = patience >= Clock::time_point::max() - begin;
  const Clock::time_point patient_until = far ? Clock::time_point::max() : begin + patience;
  const Clock::time_point end = std::min(patient_until, context.deadline);
  std::array<pollfd, 2> fds = {pollfd{fd, events, 0}, pollfd{wake.get(), POLLIN, 0}};
  for (;;) {
    const int time = end == Clock::time_point::max() ? -1 : PollTime(end - Clock::now());
    const int count = poll(fds.data(), fds.size(), time);
    if (context.stop.stop_requested()) {
      return Waited::kCancelled;
    }
    if (count > 0 && fds[0].revents != 0) {
      return Waited::kReady;
    }
    if (count < 0 && errno != EINTR) {
      return Waited::kReady;  // what is wrong shows when the descriptor is used
    }
    if (end != Clock::time_point::max() && Clock::now() >= end) {
      return context.deadline <= patient_until ? Waited::kDeadline : Waited::kNothing;
    }
  }
}

}  // namespace trolley
