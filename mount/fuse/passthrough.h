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

// FUSE passthrough: the kernel reads a file of ours from another file that it was given, without a request to us. It
// takes Linux 6.9 and CAP_SYS_ADMIN. libfuse 3.14 does not know it, so that its part of the INIT exchange is added to
// libfuse's reply. Thread-safe.
class Passthrough {
 public:
  // Not `wanted`, or without the privilege: nothing is ever registered.
  explicit Passthrough(bool wanted);

  // Whether requests and replies have to pass through the following two functions.
  bool possible() const { return possible_; }
  void NoteRequest(std::span<const std::byte> request);
  // Completes the reply to INIT in place; leaves other replies alone.
  void CompleteReply(std::span<const iovec> parts);

  // `device` is the session's /dev/fuse. After End() it may be closed.
  void Begin(int device);
  void End();

  // Gives the kernel a file to read from, under a number. nullopt: it cannot be done, for this file or at all.
  std::optional<int32_t> Register(int file);
  // Handles that are open with that number stay usable.
  void Unregister(int32_t id);

 private:
  void GiveUp(const char* why);

  const bool possible_;
  // The number of the INIT request, which is the session's first; libfuse replies before it reads another.
  std::atomic<uint64_t> init_request_{0};
  std::atomic<bool> agreed_{false};
  SharedMutex device_mutex_;
  int device_ TROLLEY_GUARDED_BY(device_mutex_) = -1;
};

}  // namespace trolley

#endif  // TROLLEY_MOUNT_FUSE_PASSTHROUGH_H_
