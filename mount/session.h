#ifndef TROLLEYFS_MOUNT_SESSION_H_
#define TROLLEYFS_MOUNT_SESSION_H_

#include <pthread.h>

#include <atomic>
#include <string>

#include "mount/filesystem.h"

namespace trolley {

struct SessionOptions {
  std::string mount_point;  // absolute
  std::string source;       // "pacs:hospital"
  bool allow_other = false;
};

// The connection to the kernel, mounted from construction on.
class Session {
 public:
  // Throws kUnavailable with what libfuse or fusermount3 says.
  Session(FileSystem& file_system, const SessionOptions& options);
  // Unmounts (when something still uses it: for new users, the connection ends at once).
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Serves until somebody unmounts or EndLoop() is called. Needs SIGUSR2 as the Supervisor sets it.
  void Run();
  // From another thread; to be repeated, since it can come between libfuse's look at its flag and its wait.
  void EndLoop();
  void Unmount();

 private:
  fuse_session* session_ = nullptr;
  bool mounted_ = false;
  pthread_t runner_{};
  std::atomic<bool> running_{false};
};

}  // namespace trolley

#endif  // TROLLEYFS_MOUNT_SESSION_H_
