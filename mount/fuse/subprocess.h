#ifndef TROLLEY_MOUNT_FUSE_SUBPROCESS_H_
#define TROLLEY_MOUNT_FUSE_SUBPROCESS_H_

#include <functional>
#include <string>
#include <vector>

namespace trolley {

struct ProcessResult {
  int exit_code = -1;  // -1: it could not be started or was killed
  std::string error_output;
};

// Runs a program found on PATH and waits for its end.
ProcessResult RunProcess(const std::vector<std::string>& command);

// The text that is written to standard error while `work` runs (libfuse and fusermount3 explain themselves there
// alone).
std::string CaptureStandardError(const std::function<void()>& work);

}  // namespace trolley

#endif  // TROLLEY_MOUNT_FUSE_SUBPROCESS_H_
