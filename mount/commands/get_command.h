#ifndef TROLLEY_MOUNT_COMMANDS_GET_COMMAND_H_
#define TROLLEY_MOUNT_COMMANDS_GET_COMMAND_H_

#include <filesystem>
#include <string>

#include "mount/commands/common_options.h"
#include "mount/commands/get_wanted.h"

namespace trolley {

struct GetOptions {
  enum class Layout { kTree, kFlat, kReadable };

  CommonOptions common;
  std::string archive;
  Wanted wanted;
  std::filesystem::path output;
  Layout layout = Layout::kTree;
  bool dicomtrolley_names = false;
  bool overwrite = false;  // fetch also what is there
  bool sync = false;
  bool quiet = false;
  unsigned jobs = 4;       // see DownloadOptions
  unsigned max_jobs = 32;  // likewise
};

void DescribeGet(CLI::App& app, GetOptions& options);

// The exit code.
int RunGet(const GetOptions& options);

}  // namespace trolley

#endif  // TROLLEY_MOUNT_COMMANDS_GET_COMMAND_H_
