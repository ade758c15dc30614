#ifndef TROLLEY_MOUNT_FUSE_FUSE_KERNEL_H_
#define TROLLEY_MOUNT_FUSE_FUSE_KERNEL_H_

#include <sys/ioctl.h>

#include <cstdint>

// The part of the kernel's FUSE protocol (its include/uapi/linux/fuse.h, version 7.40) that neither libfuse 3.14 nor
// the headers of Debian 12 know. Layouts are the kernel's: do not change them.
namespace trolley::fuse_kernel {

inline constexpr uint32_t kRead = 15;  // opcodes
inline constexpr uint32_t kInit = 26;
inline constexpr uint32_t kInitExtended = 1U << 30;    // FUSE_INIT_EXT in flags: flags2 counts
inline constexpr uint32_t kInitPassthrough = 1U << 5;  // FUSE_PASSTHROUGH in flags2 (bit 37 of both)

inline constexpr uint32_t kOpenDirect = 1U << 0;       // FOPEN_DIRECT_IO
inline constexpr uint32_t kOpenNoFlush = 1U << 5;      // FOPEN_NOFLUSH
inline constexpr uint32_t kOpenPassthrough = 1U << 7;  // FOPEN_PASSTHROUGH

struct RequestHeader {
  uint32_t length;
  uint32_t opcode;
  uint64_t unique;
  uint64_t node;
  uint32_t uid, gid, pid;
  uint32_t extensions;
};

struct ReadRequest {
  uint64_t handle;
  uint64_t offset;
  uint32_t size;
  uint32_t flags_and_more[5];
};

struct InitRequest {
  uint32_t major, minor;
  uint32_t max_readahead;
  uint32_t flags;
  uint32_t flags2;
  uint32_t unused[11];
};

struct ReplyHeader {
  uint32_t length;
  int32_t error;
  uint64_t unique;
};

struct InitReply {
  uint32_t major, minor;
  uint32_t max_readahead;
  uint32_t flags;
  uint16_t max_background, congestion_threshold;
  uint32_t max_write;
  uint32_t time_granularity;
  uint16_t max_pages, map_alignment;
  uint32_t flags2;
  uint32_t max_stack_depth;
  uint32_t unused[6];
};

struct OpenReply {
  uint64_t handle;
  uint32_t flags;
  int32_t backing_id;
};

struct BackingMap {
  int32_t fd;
  uint32_t flags;
  uint64_t padding;
};

static_assert(sizeof(RequestHeader) == 40 && sizeof(InitRequest) == 64 && sizeof(ReplyHeader) == 16);
static_assert(sizeof(ReadRequest) == 40);
static_assert(sizeof(InitReply) == 64 && sizeof(OpenReply) == 16 && sizeof(BackingMap) == 16);

// On the descriptor of /dev/fuse. The first gives a backing ID.
inline constexpr unsigned long kBackingOpen = _IOW(229, 1, BackingMap);
inline constexpr unsigned long kBackingClose = _IOW(229, 2, uint32_t);

}  // namespace trolley::fuse_kernel

#endif  // TROLLEY_MOUNT_FUSE_FUSE_KERNEL_H_
