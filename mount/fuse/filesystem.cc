// The part of FileSystem that connects libfuse's callbacks with the operations, begins and completes pending requests,
// and sends notifications to the kernel.
#include "mount/fuse/filesystem.h"

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/text.h"
#include "mount/fuse/caller_signals.h"
#include "mount/fuse/fuse.h"
#include "trolley/log.h"

namespace trolley {
namespace {

constexpr size_t kListingThreads = 4;  // for work on the CPU only
constexpr size_t kWaitingThreads = 8;  // for learning sizes and for Refresh()
constexpr uint32_t kBlockSize = 1 << 20;
constexpr size_t kStoredWithOpen = 64 << 10;

FileSystem& Self(fuse_req* request) {
  return *static_cast<FileSystem*>(fuse_req_userdata(request));
}

}  // namespace

// Where libfuse's C functions meet the class.
struct Callbacks {
  static void OnInterrupt(fuse_req* request, void* id) {
    Self(request).pending_.Interrupt(reinterpret_cast<uintptr_t>(id));
  }
  static void Init(void* self, fuse_conn_info* connection) { static_cast<FileSystem*>(self)->Init(connection); }
  static void Lookup(fuse_req* request, fuse_ino_t parent, const char* name) {
    Self(request).Guard(request, [&] { Self(request).Lookup(request, parent, name); });
  }
  static void Forget(fuse_req* request, fuse_ino_t id, uint64_t lookups) {
    Self(request).Forget(id, lookups);
    fuse_reply_none(request);
  }
  static void ForgetMulti(fuse_req* request, size_t count, fuse_forget_data* forgets) {
    for (size_t i = 0; i < count; ++i) {
      Self(request).Forget(forgets[i].ino, forgets[i].nlookup);
    }
    fuse_reply_none(request);
  }
  static void GetAttr(fuse_req* request, fuse_ino_t id, fuse_file_info*) {
    Self(request).Guard(request, [&] { Self(request).GetAttributes(request, id); });
  }
  static void OpenDir(fuse_req* request, fuse_ino_t id, fuse_file_info* info) {
    Self(request).Guard(request, [&] { Self(request).OpenDir(request, id, *info); });
  }
  static void ReadDir(fuse_req* request, fuse_ino_t, size_t size, off_t offset, fuse_file_info* info) {
    Self(request).Guard(request, [&] { Self(request).ReadDir(request, size, offset, info->fh, false); });
  }
  static void ReadDirPlus(fuse_req* request, fuse_ino_t, size_t size, off_t offset, fuse_file_info* info) {
    Self(request).Guard(request, [&] { Self(request).ReadDir(request, size, offset, info->fh, true); });
  }
  static void ReleaseDir(fuse_req* request, fuse_ino_t, fuse_file_info* info) {
    Self(request).directories_.Remove(info->fh);
    fuse_reply_err(request, 0);
  }
  static void Open(fuse_req* request, fuse_ino_t id, fuse_file_info* info) {
    Self(request).Guard(request, [&] { Self(request).Open(request, id, *info); });
  }
  static void Read(fuse_req* request, fuse_ino_t, size_t size, off_t offset, fuse_file_info* info) {
    try {
      Self(request).Read(request, size, offset, info->fh);
    } catch (...) {
      Self(request).ReplyError(request, std::current_exception(), Operation::kRead);
    }
  }
  static void Release(fuse_req* request, fuse_ino_t, fuse_file_info* info) {
    Self(request).files_.Remove(info->fh);
    fuse_reply_err(request, 0);
  }
  static void StatFs(fuse_req* request, fuse_ino_t) { Self(request).StatFs(request); }
  static void GetXattr(fuse_req* request, fuse_ino_t id, const char* name, size_t size) {
    Self(request).Guard(request, [&] { Self(request).GetXattr(request, id, name, size); });
  }
  static void ListXattr(fuse_req* request, fuse_ino_t id, size_t size) {
    Self(request).Guard(request, [&] { Self(request).ListXattr(request, id, size); });
  }
};

const fuse_lowlevel_ops& FileSystem::Operations() {
  // libfuse replies ENOSYS to other requests, once for flush and fsync; the kernel refuses to write by itself.
  static const fuse_lowlevel_ops operations = [] {
    fuse_lowlevel_ops ops{};
    ops.init = &Callbacks::Init;
    ops.lookup = &Callbacks::Lookup;
    ops.forget = &Callbacks::Forget;
    ops.forget_multi = &Callbacks::ForgetMulti;
    ops.getattr = &Callbacks::GetAttr;
    ops.opendir = &Callbacks::OpenDir;
    ops.readdir = &Callbacks::ReadDir;
    ops.readdirplus = &Callbacks::ReadDirPlus;
    ops.releasedir = &Callbacks::ReleaseDir;
    ops.open = &Callbacks::Open;
    ops.read = &Callbacks::Read;
    ops.release = &Callbacks::Release;
    ops.statfs = &Callbacks::StatFs;
    ops.getxattr = &Callbacks::GetXattr;
    ops.listxattr = &Callbacks::ListXattr;
    return ops;
  }();
  return operations;
}

FileSystem::FileSystem(Archive& archive, const FileSystemOptions& options)
    : archive_(archive),
      options_(options),
      inodes_(archive.tree().root()),
      passthrough_(options.passthrough),
      open_({.register_file = [this](int file) { return passthrough_.Register(file); },
             .unregister = [this](int32_t id) { passthrough_.Unregister(id); }}),
      pending_({
          .reply_error = [](fuse_req* request, int error) { fuse_reply_err(request, error); },
          .watch =
              [](fuse_req* request, uint64_t id) {
                fuse_req_interrupt_func(request, &Callbacks::OnInterrupt, reinterpret_cast<void*>(id));
              },
          .caller = [](fuse_req* request) { return fuse_req_ctx(request)->pid; },
          .has_ending_signal = &HasEndingSignal,
      }),
      listing_pool_(std::make_unique<ThreadPool>(kListingThreads, "listing")),
      waiting_pool_(std::make_unique<ThreadPool>(kWaitingThreads, "sizes")) {}

FileSystem::~FileSystem() {
  Stop();
}

void FileSystem::Attach(fuse_session* session) {
  session_ = session;
  passthrough_.Begin(fuse_session_fd(session));
}

void FileSystem::FailPending(int error) {
  passthrough_.End();
  {
    const MutexLock lock(notify_mutex_);
    closing_ = true;
  }
  pending_.FailAll(error);
}

void FileSystem::Stop() {
  FailPending(ENOTCONN);
  running_calls_.WaitForAll();
  listing_pool_.reset();
  waiting_pool_.reset();
  files_.Clear();
  directories_.Clear();
}

void FileSystem::Init(fuse_conn_info* connection) {
  const auto want = [&](unsigned flags) { connection->want |= connection->capable & flags; };
  const auto refuse = [&](unsigned flags) { connection->want &= ~flags; };
  // READDIRPLUS always: the attributes cost us nothing, and a later stat of each name would cost a lookup.
  want(FUSE_CAP_ASYNC_READ | FUSE_CAP_PARALLEL_DIROPS | FUSE_CAP_READDIRPLUS);
  refuse(FUSE_CAP_READDIRPLUS_AUTO);
  // Before each read the kernel then requests the attributes that we took back. With only FUSE_CAP_EXPLICIT_INVAL_DATA
  // a reader that never calls fstat reads on by an outdated size, and several read-aheads that end short at once leave
  // a wrong one behind: the file is padded with zeros.
  want(FUSE_CAP_AUTO_INVAL_DATA);
  refuse(FUSE_CAP_EXPLICIT_INVAL_DATA);
  // Splicing was measured to be slower than copying.
  refuse(FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE);
  // Read-ahead counts as background: reads that wait for a hanging archive must not use up what reads of cached files
  // need. The threads that serve them never wait, so many may be outstanding.
  connection->max_background = 1024;
  connection->congestion_threshold = 768;
}

void FileSystem::ReplyError(fuse_req* request, const std::exception_ptr& error, Operation operation) {
  const int code = ErrnoFor(error, operation);
  if (code != EINTR) {
    LogWarning(DescribeError(error));
  }
  fuse_reply_err(request, code);
}

std::chrono::milliseconds FileSystem::QueryLimit() const {
  return archive_.config().query_timeout + archive_.config().connect_timeout;
}

void FileSystem::ReplyLater(fuse_req* request, std::chrono::milliseconds limit, const BeginQuery& begin) {
  // The pending request's own deadline is a little later, so that the query can say what it waited for.
  const auto deadline = Clock::now() + limit;
  const auto pending = pending_.Add(request, deadline + std::chrono::seconds(1));
  if (!pending) {
    return;
  }
  const Context context{pending->stop.get_token(), deadline};
  const auto complete = [this, pending](const Reply& reply) {
    pending_.Complete(pending, [&](fuse_req* waiting) { Guard(waiting, [&] { reply(waiting); }); });
  };
  const auto prepare = [this, pending, context, complete](const PrepareReply& prepare_reply, auto&& running) {
    if (pending->stop.stop_requested()) {
      return;
    }
    PreparedReply prepared = prepare_reply();
    if (prepared.sizes_to_learn.empty()) {
      complete(prepared.reply);
      return;
    }
    waiting_pool_->Submit([this, pending, context, complete, prepared, running](const std::stop_token&) {
      BeginWaiting(pending, [&] {
        archive_.LearnSizes(prepared.sizes_to_learn, context);
        complete(prepared.reply);
      });
    });
  };
  const auto done = [this, pending, prepare, running = running_calls_.Begin()](PrepareReply prepare_reply) {
    BeginWaiting(pending, [&] {
      listing_pool_->Submit([this, pending, prepare, running, prepare_reply](const std::stop_token&) {
        BeginWaiting(pending, [&] { prepare(prepare_reply, running); });
      });
    });
  };
  BeginWaiting(pending, [&] { begin(context, done); });
}

void FileSystem::StatFs(fuse_req* request) {
  // From memory: `df` hanging is the commonest complaint about network file systems. Read-only, so nothing is free.
  struct statvfs status {};
  status.f_bsize = kBlockSize;
  status.f_frsize = 4096;
  const InstanceCache* cache = archive_.instance_cache();
  status.f_blocks = cache != nullptr ? archive_.config().cache_max_size / status.f_frsize : 1;
  status.f_files = inodes_.size();
  status.f_namemax = 255;
  fuse_reply_statfs(request, &status);
}

void FileSystem::Refresh() {
  waiting_pool_->Submit([this](const std::stop_token&) {
    try {
      archive_.Refresh();
    } catch (const std::exception& e) {
      LogError(e.what());
    }
    for (const InodeView& directory : inodes_.Directories()) {
      NotifySizeChanged(directory.inode->id);
    }
  });
}

void FileSystem::NotifySizeChanged(NodeId id) {
  // Attributes alone (offset -1): that takes no lock which a waiting reader or lookup could hold.
  const MutexLock lock(notify_mutex_);
  if (!closing_ && session_ != nullptr) {
    fuse_lowlevel_notify_inval_inode(session_, id, -1, 0);
  }
}

// Small instances are sent with the reply to their open: requests for their pages take longer than the copy.
void FileSystem::StorePages(NodeId id, OpenedInstance& instance) {
  std::array<std::byte, kStoredWithOpen> bytes;
  if (instance.size() == 0 || instance.size() > bytes.size()) {
    return;
  }
  const auto length = instance.TryRead(0, std::span(bytes).first(instance.size()));
  if (!length) {
    return;
  }
  fuse_bufvec buffer{};
  buffer.count = 1;
  buffer.buf[0].size = *length;
  buffer.buf[0].mem = bytes.data();
  // Alone, because pages that the kernel reads are locked until the reply: this would wait for it.
  open_.WhileAlone(id, [&] {
    const MutexLock lock(notify_mutex_);
    if (!closing_ && session_ != nullptr) {
      fuse_lowlevel_notify_store(session_, id, 0, &buffer, static_cast<fuse_buf_copy_flags>(0));
    }
  });
}

}  // namespace trolley
