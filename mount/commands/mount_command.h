#ifndef TROLLEY_MOUNT_COMMANDS_MOUNT_COMMAND_H_
#define TROLLEY_MOUNT_COMMANDS_MOUNT_COMMAND_H_

#include "mount/commands/mount_options.h"

namespace trolley {

// Mounts; in the foreground until it is unmounted, else until the mount is usable. Says on standard error what failed.
// The exit code.
int RunMount(const MountOptions& options);

}  // namespace trolley

#endif  // TROLLEY_MOUNT_COMMANDS_MOUNT_COMMAND_H_
