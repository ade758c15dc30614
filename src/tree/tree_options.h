#ifndef TROLLEY_TREE_TREE_OPTIONS_H_
#define TROLLEY_TREE_TREE_OPTIONS_H_

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "tree/names.h"

namespace trolley {

struct TreeOptions {
  std::string browse = "all";  // criteria, as in ArchiveConfig
  NameStyle names = NameStyle::kReadable;
  std::vector<std::string> control_files;  // the names in MOUNT/.trolleyfs
  size_t max_cached_listings = 256;        // sorted listings kept in memory; least recently used go first
  std::function<std::chrono::system_clock::time_point()> now = &std::chrono::system_clock::now;
};

}  // namespace trolley

#endif  // TROLLEY_TREE_TREE_OPTIONS_H_
