#ifndef TROLLEY_MOUNT_COMMANDS_SUPERVISOR_H_
#define TROLLEY_MOUNT_COMMANDS_SUPERVISOR_H_

#include <chrono>
#include <functional>
#include <stop_token>
#include <thread>

#include "base/mutex.h"
#include "base/unique_fd.h"

namespace trolley {

// Handles SIGINT, SIGTERM and SIGHUP in a thread of its own, and makes sure that the program ends in time once its end
// was requested. Must be made before all other threads: they inherit its signal mask.
class Supervisor {
 public:
  struct Duties {
    std::function<void()> refresh;   // SIGHUP
    std::function<void()> end_loop;  // called repeatedly from the request to end until the end
    std::function<void()> give_up;   // the end took longer than `patience`; the process exits after it
  };

  explicit Supervisor(std::chrono::milliseconds patience = std::chrono::seconds(10));
  ~Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  // Requested by SIGINT and SIGTERM.
  std::stop_token stop_token() const { return stop_.get_token(); }
  // Replaces the duties; empty functions are not called. When it returns, the earlier ones no longer run.
  void SetDuties(Duties duties);
  // The end has begun without a signal (the directory was unmounted): from now on it must not take longer than
  // `patience`.
  void BeginStop();

 private:
  void Run();
  void HandleSignals();
  void Wake();

  const std::chrono::milliseconds patience_;
  UniqueFd signals_;
  UniqueFd wake_;
  std::stop_source stop_;
  Mutex mutex_;  // held while a duty runs
  Duties duties_ TROLLEY_GUARDED_BY(mutex_);
  bool stopping_ TROLLEY_GUARDED_BY(mutex_) = false;
  bool finished_ TROLLEY_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace trolley

#endif  // TROLLEY_MOUNT_COMMANDS_SUPERVISOR_H_
