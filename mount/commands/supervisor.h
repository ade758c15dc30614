#ifndef TROLLEY_MOUNT_COMMANDS_SUPERVISOR_H_
#define TROLLEY_MOUNT_COMMANDS_SUPERVISOR_H_

#include <chrono>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>

#include "base/unique_fd.h"

namespace trolley {

// Takes SIGINT, SIGTERM and SIGHUP in a thread of its own, and sees that the program ends once it was told to. To be
// made before all other threads: they inherit its signal mask.
class Supervisor {
 public:
  struct Duties {
    std::function<void()> refresh;   // SIGHUP
    std::function<void()> end_loop;  // called again and again while the program is to end
    std::function<void()> give_up;   // the end took too long; the process exits after it
  };

  explicit Supervisor(std::chrono::milliseconds patience = std::chrono::seconds(10));
  ~Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  // Requested by SIGINT and SIGTERM.
  std::stop_token stop_token() const { return stop_.get_token(); }
  // Replaces the duties; empty functions are not called. When it returns, the earlier ones do not run any more.
  void SetDuties(Duties duties);
  // The end has begun without a signal (somebody has unmounted): from now on it has to come in time.
  void BeginStop();

 private:
  void Run();
  void TakeSignals();
  void Wake();

  const std::chrono::milliseconds patience_;
  UniqueFd signals_;
  UniqueFd wake_;
  std::stop_source stop_;
  std::mutex mutex_;
  Duties duties_;
  bool stopping_ = false;
  bool finished_ = false;
  std::thread thread_;
};

}  // namespace trolley

#endif  // TROLLEY_MOUNT_COMMANDS_SUPERVISOR_H_
