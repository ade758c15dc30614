#ifndef TROLLEY_MOUNT_FUSE_SESSION_H_
#define TROLLEY_MOUNT_FUSE_SESSION_H_

#include <memory>
#include <string>

#include "mount/fuse/filesystem.h"
#include "mount/fuse/request_loop.h"

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

  // Serves until somebody unmounts or EndLoop() is called.
  void Run();
  // From another thread.
  void EndLoop();
  void Unmount();

 private:
  class Requests;

  fuse_session* session_ = nullptr;
  bool mounted_ = false;
  std::unique_ptr<Requests> requests_;
  std::unique_ptr<RequestLoop> loop_;
};

}  // namespace trolley

#endif  // TROLLEY_MOUNT_FUSE_SESSION_H_
