// The part of FileSystem (filesystem.h) that opens and reads files. Runs on the session's threads, which must not wait;
// replies that take a transfer come from the retriever's threads.
#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <span>

#include "mount/fuse/filesystem.h"
#include "mount/fuse/fuse.h"
#include "mount/fuse/fuse_kernel.h"

namespace trolley {
namespace {

// One for each thread that replies to reads; the kernel requests at most 1 MiB.
std::span<std::byte> ReadBuffer(size_t size) {
  thread_local std::vector<std::byte> buffer;
  if (buffer.size() < size) {
    buffer.resize(size);
  }
  return {buffer.data(), size};
}

// Whether the kernel's pages of this inode still show what was opened. Not so when a folder's file was written anew,
// with other bytes of equal number.
bool SameContent(Inode& inode, uint64_t stamp) {
  if (stamp == 0) {
    return true;
  }
  const uint64_t before = inode.content;
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
  Retriever::Lookup lookup = archive_.retriever().TryOpen(reference);
  if (lookup.instance != nullptr) {
    ReplyOpen(request, info, view, std::move(lookup.instance));
    return;
  }
  if (auto instance = open_.ReadByKernel(id)) {
    // It has left the cache, but somebody has it open.
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
    archive_.retriever().Open(reference, std::move(lookup), pending->stop.get_token(),
                              [this, pending, info, view](const Retriever::Opened& opened) {
                                pending_.Complete(pending, [&](fuse_req* waiting) {
                                  if (opened.error) {
                                    ReplyError(waiting, opened.error);
                                  } else if (!opened.instance) {
                                    fuse_reply_err(waiting, ENOENT);
                                  } else {
                                    Guard(waiting, [&] { ReplyOpen(waiting, info, view, opened.instance); });
                                  }
                                });
                              });
  });
}

void FileSystem::ReplyOpen(fuse_req* request, fuse_file_info info, const InodeView& inode,
                           std::shared_ptr<OpenedInstance> instance) {
  OpenFile file{inode, {}, {}};
  if (instance == nullptr) {
    file.control_content = archive_.ControlFile(inode.node->file->control);
    info.direct_io = 1;
    SendOpen(request, info, std::move(file));
    return;
  }
  // A folder's own files change, and are cut short, while they are open: we notice, the kernel would not. And O_DIRECT
  // has rules of its own on each file system.
  const bool is_direct = (info.flags & O_DIRECT) != 0;
  const bool prefer_backing = archive_.instance_cache() != nullptr && !is_direct;
  file.open = open_.Open(inode.inode->id, std::move(instance), prefer_backing);
  const OpenedInstance& opened = *file.open.instance();
  // The kernel must not read by an estimated size: it would cut the file or pad it. This takes the estimate back
  // before anybody can read; getattr gives the exact size from now on.
  PublishedSize& size = inode.inode->size;
  const auto correction = size.LearnFromOpen(opened.size());
  if (correction != PublishedSize::Correction::kNone) {
    NotifySizeChanged(inode.inode->id);
  }
  if (correction == PublishedSize::Correction::kAttributes) {
    size.Corrected(correction);
  }
  const bool pages_outdated = correction == PublishedSize::Correction::kContent;
  info.keep_cache = SameContent(*inode.inode, file.open.stamp()) && !pages_outdated;
  if (info.keep_cache && !is_direct && file.open.backing() == 0 && opened.CompleteFd() < 0) {
    StorePages(inode.inode->id, *file.open.instance());
  }
  info.noflush = 1;
  info.direct_io = is_direct && file.open.backing() != 0;
  const uint64_t stamp = file.open.stamp();
  if (SendOpen(request, info, std::move(file))) {
    // Not before: a program that opens it meanwhile must not keep the old pages either.
    if (stamp != 0) {
      inode.inode->content = stamp;
    }
    if (pages_outdated) {
      size.Corrected(correction);
    }
  }
}

// False: the kernel has not taken it, and does not know the handle.
bool FileSystem::SendOpen(fuse_req* request, fuse_file_info info, OpenFile&& file) {
  const int32_t backing = file.open.backing();
  info.fh = files_.Add(std::make_shared<const OpenFile>(std::move(file)));
  int failure = 0;
  if (backing == 0) {
    failure = fuse_reply_open(request, &info);
  } else {
    // Not with FOPEN_KEEP_CACHE: the pages that the kernel keeps of our own replies are not what it reads.
    const fuse_kernel::OpenReply reply{
        info.fh,
        fuse_kernel::kOpenPassthrough | fuse_kernel::kOpenNoFlush | (info.direct_io ? fuse_kernel::kOpenDirect : 0),
        backing};
    failure = fuse_reply_buf(request, reinterpret_cast<const char*>(&reply), sizeof reply);
  }
  if (failure != 0) {
    files_.Remove(info.fh);
  }
  return failure == 0;
}

void FileSystem::Read(fuse_req* request, size_t size, off_t offset, uint64_t handle) {
  const auto file = files_.Find(handle);
  if (!file || offset < 0) {
    fuse_reply_err(request, EBADF);
    return;
  }
  const auto start = static_cast<uint64_t>(offset);
  if (!file->open.instance()) {
    const std::string& content = file->control_content;
    const size_t from = std::min<size_t>(content.size(), start);
    fuse_reply_buf(request, content.data() + from, std::min(size, content.size() - from));
    return;
  }
  const std::span<std::byte> buffer = ReadBuffer(size);
  if (const auto length = file->open.instance()->TryRead(start, buffer)) {
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
  file->open.instance()->WhenReadable(offset, size, pending->stop.get_token(), [this, pending, file, size, offset] {
    const std::span<std::byte> buffer = ReadBuffer(size);
    std::optional<size_t> length;
    std::exception_ptr error;
    try {
      length = file->open.instance()->TryRead(offset, buffer);
    } catch (...) {
      error = std::current_exception();
    }
    if (!length && !error && !pending->stop.stop_requested()) {
      ReadWhenReadable(pending, file, size, offset);
      return;
    }
    pending_.Complete(pending, [&](fuse_req* waiting) {
      if (error) {
        ReplyError(waiting, error, Operation::kRead);
      } else if (length) {
        fuse_reply_buf(waiting, Chars(buffer), *length);
      } else {
        fuse_reply_err(waiting, EINTR);
      }
    });
  });
}

}  // namespace trolley
