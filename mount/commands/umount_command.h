#ifndef TROLLEY_MOUNT_COMMANDS_UMOUNT_COMMAND_H_
#define TROLLEY_MOUNT_COMMANDS_UMOUNT_COMMAND_H_

#include <string>

namespace CLI {
class App;
}

namespace trolley {

struct UmountOptions {
  std::string mount_point;
  bool lazy = false;
};

void DescribeUmount(CLI::App& app, UmountOptions& options);

// Unmounts and waits until the program that served the mount has ended. Says on standard error what failed, and who
// holds a busy mount. The exit code.
int RunUmount(const UmountOptions& options);

}  // namespace trolley

#endif  // TROLLEY_MOUNT_COMMANDS_UMOUNT_COMMAND_H_
