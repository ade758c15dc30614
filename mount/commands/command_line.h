#ifndef TROLLEY_MOUNT_COMMANDS_COMMAND_LINE_H_
#define TROLLEY_MOUNT_COMMANDS_COMMAND_LINE_H_

#include <map>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "mount/commands/cache_command.h"
#include "mount/commands/check_command.h"
#include "mount/commands/exit_codes.h"
#include "mount/commands/find_command.h"
#include "mount/commands/get_command.h"
#include "mount/commands/mount_options.h"
#include "mount/commands/status_command.h"
#include "mount/commands/umount_command.h"

namespace trolley {

// A text to print (help, version, or what is wrong with the command line), and the exit code.
struct Printed {
  std::string text;
  int exit_code = kExitOk;
};
using Command = std::variant<Printed, MountOptions, UmountOptions, GetOptions, FindOptions, CheckOptions, CacheOptions,
                             StatusOptions>;

// `arguments` without the program's name. `program` is argv[0]: as mount.trolleyfs, and when the first argument is no
// subcommand but mount options follow, the arguments are those that mount(8) gives its helpers:
// ARCHIVE DIR [-sfnv] [-o OPTIONS].
Command ParseCommandLine(const std::string& program, std::vector<std::string> arguments);

// Every subcommand with the names of its options ("--limit", "-q") and arguments ("ARCHIVE").
std::map<std::string, std::set<std::string>> CommandOptions();

}  // namespace trolley

#endif  // TROLLEY_MOUNT_COMMANDS_COMMAND_LINE_H_
