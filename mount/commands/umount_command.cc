// `trolleyfs umount`: unmounts, and waits until the program that served the mount has ended, so that a new mount can
// follow at once.
#include "mount/commands/umount_command.h"

#include <poll.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <vector>

#include "base/text.h"
#include "base/unique_fd.h"
#include "mount/commands/detached_call.h"
#include "mount/commands/exit_codes.h"
#include "mount/commands/mount_point.h"
#include "mount/commands/readiness.h"
#include "mount/fuse/subprocess.h"
#include "trolley/error.h"

namespace trolley {
namespace {

namespace fs = std::filesystem;

constexpr int kPatienceMilliseconds = 15000;

// The program that serves the mount, whose number is an attribute of the mount; none for a hung or dead mount.
UniqueFd OpenServer(const std::string& path) {
  const auto number = CallDetached<std::string>(
      [path] {
        char value[32];
        const ssize_t length = ::getxattr(path.c_str(), "user.trolleyfs.pid", value, sizeof value);
        return length > 0 ? std::string(value, static_cast<size_t>(length)) : std::string();
      },
      std::chrono::seconds(1));
  const auto pid = number ? ParseUint(*number) : std::nullopt;
  if (!pid || *pid == 0 || *pid > INT32_MAX) {
    return UniqueFd();
  }
  std::string name;
  std::getline(std::ifstream(StrCat("/proc/", *pid, "/comm")), name);
  if (name != "trolleyfs") {
    return UniqueFd();  // another PID namespace's number
  }
  return UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, static_cast<pid_t>(*pid), 0)));
}

bool LiesIn(const fs::path& link, const std::string& path) {
  std::error_code error;
  const std::string target = fs::read_symlink(link, error).string();
  return !error && (target == path || target.starts_with(path + "/"));
}

// "bash (123) works in it", read from links in /proc: the mount itself is not touched.
std::vector<std::string> Holders(const std::string& path) {
  std::vector<std::string> holders;
  std::error_code error;
  for (const fs::directory_entry& process : fs::directory_iterator("/proc", error)) {
    const std::string pid = process.path().filename().string();
    if (!ParseUint(pid)) {
      continue;
    }
    const char* how = LiesIn(process.path() / "cwd", path) ? "works in it" : nullptr;
    for (fs::directory_iterator fd(process.path() / "fd", error), end; how == nullptr && !error && fd != end;
         fd.increment(error)) {
      how = LiesIn(fd->path(), path) ? "has it open" : nullptr;
    }
    if (how != nullptr) {
      std::string name;
      std::getline(std::ifstream(process.path() / "comm"), name);
      holders.push_back(StrCat(name, " (", pid, ") ", how));
    }
    if (holders.size() == 10) {
      break;
    }
  }
  return holders;
}

[[noreturn]] void ThrowBusy(const std::string& path) {
  const std::vector<std::string> holders = Holders(path);
  throw Error(ErrorCode::kUnavailable,
              StrCat("it is in use: ", holders.empty() ? "a program waits in it" : Join(holders, ", "),
                     "; end that first, or use --lazy"));
}

void Detach(const std::string& path, bool lazy) {
  if (::geteuid() == 0) {
    if (::umount2(path.c_str(), UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0)) == 0) {
      return;
    }
    if (errno == EBUSY) {
      ThrowBusy(path);
    }
    throw Error(ErrorCode::kUnavailable, std::strerror(errno));
  }
  std::vector<std::string> command{"fusermount3", "-u"};
  if (lazy) {
    command.emplace_back("-z");
  }
  command.insert(command.end(), {"--", path});
  const ProcessResult result = RunProcess(command);
  if (result.exit_code == 0) {
    return;
  }
  if (result.error_output.find("busy") != std::string::npos) {
    ThrowBusy(path);
  }
  throw Error(ErrorCode::kUnavailable, result.exit_code < 0 ? "fusermount3 cannot be run; install fuse3"
                                                            : std::string(Trim(result.error_output)));
}

void Unmount(const UmountOptions& options) {
  const std::string path = ResolveMountPoint(options.mount_point);
  const auto mount = FindMount(path);
  if (!mount) {
    throw Error(ErrorCode::kInvalidArgument, "nothing is mounted there");
  }
  if (mount->type != "fuse.trolleyfs") {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat("a '", mount->type, "' file system is mounted there, not trolleyfs; use umount"));
  }
  const UniqueFd server = OpenServer(path);
  Detach(path, options.lazy);
  if (!server || options.lazy) {
    return;
  }
  pollfd ended{server.get(), POLLIN, 0};
  if (::poll(&ended, 1, kPatienceMilliseconds) == 0) {
    throw Error(ErrorCode::kTimedOut, "it is unmounted, but the program that served it has not ended yet");
  }
}

}  // namespace

void DescribeUmount(CLI::App& app, UmountOptions& options) {
  app.add_flag("--lazy", options.lazy, "Even while it is in use: it goes when its last user does");
  app.add_option("DIR", options.mount_point, "Where the archive is mounted")->type_name(" ")->required();
}

int RunUmount(const UmountOptions& options) {
  try {
    Unmount(options);
    return kExitOk;
  } catch (const std::exception& e) {
    PrintFailure(StrCat("Cannot unmount ", options.mount_point, ": ", e.what()));
    return kExitFailure;
  }
}

}  // namespace trolley
