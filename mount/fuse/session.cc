#include "mount/fuse/session.h"

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "base/text.h"
#include "mount/fuse/fuse.h"
#include "mount/fuse/fuse_kernel.h"
#include "mount/fuse/subprocess.h"
#include "trolley/error.h"
#include "trolley/log.h"

namespace trolley {
namespace {

// The number of requests that may wait for the disk concurrently; none of them waits for the archive.
constexpr unsigned kThreads = 16;
constexpr uint32_t kShortRead = 32 << 10;

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

// As libfuse reads requests by itself, but Passthrough sees the INIT request.
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

// Requests of the kernel, received through libfuse.
class Session::Requests : public RequestSource {
 public:
  explicit Requests(fuse_session* session) : session_(session), buffers_(kThreads) {}
  Requests(const Requests&) = delete;
  Requests& operator=(const Requests&) = delete;
  ~Requests() override {
    for (const fuse_buf& buffer : buffers_) {
      std::free(buffer.mem);  // libfuse has allocated it
    }
  }

  int fd() const override { return fuse_session_fd(session_); }

  Received Receive(unsigned worker) override {
    fuse_buf& buffer = buffers_[worker];
    const int got = fuse_session_receive_buf(session_, &buffer);
    if (got == -EAGAIN || got == -EINTR) {
      return Received::kNothing;
    }
    return got <= 0 ? Received::kEnded : IsLong(buffer) ? Received::kLong : Received::kShort;
  }

  void Handle(unsigned worker) override { fuse_session_process_buf(session_, &buffers_[worker]); }

 private:
  static bool IsLong(const fuse_buf& buffer) {
    struct {
      fuse_kernel::RequestHeader header;
      fuse_kernel::ReadRequest read;
    } request{};
    std::memcpy(&request, buffer.mem, std::min(buffer.size, sizeof request));
    return request.header.opcode == fuse_kernel::kRead && request.read.size > kShortRead;
  }

  fuse_session* const session_;
  std::vector<fuse_buf> buffers_;
};

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
  const int device = fuse_session_fd(session_);
  ::fcntl(device, F_SETFL, ::fcntl(device, F_GETFL) | O_NONBLOCK);
  requests_ = std::make_unique<Requests>(session_);
  loop_ = std::make_unique<RequestLoop>(*requests_, kThreads);
  file_system.Attach(session_);
}

Session::~Session() {
  Unmount();
  fuse_session_destroy(session_);
}

void Session::Run() {
  loop_->Run();
}

void Session::EndLoop() {
  loop_->Stop();
}

void Session::Unmount() {
  if (mounted_) {
    mounted_ = false;
    fuse_session_unmount(session_);
  }
}

}  // namespace trolley
