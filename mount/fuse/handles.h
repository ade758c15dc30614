#ifndef TROLLEY_MOUNT_FUSE_HANDLES_H_
#define TROLLEY_MOUNT_FUSE_HANDLES_H_

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <utility>

#include "base/mutex.h"

namespace trolley {

// Open files or directories by the number that the kernel keeps for them. Thread-safe.
template <typename T>
class Handles {
 public:
  uint64_t Add(std::shared_ptr<const T> open) {
    const MutexLock lock(mutex_);
    handles_.emplace(++last_, std::move(open));
    return last_;
  }
  // Null for a number that was never given or is closed.
  std::shared_ptr<const T> Find(uint64_t handle) const {
    const MutexLock lock(mutex_);
    const auto found = handles_.find(handle);
    return found == handles_.end() ? nullptr : found->second;
  }
  void Remove(uint64_t handle) {
    std::shared_ptr<const T> user;  // declared first: it ends outside the lock
    const MutexLock lock(mutex_);
    const auto found = handles_.find(handle);
    if (found != handles_.end()) {
      user = std::move(found->second);
      handles_.erase(found);
    }
  }
  void Clear() {
    std::unordered_map<uint64_t, std::shared_ptr<const T>> ended;
    const MutexLock lock(mutex_);
    ended.swap(handles_);
  }

 private:
  mutable Mutex mutex_;
  std::unordered_map<uint64_t, std::shared_ptr<const T>> handles_ TROLLEY_GUARDED_BY(mutex_);
  uint64_t last_ TROLLEY_GUARDED_BY(mutex_) = 0;
};

}  // namespace trolley

#endif  // TROLLEY_MOUNT_FUSE_HANDLES_H_
