#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <span>

#include "mount/filesystem.h"
#include "mount/fuse.h"

namespace trolley {
namespace {

// One for each thread that answers reads; the kernel asks for at most 1 MiB.
std::span<std::byte> ReadBuffer(size_t size) {
  thread_local std::vector<std::byte> buffer;
  if (buffer.size() < size) {
    buffer.resize(size);
  }
  return {buffer.data(), size};
}

// Tells one state of a file from another: a folder's file may be written anew, with other bytes of equal number. 0
// while the bytes are still arriving.
uint64_t ContentStamp(const OpenedInstance& instance) {
  struct stat status {};
  const int fd = instance.CompleteFd();
  if (fd < 0 || fstat(fd, &status) != 0) {
    return 0;
  }
  const auto mtime =
      static_cast<uint64_t>(status.st_mtim.tv_sec) * 1000000000U + static_cast<uint64_t>(status.st_mtim.tv_nsec);
  return (mtime ^ (static_cast<uint64_t>(status.st_ino) << 20)) | 1;
}

// Whether the kernel's pages of this inode still show what was opened.
bool SameContent(Inode& inode, const OpenedInstance& instance) {
  const uint64_t stamp = ContentStamp(instance);
  if (stamp == 0) {
    return true;
  }
  const uint64_t before = inode.content.exchange(stamp);
  return before == 0 || before == stamp;
}

const char* Chars(std::span<const std::byte> bytes) {
  return reinterpret_cast<const char*>(bytes.data());
}

}  // namespace

void FileSystem::Open(fuse_req* request, NodeId id, const fuse_file_info& info) {
  const InodeView view = inodes_.Find(id);
  if (!view || view.is_directory()) {
    fuse_reply_err(request, view ? EISDIR : ESTALE);
    return;
  }
  if ((info.flags & O_ACCMODE) != O_RDONLY || (info.flags & O_TRUNC) != 0) {
    fuse_reply_err(request, EROFS);
    return;
  }
  if (!view.node->file->instance) {
    ReplyOpen(request, info, view, nullptr);
    return;
  }
  const InstanceReference reference = view.node->file->reference();
  if (auto instance = archive_.retriever().TryOpen(reference)) {
    ReplyOpen(request, info, view, std::move(instance));
    return;
  }
  // The retriever has its own, shorter limits for each step; this one is for the case that they fail.
  const ArchiveConfig& config = archive_.config();
  const auto pending = pending_.Add(request, Clock::now() + config.transfer_timeout + 2 * config.query_timeout);
  if (!pending) {
    return;
  }
  BeginWaiting(pending, [&] {
    archive_.retriever().Open(reference, pending->stop.get_token(),
                              [this, pending, info, view](const Retriever::Opened& opened) {
                                pending_.Answer(pending, [&](fuse_req* answered) {
                                  if (opened.error) {
                                    ReplyError(answered, opened.error);
                                  } else if (!opened.instance) {
                                    fuse_reply_err(answered, ENOENT);
                                  } else {
                                    Guard(answered, [&] { ReplyOpen(answered, info, view, opened.instance); });
                                  }
                                });
                              });
  });
}

void FileSystem::ReplyOpen(fuse_req* request, fuse_file_info info, const InodeView& inode,
                           std::shared_ptr<OpenedInstance> instance) {
  OpenFile file{inode, std::move(instance), {}};
  bool pages_outdated = false;
  if (file.instance) {
    // The kernel must not read by an estimated size: it would cut the file or pad it. This takes the estimate back
    // before anybody can read; getattr gives the exact size from now on.
    const auto correction = inode.inode->size.LearnFromOpen(file.instance->size());
    if (correction != PublishedSize::Correction::kNone) {
      NotifySizeChanged(inode.inode->id);
    }
    if (correction == PublishedSize::Correction::kAttributes) {
      inode.inode->size.Corrected(correction);
    }
    const bool same = SameContent(*inode.inode, *file.instance);
    pages_outdated = correction == PublishedSize::Correction::kContent;
    info.keep_cache = same && !pages_outdated;
    info.noflush = 1;
  } else {
    file.control_content = archive_.ControlFile(inode.node->file->control);
    info.direct_io = 1;
  }
  info.fh = files_.Add(std::make_shared<const OpenFile>(std::move(file)));
  if (fuse_reply_open(request, &info) != 0) {
    files_.Remove(info.fh);
  } else if (pages_outdated) {
    inode.inode->size.Corrected(PublishedSize::Correction::kContent);
  }
}

void FileSystem::Read(fuse_req* request, size_t size, off_t offset, uint64_t handle) {
  const auto file = files_.Find(handle);
  if (!file || offset < 0) {
    fuse_reply_err(request, EBADF);
    return;
  }
  const auto start = static_cast<uint64_t>(offset);
  if (!file->instance) {
    const std::string& content = file->control_content;
    const size_t from = std::min<size_t>(content.size(), start);
    fuse_reply_buf(request, content.data() + from, std::min(size, content.size() - from));
    return;
  }
  const std::span<std::byte> buffer = ReadBuffer(size);
  if (const auto length = file->instance->TryRead(start, buffer)) {
    fuse_reply_buf(request, Chars(buffer), *length);
    return;
  }
  const auto pending = pending_.Add(request, Clock::now() + archive_.config().transfer_timeout);
  if (pending) {
    BeginWaiting(pending, [&] { ReadWhenReadable(pending, file, size, start); });
  }
}

void FileSystem::ReadWhenReadable(const PendingRequests::Pointer& pending, const std::shared_ptr<const OpenFile>& file,
                                  size_t size, uint64_t offset) {
  file->instance->WhenReadable(offset, size, pending->stop.get_token(), [this, pending, file, size, offset] {
    const std::span<std::byte> buffer = ReadBuffer(size);
    std::optional<size_t> length;
    std::exception_ptr error;
    try {
      length = file->instance->TryRead(offset, buffer);
    } catch (...) {
      error = std::current_exception();
    }
    if (!length && !error && !pending->stop.stop_requested()) {
      ReadWhenReadable(pending, file, size, offset);
      return;
    }
    pending_.Answer(pending, [&](fuse_req* answered) {
      if (error) {
        ReplyError(answered, error, Operation::kRead);
      } else if (length) {
        fuse_reply_buf(answered, Chars(buffer), *length);
      } else {
        fuse_reply_err(answered, EINTR);
      }
    });
  });
}

}  // namespace trolley
