#ifndef TROLLEY_SEARCH_FOLDER_FOLDER_WALK_H_
#define TROLLEY_SEARCH_FOLDER_FOLDER_WALK_H_

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "trolley/context.h"

namespace trolley {

// A regular file found in a folder, or one that a symbolic link leads to.
struct FoundFile {
  std::string path;  // relative to the folder
  uint64_t size = 0;
  int64_t mtime_ns = 0;
  uint64_t inode = 0;
};

// nullopt: no regular file is there.
std::optional<FoundFile> StatFile(const std::filesystem::path& folder, const std::string& path);

struct FolderVisitor {
  std::function<void(FoundFile)> on_file;
  // A directory that cannot be read (entirely); its files may not have been visited.
  std::function<void(const std::string& path, int reason)> on_unreadable;
};

// Visits all files below `folder`, in no order, with one stat each. Symbolic links to directories are not followed.
// Throws kStorage when the folder itself cannot be read; kCancelled, kTimedOut.
void WalkFolder(const std::filesystem::path& folder, const FolderVisitor& visitor, const Context& context);

}  // namespace trolley

#endif  // TROLLEY_SEARCH_FOLDER_FOLDER_WALK_H_
