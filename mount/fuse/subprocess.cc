#include "mount/fuse/subprocess.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "base/unique_fd.h"

extern char** environ;

namespace trolley {
namespace {

std::string ReadFromStart(int fd) {
  std::string text;
  char buffer[4096];
  ssize_t length = 0;
  while (text.size() < 65536 && (length = ::pread(fd, buffer, sizeof buffer, static_cast<off_t>(text.size()))) > 0) {
    text.append(buffer, static_cast<size_t>(length));
  }
  return text;
}

}  // namespace

ProcessResult RunProcess(const std::vector<std::string>& command) {
  ProcessResult result;
  const UniqueFd output(::memfd_create("stderr", MFD_CLOEXEC));
  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (const std::string& argument : command) {
    arguments.push_back(const_cast<char*>(argument.c_str()));  // posix_spawn does not change them
  }
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, output.get(), STDERR_FILENO);
  pid_t pid = 0;
  const int failure = ::posix_spawnp(&pid, arguments[0], &actions, nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (failure != 0) {
    return result;
  }
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  result.error_output = ReadFromStart(output.get());
  return result;
}

std::string CaptureStandardError(const std::function<void()>& work) {
  const UniqueFd output(::memfd_create("stderr", MFD_CLOEXEC));
  const UniqueFd saved(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3));
  if (!output || !saved) {
    work();
    return "";
  }
  std::fflush(stderr);
  ::dup2(output.get(), STDERR_FILENO);
  work();
  std::fflush(stderr);
  ::dup2(saved.get(), STDERR_FILENO);
  return ReadFromStart(output.get());
}

}  // namespace trolley
