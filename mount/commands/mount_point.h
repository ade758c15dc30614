#ifndef TROLLEY_MOUNT_COMMANDS_MOUNT_POINT_H_
#define TROLLEY_MOUNT_COMMANDS_MOUNT_POINT_H_

#include <optional>
#include <string>
#include <string_view>

namespace trolley {

// A mount, as /proc/self/mountinfo describes it. Reading that file never waits; touching a directory whose file system
// hangs does.
struct MountEntry {
  std::string device;  // "0:45"
  std::string type;    // "fuse.trolleyfs"
  std::string source;  // "pacs:hospital"
};

// The topmost mount at `path` in the text of a mountinfo file (proc(5)).
std::optional<MountEntry> FindMountIn(std::string_view mountinfo, std::string_view path);
std::optional<MountEntry> FindMount(const std::string& path);

// The absolute path under which the mount table knows `path`. Does not touch a file system that is mounted at it.
// Throws kInvalidArgument when it does not exist.
std::string ResolveMountPoint(const std::string& path);

// Throws kInvalidArgument unless `path` (as from ResolveMountPoint) is an empty directory where nothing is mounted;
// says what to do about a dead earlier mount.
void CheckMountPoint(const std::string& path);

// Detaches the mount at `path`, even while it is in use. True when that worked.
bool DetachMount(const std::string& path);

}  // namespace trolley

#endif  // TROLLEY_MOUNT_COMMANDS_MOUNT_POINT_H_
