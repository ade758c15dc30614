#ifndef TROLLEY_MOUNT_COMMANDS_READINESS_H_
#define TROLLEY_MOUNT_COMMANDS_READINESS_H_

#include <functional>
#include <string>

#include "base/unique_fd.h"

namespace trolley {

// How the process that serves the mount tells the one that the user started that the mount is usable, or why not.
class Readiness {
 public:
  // In the foreground: nobody else waits.
  Readiness() = default;
  explicit Readiness(UniqueFd pipe) : pipe_(std::move(pipe)) {}

  // Leaves the terminal and the working directory behind. False: the other process is gone (Ctrl-C), nobody wants us.
  bool ReportReady();
  void ReportFailure(const std::string& message);

 private:
  UniqueFd pipe_;
};

// Forks; `serve` runs in the child, to which the caller's threads do not follow: none may exist. Returns the exit code
// for the parent when the child has reported; prints what failed.
int RunInBackground(const std::function<int(Readiness)>& serve);

void PrintFailure(const std::string& message);

}  // namespace trolley

#endif  // TROLLEY_MOUNT_COMMANDS_READINESS_H_
