#ifndef TROLLEY_TESTS_SUPPORT_PROCESS_H_
#define TROLLEY_TESTS_SUPPORT_PROCESS_H_

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.h"

namespace trolley {

struct RunOptions {
  std::map<std::string, std::string> environment{};  // added to this process's own
  std::string input{};                               // standard input
  std::chrono::milliseconds timeout{60000};          // then it is killed; only RunProgram
  std::filesystem::path directory{};                 // empty: this process's
  std::optional<uid_t> user{};                       // run as this user and group (root only)
};

// A program running beside the test, in a process group of its own. It is killed when the object goes away, and by the
// kernel when the thread that started it dies, whatever way that happens. (A daemon it leaves behind is not.)
class Process {
 public:
  // argv[0] is looked up in PATH. Throws std::runtime_error when it cannot be started.
  explicit Process(const std::vector<std::string>& argv, const RunOptions& options = {});
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  // To the process alone; nothing after it has ended.
  void Signal(int signal);
  // Exit code, or 128 + signal; nullopt when it still runs after `timeout`.
  std::optional<int> Wait(std::chrono::milliseconds timeout);
  bool Running() { return !Wait(std::chrono::milliseconds(0)); }
  // What it has written so far.
  std::string Out() const;
  std::string Err() const;

 private:
  UniqueFd out_;
  UniqueFd err_;
  UniqueFd pid_fd_;
  pid_t pid_ = -1;
  std::optional<int> exit_code_;
};

struct RunResult {
  int exit_code = -1;  // 128 + signal when killed
  bool timed_out = false;
  std::string out;
  std::string err;
  std::chrono::milliseconds took{0};
};

// Runs it to its end. Does not wait for daemons that it leaves behind.
RunResult RunProgram(const std::vector<std::string>& argv, const RunOptions& options = {});
// The same for a line of shell.
RunResult RunShell(const std::string& line, const RunOptions& options = {});

// Whether `program` is in PATH.
bool HasProgram(const std::string& program);

}  // namespace trolley

#endif  // TROLLEY_TESTS_SUPPORT_PROCESS_H_
