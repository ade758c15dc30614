#ifndef TROLLEY_MOUNT_COMMANDS_INTERRUPTION_H_
#define TROLLEY_MOUNT_COMMANDS_INTERRUPTION_H_

#include <stop_token>
#include <thread>

#include "base/unique_fd.h"

namespace trolley {

// Ctrl-C (SIGINT), SIGTERM and SIGHUP for a command that cleans up when it is interrupted: the first signal requests
// the stop token, the second ends the process at once. Must be made before all other threads: they inherit its signal
// mask.
class Interruption {
 public:
  Interruption();
  ~Interruption();
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;

  std::stop_token token() const { return stop_.get_token(); }
  // For the end of a command: if it was interrupted, ends the process by that signal, as shells expect; else returns.
  void EndBySignal();

 private:
  void Run();

  UniqueFd signals_;
  UniqueFd wake_;
  std::stop_source stop_;
  int signal_ = 0;  // before stop_ is requested
  std::thread thread_;
};

}  // namespace trolley

#endif  // TROLLEY_MOUNT_COMMANDS_INTERRUPTION_H_
