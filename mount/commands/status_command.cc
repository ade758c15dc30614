// `trolleyfs status`: reads .trolleyfs/status.json of a mount, which may hang, in a child process with a time limit.
#include "mount/commands/status_command.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "archive/status.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "mount/commands/common_options.h"
#include "mount/commands/exit_codes.h"
#include "mount/commands/mount_point.h"
#include "mount/commands/readiness.h"
#include "mount/commands/terminal_text.h"
#include "trolley/context.h"
#include "trolley/error.h"

namespace trolley {
namespace {

constexpr char kStatusFooter[] =
    R"(Shows whether the archive can be reached, what was transferred, and what the cache takes. A mount that hangs is waited
for no longer than --timeout; one whose program has died is reported as such.

Exit codes: 0 the mount responds, 1 it does not or there is none, 2 wrong usage.)";

constexpr size_t kMaxStatus = size_t{1} << 20;

// In a process of its own: a thread that waits for a hung file system cannot even be killed.
[[noreturn]] void WriteContent(const std::string& path, int out) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  std::array<char, 4096> piece{};
  ssize_t got = file < 0 ? -1 : ::read(file, piece.data() + 1, piece.size() - 1);
  // Its own message first: the error, or that the content follows.
  const char error = got < 0 ? static_cast<char>(errno) : '\0';
  piece[0] = error;
  ssize_t length = got < 0 ? 1 : got + 1;
  while (length > 0 && ::write(out, piece.data(), static_cast<size_t>(length)) == length && got > 0) {
    got = length = ::read(file, piece.data(), piece.size());
  }
  ::_exit(0);
}

std::string ReadAll(int fd, Clock::time_point deadline) {
  std::string content;
  std::array<char, 4096> piece{};
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd waiting{fd, POLLIN, 0};
    const int ready = ::poll(&waiting, 1, static_cast<int>(std::clamp<int64_t>(left, 0, INT_MAX)));
    if (ready < 0 && errno == EINTR) {
      continue;
    }
    if (ready <= 0) {
      throw Error(ErrorCode::kTimedOut,
                  "it does not respond; if that does not change, end it with trolleyfs umount --lazy");
    }
    const ssize_t got = ::read(fd, piece.data(), piece.size());
    if (got <= 0 || content.size() > kMaxStatus) {
      return content;
    }
    content.append(piece.data(), static_cast<size_t>(got));
  }
}

std::string ReadWithin(const std::string& path, std::chrono::milliseconds timeout) {
  int pipe_ends[2];
  if (::pipe2(pipe_ends, O_CLOEXEC) != 0) {
    throw Error(ErrorCode::kStorage, std::strerror(errno));
  }
  const UniqueFd reader(pipe_ends[0]);
  UniqueFd writer(pipe_ends[1]);
  const pid_t child = ::fork();
  if (child < 0) {
    throw Error(ErrorCode::kStorage, std::strerror(errno));
  }
  if (child == 0) {
    WriteContent(path, writer.get());
  }
  writer.Reset();
  struct End {
    pid_t child;
    ~End() {
      ::kill(child, SIGKILL);
      ::waitpid(child, nullptr, WNOHANG);  // one that hangs is left to init
    }
  } const end{child};
  std::string content = ReadAll(reader.get(), Clock::now() + timeout);
  if (content.empty()) {
    throw Error(ErrorCode::kUnavailable, "it reports nothing");
  }
  const int error = static_cast<unsigned char>(content.front());
  if (error == ENOTCONN) {
    throw Error(ErrorCode::kUnavailable,
                "the program that served it has died; clean up with trolleyfs umount, then mount it again");
  }
  if (error != 0) {
    throw Error(
        error == EACCES ? ErrorCode::kAccessDenied : ErrorCode::kUnavailable,
        StrCat(std::strerror(error),
               error == EACCES ? "; only the user who mounted it may read it, unless it was mounted with allow_other"
                               : ""));
  }
  return content.substr(1);
}

void Show(const StatusOptions& options) {
  const std::string path = ResolveMountPoint(options.mount_point);
  const auto mount = FindMount(path);
  if (!mount) {
    throw Error(ErrorCode::kInvalidArgument, "nothing is mounted there");
  }
  if (mount->type != "fuse.trolleyfs") {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat("a '", mount->type, "' file system is mounted there, not trolleyfs"));
  }
  const std::string json = ReadWithin(path + "/.trolleyfs/status.json", options.timeout);
  if (options.json) {
    std::fputs(json.c_str(), stdout);
    return;
  }
  for (const auto& [what, value] : StatusLines(json)) {
    std::printf("%-10s %s\n", Printable(what).c_str(), Printable(value).c_str());
  }
}

}  // namespace

void DescribeStatus(CLI::App& app, StatusOptions& options) {
  app.footer(kStatusFooter);
  app.add_option("DIR", options.mount_point, "Where the archive is mounted")->type_name(" ")->required();
  app.add_flag("--json", options.json, "Print the content of DIR/.trolleyfs/status.json");
  app.add_option_function<std::string>(
         "--timeout",
         [&options](const std::string& text) {
           const auto timeout = ParseDuration(text);
           if (!timeout || timeout->count() <= 0) {
             RefuseUsage(StrCat("--timeout: '", text, "' is not a duration such as 5s"));
           }
           options.timeout = *timeout;
         },
         "How long to wait for the mount (5s)")
      ->type_name("DURATION");
}

int RunStatus(const StatusOptions& options) {
  try {
    Show(options);
    return kExitOk;
  } catch (const std::exception& e) {
    PrintFailure(StrCat("Cannot show the state of ", options.mount_point, ": ", e.what()));
    return kExitFailure;
  }
}

}  // namespace trolley
