#include "support/mounted.h"

#include <sys/mount.h>

#include <csignal>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "support/paths.h"

namespace trolley {
namespace {

constexpr std::chrono::seconds kPatience{60};

}  // namespace

bool IsMountPoint(const std::filesystem::path& path) {
  std::ifstream mounts("/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream fields(line);
    std::string field;
    for (int i = 0; i < 5; ++i) {
      fields >> field;
    }
    if (field == path.string()) {
      return true;
    }
  }
  return false;
}

Mounted::Mounted(const std::string& archive, const std::filesystem::path& cache,
                 const std::vector<std::string>& options, const RunOptions& run)
    : path_(directory_ / "mount") {
  std::filesystem::create_directory(path_);
  if (run.user) {
    std::filesystem::permissions(directory_.path(), std::filesystem::perms(0755));
    std::filesystem::permissions(path_, std::filesystem::perms::all);
  }
  std::vector<std::string> argv{kTrolleyfsProgram, "mount",       "-f",          archive,
                                path_.string(),    "--cache-dir", cache.string()};
  argv.insert(argv.end(), options.begin(), options.end());
  process_ = std::make_unique<Process>(argv, run);
  const auto give_up = std::chrono::steady_clock::now() + kPatience;
  while (!IsMountPoint(path_)) {
    if (!process_->Running() || std::chrono::steady_clock::now() > give_up) {
      throw std::runtime_error("the mount did not come up: " + process_->Err());
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

Mounted::~Mounted() {
  if (process_->Running()) {
    process_->Signal(SIGTERM);
    process_->Wait(std::chrono::seconds(20));
  }
  if (IsMountPoint(path_)) {
    RunProgram({"fusermount3", "-u", "-z", path_.string()});
  }
}

bool Mounted::Unmount() {
  const RunResult umount = RunProgram({kTrolleyfsProgram, "umount", path_.string()});
  return umount.exit_code == 0 && process_->Wait(kPatience) == 0 && !IsMountPoint(path_);
}

uint64_t Mounted::PeakMemory() const {
  std::ifstream status("/proc/" + std::to_string(process_->pid()) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) {
      return std::stoull(line.substr(6)) * 1024;
    }
  }
  return 0;
}

Mounted::Reads Mounted::CountReads() const {
  std::ifstream io("/proc/" + std::to_string(process_->pid()) + "/io");
  Reads reads;
  uint64_t value = 0;
  for (std::string name; io >> name >> value;) {
    if (name == "rchar:") {
      reads.bytes = value;
    } else if (name == "syscr:") {
      reads.calls = value;
    }
  }
  if (reads.calls == 0) {
    throw std::runtime_error("the reads of the mount cannot be counted");
  }
  return reads;
}

Mounted::Reads Mounted::ReadsSince(const Reads& before) const {
  Reads now = CountReads();
  for (int quiet = 0; quiet < 5; ++quiet) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    const Reads later = CountReads();
    quiet = later.calls == now.calls ? quiet : 0;
    now = later;
  }
  return {now.calls - before.calls, now.bytes - before.bytes};
}

}  // namespace trolley
