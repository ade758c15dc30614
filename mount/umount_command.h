#ifndef TROLLEYFS_MOUNT_UMOUNT_COMMAND_H_
#define TROLLEYFS_MOUNT_UMOUNT_COMMAND_H_

#include "mount/command_line.h"

namespace trolley {

// Unmounts and waits until the program that served the mount has ended. Says on standard error what failed, and who
// holds a busy mount. The exit code.
int RunUmount(const UmountOptions& options);

}  // namespace trolley

#endif  // TROLLEYFS_MOUNT_UMOUNT_COMMAND_H_
