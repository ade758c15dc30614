#include "mount/fuse/passthrough.h"

#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/text.h"
#include "mount/fuse/fuse_kernel.h"
#include "trolley/log.h"

namespace trolley {
namespace {

// The backing files must not lie on a stack of file systems (overlayfs) themselves; then others may be stacked
// on us.
constexpr uint32_t kStackDepth = 1;

bool IsPrivileged() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3]{};
  return ::syscall(SYS_capget, &header, data) == 0 && (data[0].effective & (1U << CAP_SYS_ADMIN)) != 0;
}

template <typename T>
std::optional<T> ReadAs(std::span<const std::byte> bytes) {
  if (bytes.size() < sizeof(T)) {
    return std::nullopt;
  }
  T value{};
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

std::span<const std::byte> BytesOf(const iovec& part) {
  return {static_cast<const std::byte*>(part.iov_base), part.iov_len};
}

}  // namespace

Passthrough::Passthrough(bool wanted) : possible_(wanted && IsPrivileged()) {}

void Passthrough::NoteRequest(std::span<const std::byte> request) {
  const auto header = ReadAs<fuse_kernel::RequestHeader>(request);
  if (!header || header->opcode != fuse_kernel::kInit) {
    return;
  }
  const auto init = ReadAs<fuse_kernel::InitRequest>(request.subspan(sizeof *header));
  if (init && (init->flags & fuse_kernel::kInitExtended) != 0 && (init->flags2 & fuse_kernel::kInitPassthrough) != 0) {
    init_request_ = header->unique;
  } else {
    GiveUp("the kernel does not offer it");
  }
}

void Passthrough::CompleteReply(std::span<const iovec> parts) {
  if (init_request_ == 0 || agreed_ || parts.size() != 2) {
    return;
  }
  const auto header = ReadAs<fuse_kernel::ReplyHeader>(BytesOf(parts[0]));
  if (!header || header->unique != init_request_) {
    return;
  }
  auto reply = ReadAs<fuse_kernel::InitReply>(BytesOf(parts[1]));
  init_request_ = 0;
  if (header->error != 0 || !reply || (reply->flags & fuse_kernel::kInitExtended) == 0) {
    GiveUp("libfuse does not speak the protocol that it takes");
    return;
  }
  reply->flags2 |= fuse_kernel::kInitPassthrough;
  reply->max_stack_depth = kStackDepth;
  std::memcpy(parts[1].iov_base, &*reply, sizeof *reply);
  agreed_ = true;
  LogDebug("The kernel reads complete files by itself");
}

void Passthrough::Begin(int device) {
  const WriterLock lock(device_mutex_);
  device_ = device;
}

void Passthrough::End() {
  const WriterLock lock(device_mutex_);
  device_ = -1;
}

std::optional<int32_t> Passthrough::Register(int file) {
  if (!agreed_) {
    return std::nullopt;
  }
  const fuse_kernel::BackingMap map{file, 0, 0};
  int id = -1;
  int error = 0;
  {
    const ReaderLock lock(device_mutex_);
    if (device_ < 0) {
      return std::nullopt;
    }
    id = ::ioctl(device_, fuse_kernel::kBackingOpen, &map);
    error = errno;
  }
  if (id > 0) {
    return id;
  }
  if (error != EMFILE && error != ENFILE && error != ENOMEM && error != ENOSPC && error != EINTR) {
    // The privilege does not reach that far (a container), or what the cache lies on is not fit for it.
    agreed_ = false;
    GiveUp(std::strerror(error));
  }
  return std::nullopt;
}

void Passthrough::Unregister(int32_t id) {
  const ReaderLock lock(device_mutex_);
  if (device_ >= 0) {
    const auto number = static_cast<uint32_t>(id);
    ::ioctl(device_, fuse_kernel::kBackingClose, &number);
  }
}

void Passthrough::GiveUp(const char* why) {
  LogInfo(StrCat("The kernel does not read complete files by itself: ", why));
}

}  // namespace trolley
