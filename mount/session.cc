#include "mount/session.h"

#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <memory>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "mount/fuse.h"
#include "mount/subprocess.h"

namespace trolley {
namespace {

// As many as may be answering from disk at a time; none of them waits for the archive.
constexpr unsigned kThreads = 16;

std::string MountOptionString(const SessionOptions& options) {
  std::string source = options.source;
  std::replace_if(
      source.begin(), source.end(), [](unsigned char c) { return c == ',' || c == '\\' || c < ' '; }, '_');
  return StrCat("fsname=", source, ",subtype=trolleyfs,ro,nosuid,nodev,default_permissions",
                options.allow_other ? ",allow_other" : "");
}

void LogLibraryMessage(fuse_log_level level, const char* format, va_list values) {
  char text[512];
  std::vsnprintf(text, sizeof text, format, values);
  Log(level <= FUSE_LOG_WARNING ? LogLevel::kWarning : LogLevel::kDebug, Trim(text));
}

std::string OneLine(std::string_view text) {
  std::string line(Trim(text));
  std::replace(line.begin(), line.end(), '\n', ' ');
  return line.empty() ? "the kernel refused it" : line;
}

// What libfuse does by itself, with a look at the greeting.
ssize_t ReadRequest(int device, void* buffer, size_t length, void* file_system) {
  const ssize_t got = ::read(device, buffer, length);
  if (got > 0) {
    static_cast<FileSystem*>(file_system)
        ->passthrough()
        .NoteRequest({static_cast<const std::byte*>(buffer), static_cast<size_t>(got)});
  }
  return got;
}

ssize_t WriteReply(int device, iovec* parts, int count, void* file_system) {
  static_cast<FileSystem*>(file_system)->passthrough().CompleteReply({parts, static_cast<size_t>(count)});
  return ::writev(device, parts, count);
}

}  // namespace

Session::Session(FileSystem& file_system, const SessionOptions& options) {
  const std::string option_string = MountOptionString(options);
  const char* arguments[] = {"trolleyfs", "-o", option_string.c_str()};
  fuse_args args = FUSE_ARGS_INIT(3, const_cast<char**>(arguments));
  int failure = 0;
  const std::string said = CaptureStandardError([&] {
    session_ =
        fuse_session_new(&args, &FileSystem::Operations(), sizeof(fuse_lowlevel_ops), static_cast<void*>(&file_system));
    failure = session_ == nullptr ? -1 : fuse_session_mount(session_, options.mount_point.c_str());
  });
  fuse_opt_free_args(&args);
  if (failure != 0) {
    if (session_ != nullptr) {
      fuse_session_destroy(session_);
    }
    throw Error(ErrorCode::kUnavailable, OneLine(said));
  }
  mounted_ = true;
  fuse_set_log_func(&LogLibraryMessage);
  if (file_system.passthrough().possible()) {
    // In spite of its name: mounting and unmounting stay libfuse's.
    constexpr fuse_custom_io io{&WriteReply, &ReadRequest, nullptr, nullptr};
    fuse_session_custom_io(session_, &io, fuse_session_fd(session_));
  }
  file_system.Attach(session_);
}

Session::~Session() {
  Unmount();
  fuse_session_destroy(session_);
}

void Session::Run() {
  const std::unique_ptr<fuse_loop_config, void (*)(fuse_loop_config*)> config(fuse_loop_cfg_create(),
                                                                              &fuse_loop_cfg_destroy);
  fuse_loop_cfg_set_max_threads(config.get(), kThreads);
  fuse_loop_cfg_set_idle_threads(config.get(), kThreads);
  fuse_loop_cfg_set_clone_fd(config.get(), 0);
  runner_ = ::pthread_self();
  running_ = true;
  fuse_session_loop_mt(session_, config.get());
  running_ = false;
}

void Session::EndLoop() {
  if (running_) {
    fuse_session_exit(session_);
    ::pthread_kill(runner_, SIGUSR2);
  }
}

void Session::Unmount() {
  if (mounted_) {
    mounted_ = false;
    fuse_session_unmount(session_);
  }
}

}  // namespace trolley
