#ifndef TROLLEY_TESTS_SUPPORT_GATE_H_
#define TROLLEY_TESTS_SUPPORT_GATE_H_

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "trolley/context.h"
#include "trolley/error.h"

namespace trolley {

// A gate that a transfer waits at until the test opens it.
class Gate {
 public:
  void Open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  // Throws like a downloader when it is told to stop.
  void Wait(const Context& context) {
    std::unique_lock lock(mutex_);
    reached_ = true;
    changed_.notify_all();
    changed_.wait(lock, context.stop, [this] { return open_; });
    if (!open_) {
      stopped_ = true;
      changed_.notify_all();
      throw Error(ErrorCode::kCancelled, "stopped");
    }
  }
  bool Reached() { return WaitFor(reached_); }
  bool reached() {
    const std::lock_guard lock(mutex_);
    return reached_;
  }
  bool Stopped() { return WaitFor(stopped_); }

 private:
  bool WaitFor(const bool& what) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20), [&] { return what; });
  }
  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool open_ = false;
  bool reached_ = false;
  bool stopped_ = false;
};

}  // namespace trolley

#endif  // TROLLEY_TESTS_SUPPORT_GATE_H_
