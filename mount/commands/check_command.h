#ifndef TROLLEY_MOUNT_COMMANDS_CHECK_COMMAND_H_
#define TROLLEY_MOUNT_COMMANDS_CHECK_COMMAND_H_

#include <chrono>
#include <optional>
#include <string>

#include "mount/commands/common_options.h"

namespace trolley {

struct CheckOptions {
  CommonOptions common;
  std::string archive;
  std::optional<std::chrono::milliseconds> timeout;  // of each step
};

void DescribeCheck(CLI::App& app, CheckOptions& options);

// Tries what an archive is needed for, a line for each step. The exit code.
int RunCheck(const CheckOptions& options);

}  // namespace trolley

#endif  // TROLLEY_MOUNT_COMMANDS_CHECK_COMMAND_H_
