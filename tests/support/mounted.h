#ifndef TROLLEY_TESTS_SUPPORT_MOUNTED_H_
#define TROLLEY_TESTS_SUPPORT_MOUNTED_H_

#include <sys/types.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "support/process.h"
#include "support/temp_directory.h"

namespace trolley {

// An archive mounted by the real program, in the foreground, on a directory of its own. Unmounted at the end, also by
// force.
class Mounted {
 public:
  // Returns when the mount is usable. Throws std::runtime_error with what the program said when it does not come to
  // that.
  Mounted(const std::string& archive, const std::filesystem::path& cache, const std::vector<std::string>& options = {},
          const RunOptions& run = {});
  ~Mounted();

  const std::filesystem::path& path() const { return path_; }
  pid_t pid() const { return process_->pid(); }
  Process& process() { return *process_; }
  // `trolleyfs umount`; true when the program ended with 0 within a minute.
  bool Unmount();
  // What the kernel counts as the program's largest resident size so far, in bytes.
  uint64_t PeakMemory() const;
  // What the program has read so far: one call for each request of the kernel, and those of files.
  struct Reads {
    uint64_t calls = 0;
    uint64_t bytes = 0;
  };
  Reads CountReads() const;
  // Since then, once nothing moves any more: the kernel tells of a close a little later.
  Reads ReadsSince(const Reads& before) const;

 private:
  TempDirectory directory_;
  std::filesystem::path path_;
  std::unique_ptr<Process> process_;
};

bool IsMountPoint(const std::filesystem::path& path);

}  // namespace trolley

#endif  // TROLLEY_TESTS_SUPPORT_MOUNTED_H_
