#ifndef TROLLEY_MOUNT_COMMANDS_CACHE_COMMAND_H_
#define TROLLEY_MOUNT_COMMANDS_CACHE_COMMAND_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "mount/commands/common_options.h"

namespace trolley {

struct CacheOptions {
  enum class Action { kStatus, kVerify, kPrune, kClear };

  CommonOptions common;
  Action action = Action::kStatus;
  std::string archive;                                  // may be empty
  std::optional<uint64_t> max_size;                     // prune
  std::optional<std::chrono::milliseconds> unused_for;  // prune
};

void DescribeCache(CLI::App& app, CacheOptions& options);

// The exit code; 1 if it failed or, for verify, if something was damaged.
int RunCache(const CacheOptions& options);

}  // namespace trolley

#endif  // TROLLEY_MOUNT_COMMANDS_CACHE_COMMAND_H_
