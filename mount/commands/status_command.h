#ifndef TROLLEY_MOUNT_COMMANDS_STATUS_COMMAND_H_
#define TROLLEY_MOUNT_COMMANDS_STATUS_COMMAND_H_

#include <chrono>
#include <string>

namespace CLI {
class App;
}

namespace trolley {

struct StatusOptions {
  std::string mount_point;
  bool json = false;
  std::chrono::milliseconds timeout{5000};
};

void DescribeStatus(CLI::App& app, StatusOptions& options);

// Prints the state that the mount reports. The exit code.
int RunStatus(const StatusOptions& options);

}  // namespace trolley

#endif  // TROLLEY_MOUNT_COMMANDS_STATUS_COMMAND_H_
