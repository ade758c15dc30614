#ifndef TROLLEY_MOUNT_FUSE_PASSTHROUGH_H_
#define TROLLEY_MOUNT_FUSE_PASSTHROUGH_H_

#include <sys/uio.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/mutex.h"

namespace trolley {

// FUSE passthrough: the kernel reads a file of ours from another file that it was given, without asking us. It takes
// Linux 6.9 and CAP_SYS_ADMIN. libfuse 3.14 does not know it, so that its part of the greeting (INIT) is completed on
// its way. Thread-safe.
class Passthrough {
 public:
  // Not `wanted`, or without the privilege: nothing is ever registered.
  explicit Passthrough(bool wanted);

  // Whether to let the greeting pass through the following two.
  bool possible() const { return possible_; }
  void NoteRequest(std::span<const std::byte> request);
  // Completes the reply in place when it is the one to the greeting; others are left alone.
  void CompleteReply(std::span<const iovec> parts);

  // `device` is the session's /dev/fuse. After End() it may be closed.
  void Begin(int device);
  void End();

  // Gives the kernel a file to read from, under a number. nullopt: it cannot be done, for this file or at all.
  std::optional<int32_t> Register(int file);
  // Whoever has the inode open with that number can go on.
  void Unregister(int32_t id);

 private:
  void GiveUp(const char* why);

  const bool possible_;
  // The session's first request is the greeting; libfuse answers it before it reads another.
  std::atomic<uint64_t> greeting_{0};
  std::atomic<bool> agreed_{false};
  SharedMutex device_mutex_;
  int device_ TROLLEY_GUARDED_BY(device_mutex_) = -1;
};

}  // namespace trolley

#endif  // TROLLEY_MOUNT_FUSE_PASSTHROUGH_H_
