#ifndef TROLLEYFS_MOUNT_GET_COMMAND_H_
#define TROLLEYFS_MOUNT_GET_COMMAND_H_

#include <string>
#include <vector>

#include "mount/common_options.h"

namespace trolley {

struct GetOptions {
  CommonOptions common;
  std::string archive;
  std::vector<std::string> wanted;  // criteria, UIDs, or "-"
};

void DescribeGet(CLI::App& app, GetOptions& options);

// The exit code.
int RunGet(const GetOptions& options);

}  // namespace trolley

#endif  // TROLLEYFS_MOUNT_GET_COMMAND_H_
