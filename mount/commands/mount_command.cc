// `trolleyfs mount`: prepares the archive, mounts it, and serves it until it is unmounted. Without -f this process
// forks before it makes any thread, see readiness.h.
#include "mount/commands/mount_command.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "archive/archive.h"
#include "base/text.h"
#include "config/default_directories.h"
#include "dicom/synthetic.h"
#include "mount/commands/common_options.h"
#include "mount/commands/exit_codes.h"
#include "mount/commands/mount_point.h"
#include "mount/commands/open_archive.h"
#include "mount/commands/readiness.h"
#include "mount/commands/supervisor.h"
#include "mount/fuse/filesystem.h"
#include "mount/fuse/session.h"
#include "trolley/config.h"
#include "trolley/error.h"

namespace trolley {
namespace {

namespace fs = std::filesystem;

// Everything that is settled before the fork.
struct Plan {
  ArchiveConfig archive;
  std::string mount_point;
  LogOptions log;
  FileSystemOptions file_system;
  bool allow_other = false;
};

ArchiveConfig ChooseArchive(const MountOptions& options) {
  ArchiveConfig archive;
  if (options.demo) {
    const fs::path directory = DefaultDemoDirectory();
    MakeDemoArchive(directory);
    archive = ResolveArchive(fs::absolute(directory).string(), Config{});
    archive.name = "demo";
    archive.browse = "all";
  } else {
    archive = ResolveArchive(options.archive, LoadConfig(options.config));
  }
  ChooseCacheDirectory(options.cache_directory, archive);
  if (options.cache_size) {
    archive.cache_max_size = *options.cache_size;
  }
  return archive;
}

// A folder archive that contains its own mount would be indexed through itself.
void RefuseMountInsideFolder(const ArchiveConfig& archive, const std::string& mount_point) {
  if (IsInsideFolderOf(archive, mount_point)) {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat("directory '", mount_point, "' lies inside the archive's folder; choose one outside"));
  }
}

LogOptions ChooseLog(const MountOptions& options, const ArchiveConfig& archive) {
  LogOptions log{options.log_level, options.log_patient_data, ""};
  if (!options.log_file.empty()) {
    log.file = fs::absolute(options.log_file).string();
  } else if (!options.foreground) {
    std::string name = archive.name;
    for (char& c : name) {
      c = c == '/' || static_cast<unsigned char>(c) <= ' ' ? '_' : c;
    }
    log.file = (archive.cache_directory / "log" / (name + ".log")).string();
  }
  return log;
}

// Only its owner may read the log: it says which studies were read.
void PrepareLogFile(const std::string& file, const fs::path& cache_directory) {
  if (file.empty()) {
    return;
  }
  const fs::path directory = fs::path(file).parent_path();
  if (directory == cache_directory / "log") {
    std::error_code error;
    fs::create_directories(directory, error);
    fs::permissions(directory, fs::perms::owner_all, error);
  }
  const UniqueFd created(::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!created) {
    throw Error(ErrorCode::kStorage, StrCat("Cannot write the log file '", file, "': ", std::strerror(errno),
                                            "; choose another with --log-file"));
  }
}

Plan MakePlan(const MountOptions& options) {
  Plan plan;
  plan.mount_point = ResolveMountPoint(options.mount_point);
  CheckMountPoint(plan.mount_point);
  plan.archive = ChooseArchive(options);
  RefuseMountInsideFolder(plan.archive, plan.mount_point);
  plan.log = ChooseLog(options, plan.archive);
  plan.file_system.uid = options.uid.value_or(::getuid());
  plan.file_system.gid = options.gid.value_or(::getgid());
  plan.file_system.umask = options.umask;
  plan.file_system.passthrough = options.passthrough;
  plan.allow_other = options.allow_other;
  return plan;
}

// The kernel's own readahead is 128 KiB by default. Only root may change it.
void RaiseReadAhead(const std::string& mount_point) {
  if (::geteuid() != 0) {
    return;
  }
  if (const auto mount = FindMount(mount_point)) {
    std::ofstream(StrCat("/sys/class/bdi/", mount->device, "/read_ahead_kb")) << 1024;
  }
}

// Everything that serves a mount, ended in this order: pending requests fail, the connection closes, no more requests
// reach the archive, the archive ends, and last the objects that its callbacks use.
struct Served {
  std::unique_ptr<FileSystem> file_system;
  std::unique_ptr<Archive> archive;
  std::unique_ptr<Session> session;
  std::thread announcer;

  ~Served() {
    if (file_system) {
      file_system->FailPending(ENOTCONN);
    }
    if (session) {
      session->Unmount();
    }
    if (announcer.joinable()) {
      announcer.join();
    }
    if (file_system) {
      file_system->Stop();
    }
    archive.reset();
    file_system.reset();
    session.reset();
  }
};

void Start(const Plan& plan, const Supervisor& supervisor, Served& served) {
  PrepareLogFile(plan.log.file, plan.archive.cache_directory);
  ConfigureLog(plan.log);
  served.archive = std::make_unique<Archive>(plan.archive);
  served.archive->CheckReachable(
      Context{supervisor.stop_token(), Clock::now() + plan.archive.connect_timeout + plan.archive.query_timeout});
  served.file_system = std::make_unique<FileSystem>(*served.archive, plan.file_system);
  served.session = std::make_unique<Session>(
      *served.file_system, SessionOptions{plan.mount_point, StrCat("pacs:", plan.archive.name), plan.allow_other});
}

// Reports that the mount is usable once a stat() has gone through it: by then the kernel has accepted the terms of the
// connection.
void Announce(const Plan& plan, Supervisor& supervisor, Readiness& readiness) {
  struct stat root {};
  if (::stat(plan.mount_point.c_str(), &root) != 0) {
    return;  // unmounted already
  }
  RaiseReadAhead(plan.mount_point);
  if (!readiness.ReportReady()) {
    supervisor.BeginStop();
  }
}

// Each open instance takes a descriptor, and a viewer opens a series of 2000.
void AllowManyOpenFiles() {
  struct rlimit limit {};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
  }
}

int Serve(const Plan& plan, Readiness& readiness) {
  AllowManyOpenFiles();
  Supervisor supervisor;
  Served served;
  const Supervisor::Duties while_ending{
      .refresh = {}, .end_loop = {}, .give_up = [&plan] { DetachMount(plan.mount_point); }};
  try {
    Start(plan, supervisor, served);
  } catch (const std::exception& e) {
    readiness.ReportFailure(StrCat("Cannot mount ", plan.archive.name, " at ", plan.mount_point, ": ", e.what()));
    supervisor.SetDuties({});
    supervisor.BeginStop();
    return kExitFailure;
  }
  supervisor.SetDuties({.refresh = [&] { served.file_system->Refresh(); },
                        .end_loop =
                            [&] {
                              served.file_system->FailPending(ENOTCONN);
                              served.session->EndLoop();
                            },
                        .give_up = while_ending.give_up});
  LogInfo(StrCat("Mounted ", plan.archive.name, " at ", plan.mount_point));
  served.announcer = std::thread([&] { Announce(plan, supervisor, readiness); });
  served.session->Run();
  ::sd_notify(0, "STOPPING=1");
  LogInfo(StrCat("Unmounting ", plan.mount_point));
  supervisor.SetDuties(while_ending);
  supervisor.BeginStop();  // from now on the end has a time limit
  return kExitOk;
}

}  // namespace

int RunMount(const MountOptions& options) {
  Plan plan;
  try {
    plan = MakePlan(options);
  } catch (const std::exception& e) {
    PrintFailure(StrCat("Cannot mount ", options.demo ? "the demo archive: " : "the archive: ", e.what()));
    return kExitFailure;
  }
  if (options.fake) {
    return kExitOk;
  }
  if (options.foreground) {
    Readiness readiness;
    return Serve(plan, readiness);
  }
  return RunInBackground([&](Readiness readiness) {
    ::umask(077);
    return Serve(plan, readiness);
  });
}

}  // namespace trolley
