#ifndef TROLLEY_MOUNT_COMMANDS_READINESS_H_
#define TROLLEY_MOUNT_COMMANDS_READINESS_H_

#include <functional>
#include <string>

#include "base/unique_fd.h"

namespace trolley {

// Reports from the process that serves the mount to the one that the user started: the mount is usable, or why not.
class Readiness {
 public:
  // In the foreground: no other process waits.
  Readiness() = default;
  explicit Readiness(UniqueFd pipe) : pipe_(std::move(pipe)) {}

  // Detaches from the terminal and the working directory. False: the other process has ended (Ctrl-C), and so must this
  // one.
  bool ReportReady();
  void ReportFailure(const std::string& message);

 private:
  UniqueFd pipe_;
};

// Forks, and runs `serve` in the child. No other thread may exist: fork() does not copy threads. Returns the exit code
// for the parent when the child has reported; prints a failure.
int RunInBackground(const std::function<int(Readiness)>& serve);

void PrintFailure(const std::string& message);

}  // namespace trolley

#endif  // TROLLEY_MOUNT_COMMANDS_READINESS_H_
