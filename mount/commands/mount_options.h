#ifndef TROLLEY_MOUNT_COMMANDS_MOUNT_OPTIONS_H_
#define TROLLEY_MOUNT_COMMANDS_MOUNT_OPTIONS_H_

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "trolley/log.h"

namespace CLI {
class App;
}

namespace trolley {

// The command line of `trolleyfs mount`.
struct MountOptions {
  std::string archive;  // a name from the configuration, a URL or a folder; unused for the demo
  bool demo = false;
  std::string mount_point;
  bool foreground = false;
  bool fake = false;  // mount(8)'s -f: check, but do not mount

  bool allow_other = false;
  std::optional<uid_t> uid;  // absent: who mounts
  std::optional<gid_t> gid;
  mode_t umask = 0;
  bool passthrough = true;  // the kernel may read complete files by itself

  std::optional<std::filesystem::path> config;
  std::optional<std::filesystem::path> cache_directory;
  std::optional<uint64_t> cache_size;
  LogLevel log_level = LogLevel::kInfo;
  std::string log_file;
  bool log_patient_data = false;
};

// Adds what a comma separated `-o` list says. `as_helper`: the list comes from mount(8), which adds "rw", "dev" and the
// like by itself; a mount is read-only whatever it says. Throws kInvalidArgument for what is unknown or malformed.
void ParseMountOptionList(std::string_view list, bool as_helper, MountOptions& options);

// The names that such a list may have, apart from those that mount(8) adds.
std::vector<std::string> MountOptionNames();

void DescribeMount(CLI::App& app, MountOptions& options);
// As mount(8) calls its helpers: ARCHIVE DIR [-sfnv] [-o OPTIONS] [-t TYPE], in any order. Throws kInvalidArgument.
MountOptions ParseHelperArguments(const std::vector<std::string>& arguments);

}  // namespace trolley

#endif  // TROLLEY_MOUNT_COMMANDS_MOUNT_OPTIONS_H_
