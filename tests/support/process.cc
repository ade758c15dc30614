#include "support/process.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

namespace trolley {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

[[noreturn]] void Fail(const std::string& what) {
  throw std::runtime_error(what + ": " + std::strerror(errno));
}

// Output goes to memory files, not to pipes: a daemon that keeps one open then cannot make us wait.
UniqueFd MemoryFile(const char* name) {
  UniqueFd fd(memfd_create(name, MFD_CLOEXEC));
  if (!fd) {
    Fail("Cannot make a memory file");
  }
  // Standard output and error are appended to, also when a shell opens them again.
  fcntl(fd.get(), F_SETFL, O_APPEND);
  return fd;
}

std::string ContentOf(int fd) {
  struct stat status {};
  fstat(fd, &status);
  std::string content(static_cast<size_t>(status.st_size), '\0');
  const ssize_t got = pread(fd, content.data(), content.size(), 0);
  content.resize(got < 0 ? 0 : static_cast<size_t>(got));
  return content;
}

std::string FindProgram(const std::string& program) {
  if (program.find('/') != std::string::npos) {
    return access(program.c_str(), X_OK) == 0 ? program : "";
  }
  const char* path = std::getenv("PATH");
  std::string rest = std::string(path != nullptr ? path : "/usr/bin:/bin") + ":/usr/sbin:/sbin";
  while (!rest.empty()) {
    const size_t end = rest.find(':');
    const std::string candidate = rest.substr(0, end) + "/" + program;
    if (access(candidate.c_str(), X_OK) == 0) {
      return candidate;
    }
    rest = end == std::string::npos ? "" : rest.substr(end + 1);
  }
  return "";
}

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (std::string& text : texts) {
    pointers.push_back(text.data());
  }
  pointers.push_back(nullptr);
  return pointers;
}

std::vector<std::string> Environment(const std::map<std::string, std::string>& added) {
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string text = *variable;
    if (added.count(text.substr(0, text.find('='))) == 0) {
      variables.push_back(text);
    }
  }
  for (const auto& [name, value] : added) {
    variables.push_back(name + "=" + value);
  }
  return variables;
}

}  // namespace

Process::Process(const std::vector<std::string>& argv, const RunOptions& options)
    : out_(MemoryFile("out")), err_(MemoryFile("err")) {
  const std::string program = FindProgram(argv.at(0));
  if (program.empty()) {
    throw std::runtime_error("Cannot run " + argv[0] + ": not found");
  }
  UniqueFd in(MemoryFile("in"));
  if (write(in.get(), options.input.data(), options.input.size()) != static_cast<ssize_t>(options.input.size()) ||
      lseek(in.get(), 0, SEEK_SET) != 0) {
    Fail("Cannot prepare the standard input");
  }
  std::vector<std::string> arguments = argv;
  std::vector<std::string> environment = Environment(options.environment);
  const std::vector<char*> argument_pointers = Pointers(arguments);
  const std::vector<char*> environment_pointers = Pointers(environment);
  const std::string directory = options.directory.string();
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ < 0) {
    Fail("Cannot fork");
  }
  if (pid_ == 0) {
    // Nothing but async-signal-safe calls from here on: other threads may have held locks.
    setpgid(0, 0);
    const bool ready =
        dup2(in.get(), 0) == 0 && dup2(out_.get(), 1) == 1 && dup2(err_.get(), 2) == 2 &&
        (directory.empty() || chdir(directory.c_str()) == 0) &&
        (!options.user || (setgroups(0, nullptr) == 0 && setgid(*options.user) == 0 && setuid(*options.user) == 0));
    // After setuid, which clears it.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (!ready || getppid() != parent) {
      _exit(126);
    }
    execve(program.c_str(), argument_pointers.data(), environment_pointers.data());
    _exit(127);
  }
  setpgid(pid_, pid_);
  pid_fd_.Reset(static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)));  // glibc 2.36 declares pidfd_open for C only
}

Process::~Process() {
  if (!exit_code_) {
    kill(-pid_, SIGKILL);
    kill(pid_, SIGKILL);
    Wait(std::chrono::minutes(1));
  }
}

void Process::Signal(int signal) {
  if (!exit_code_) {
    kill(pid_, signal);
  }
}

std::optional<int> Process::Wait(milliseconds timeout) {
  const auto deadline = steady_clock::now() + timeout;
  while (!exit_code_) {
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) == pid_) {
      exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      break;
    }
    const auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now());
    if (left <= milliseconds(0)) {
      return std::nullopt;
    }
    pollfd ended{pid_fd_.get(), POLLIN, 0};
    poll(&ended, 1, static_cast<int>(left.count()));
  }
  return exit_code_;
}

std::string Process::Out() const {
  return ContentOf(out_.get());
}

std::string Process::Err() const {
  return ContentOf(err_.get());
}

RunResult RunProgram(const std::vector<std::string>& argv, const RunOptions& options) {
  const auto start = steady_clock::now();
  Process process(argv, options);
  RunResult result;
  std::optional<int> exit_code = process.Wait(options.timeout);
  if (!exit_code) {
    result.timed_out = true;
    kill(-process.pid(), SIGKILL);
    exit_code = process.Wait(std::chrono::minutes(1));
  }
  result.exit_code = exit_code.value_or(-1);
  result.out = process.Out();
  result.err = process.Err();
  result.took = std::chrono::duration_cast<milliseconds>(steady_clock::now() - start);
  return result;
}

RunResult RunShell(const std::string& line, const RunOptions& options) {
  return RunProgram({"/bin/sh", "-c", line}, options);
}

bool HasProgram(const std::string& program) {
  return !FindProgram(program).empty();
}

}  // namespace trolley
