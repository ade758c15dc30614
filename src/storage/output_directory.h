#ifndef TROLLEY_STORAGE_OUTPUT_DIRECTORY_H_
#define TROLLEY_STORAGE_OUTPUT_DIRECTORY_H_

#include <cstddef>
#include <filesystem>
#include <list>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "base/mutex.h"
#include "base/unique_fd.h"
#include "trolley/storage.h"

namespace trolley {

// A directory that is written to below its root only: its sub-directories are entered step by step, never through a
// symbolic link. Thread-safe.
class OutputDirectory {
 public:
  // Nothing is made or opened yet.
  explicit OutputDirectory(std::filesystem::path root);

  // The file for reading; empty when it does not exist or is not a regular file. `path` as for Write.
  UniqueFd Read(const std::filesystem::path& path);
  // A new file that takes its name, and the place of what has it, at Commit(). Throws kStorage, kNoSpace,
  // kInvalidArgument for a path that is not a plain relative one.
  std::unique_ptr<InstanceWriter> Write(const std::filesystem::path& path, bool sync);

  using Directory = std::shared_ptr<const UniqueFd>;
  struct Opened {
    Directory fd;
    bool tells_at_close = false;  // a close may fail although all writes went well
  };

 private:
  Opened OpenForWriting(const std::filesystem::path& directory);
  // Null when it does not exist and is not to be made.
  Directory Walk(const std::filesystem::path& directory, bool make);
  Directory WalkLocked(const std::filesystem::path& directory, bool make) TROLLEY_REQUIRES(mutex_);
  Directory OpenRoot(bool make) TROLLEY_REQUIRES(mutex_);
  Directory Enter(const UniqueFd& parent, const std::string& name, const std::filesystem::path& shown, bool make) const;

  const std::filesystem::path root_;
  Mutex mutex_;
  Directory opened_root_ TROLLEY_GUARDED_BY(mutex_);
  std::list<std::pair<std::filesystem::path, Opened>> recent_
      TROLLEY_GUARDED_BY(mutex_);  // made and cleaned; the latest first
};

}  // namespace trolley

#endif  // TROLLEY_STORAGE_OUTPUT_DIRECTORY_H_
