// `trolleyfs mount` without -f: the parent waits at a pipe for the report of the child, which then runs as a daemon.
#include "mount/commands/readiness.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/text.h"
#include "mount/commands/terminal_text.h"

namespace trolley {
namespace {

constexpr char kReady = 'R';
constexpr char kFailed = 'F';

bool WriteAll(int fd, const std::string& text) {
  return ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

std::string ReadAll(int fd) {
  std::string text;
  char buffer[1024];
  while (true) {
    const ssize_t length = ::read(fd, buffer, sizeof buffer);
    if (length > 0) {
      text.append(buffer, static_cast<size_t>(length));
    } else if (length == 0 || errno != EINTR) {
      return text;
    }
  }
}

std::string HowItEnded(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) {
      return "";
    }
  }
  return WIFSIGNALED(status) ? StrCat("signal ", WTERMSIG(status)) : StrCat("exit code ", WEXITSTATUS(status));
}

}  // namespace

bool Readiness::ReportReady() {
  ::sd_notify(0, "READY=1");
  if (!pipe_) {
    return true;
  }
  // Not earlier: until here Ctrl-C at the terminal has to reach this process too.
  ::setsid();
  [[maybe_unused]] const int changed = ::chdir("/");
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    ::dup2(null, fd);
  }
  ::close(null);
  const bool received = WriteAll(pipe_.get(), std::string(1, kReady));
  pipe_.Reset();
  return received;
}

void Readiness::ReportFailure(const std::string& message) {
  if (!pipe_) {
    PrintFailure(message);
    return;
  }
  WriteAll(pipe_.get(), kFailed + message.substr(0, 3000));
  pipe_.Reset();
}

int RunInBackground(const std::function<int(Readiness)>& serve) {
  int pipe_ends[2];
  if (::pipe2(pipe_ends, O_CLOEXEC) != 0) {
    PrintFailure(StrCat("Cannot mount: no pipe: ", std::strerror(errno)));
    return 1;
  }
  UniqueFd reader(pipe_ends[0]);
  UniqueFd writer(pipe_ends[1]);
  const pid_t child = ::fork();
  if (child < 0) {
    PrintFailure(StrCat("Cannot mount: no process: ", std::strerror(errno)));
    return 1;
  }
  if (child == 0) {
    reader.Reset();
    std::exit(serve(Readiness(std::move(writer))));
  }
  writer.Reset();
  const std::string report = ReadAll(reader.get());
  if (report.starts_with(kReady)) {
    return 0;
  }
  if (report.starts_with(kFailed)) {
    PrintFailure(report.substr(1));
    HowItEnded(child);
  } else {
    PrintFailure(StrCat("Cannot mount: the background process ended early (", HowItEnded(child), "); try with -f"));
  }
  return 1;
}

void PrintFailure(const std::string& message) {
  // Parts of it may come from an archive.
  std::fputs(StrCat("trolleyfs: ", Printable(message), "\n").c_str(), stderr);
}

}  // namespace trolley
