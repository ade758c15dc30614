#ifndef TROLLEY_MOUNT_FUSE_RUNNING_CALLS_H_
#define TROLLEY_MOUNT_FUSE_RUNNING_CALLS_H_

#include <cstddef>
#include <memory>

#include "base/mutex.h"

namespace trolley {

// Counts asynchronous calls whose callbacks use an object that is to end. Thread-safe.
class RunningCalls {
 public:
  // The call runs until the last copy of what is returned is gone: the callback keeps one.
  std::shared_ptr<void> Begin() {
    const MutexLock lock(mutex_);
    ++count_;
    return {this, [](RunningCalls* calls) { calls->End(); }};
  }
  void WaitForAll() {
    MutexLock lock(mutex_);
    none_.Wait(lock, [this]() TROLLEY_REQUIRES(mutex_) { return count_ == 0; });
  }

 private:
  void End() {
    const MutexLock lock(mutex_);
    if (--count_ == 0) {
      none_.NotifyAll();
    }
  }

  Mutex mutex_;
  Condition none_;
  size_t count_ TROLLEY_GUARDED_BY(mutex_) = 0;
};

}  // namespace trolley

#endif  // TROLLEY_MOUNT_FUSE_RUNNING_CALLS_H_
