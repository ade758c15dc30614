#ifndef TROLLEY_MOUNT_FUSE_FILESYSTEM_H_
#define TROLLEY_MOUNT_FUSE_FILESYSTEM_H_

#include <sys/types.h>

#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "archive/archive.h"
#include "base/mutex.h"
#include "base/thread_pool.h"
#include "mount/fuse/errno.h"
#include "mount/fuse/handles.h"
#include "mount/fuse/inodes.h"
#include "mount/fuse/open_inodes.h"
#include "mount/fuse/passthrough.h"
#include "mount/fuse/pending_requests.h"
#include "mount/fuse/running_calls.h"

struct fuse_conn_info;
struct fuse_entry_param;
struct fuse_file_info;
struct fuse_lowlevel_ops;
struct fuse_session;
struct stat;

namespace trolley {

struct FileSystemOptions {
  uid_t uid = 0;
  gid_t gid = 0;
  mode_t umask = 0;
  bool passthrough = true;  // the kernel may read complete files by itself
};

// The archive as the kernel's requests see it. Requests that need no query to the archive are replied to at once on the
// session's threads; the others when their result arrives, from the pools' or the retriever's threads. No thread of the
// session ever waits for the network. The operations are in lookup_requests.cc, directory_requests.cc, file_requests.cc
// and xattr_requests.cc.
class FileSystem {
 public:
  FileSystem(Archive& archive, const FileSystemOptions& options);
  ~FileSystem();
  FileSystem(const FileSystem&) = delete;
  FileSystem& operator=(const FileSystem&) = delete;

  // libfuse's callbacks; the session's user data is the FileSystem.
  static const fuse_lowlevel_ops& Operations();
  // For notifications to the kernel; before the session runs.
  void Attach(fuse_session* session);
  Passthrough& passthrough() { return passthrough_; }

  // Expires what is cached of the archive's listings (SIGHUP). Returns at once. Names that the kernel holds already
  // expire within EntryTimeout().
  void Refresh();
  // Replies with `error` to every pending request, and to later ones that would have to wait. Afterwards nothing is
  // written to the session from our threads.
  void FailPending(int error);
  // After the session's loop has ended, before the archive goes.
  void Stop();

 private:
  struct OpenFile {
    InodeView inode;
    OpenInodes::Handle open;  // of no instance for control files
    std::string control_content;
  };
  struct OpenDirectory {
    InodeView inode;
    ListingPtr listing;
  };
  using Reply = std::function<void(fuse_req*)>;

  void Init(fuse_conn_info* connection);
  void Lookup(fuse_req* request, NodeId parent, const char* name);
  void Forget(NodeId id, uint64_t lookups) { inodes_.Forget(id, lookups); }
  void GetAttributes(fuse_req* request, NodeId id);
  void OpenDir(fuse_req* request, NodeId id, const fuse_file_info& info);
  void ReadDir(fuse_req* request, size_t size, off_t offset, uint64_t handle, bool plus);
  void Open(fuse_req* request, NodeId id, const fuse_file_info& info);
  void Read(fuse_req* request, size_t size, off_t offset, uint64_t handle);
  void StatFs(fuse_req* request);
  void GetXattr(fuse_req* request, NodeId id, const char* name, size_t size);
  void ListXattr(fuse_req* request, NodeId id, size_t size);

  // Runs an operation that replies as its last act; if it throws, the error is the reply instead.
  template <typename F>
  void Guard(fuse_req* request, F&& operation) {
    try {
      operation();
    } catch (...) {
      ReplyError(request, std::current_exception());
    }
  }
  void ReplyError(fuse_req* request, const std::exception_ptr& error, Operation operation = Operation::kAsk);
  // Begins the work that will complete a pending request; if that throws, the error is the reply instead.
  template <typename F>
  void BeginWaiting(const PendingRequests::Pointer& pending, F&& begin) {
    try {
      begin();
    } catch (...) {
      const auto error = std::current_exception();
      pending_.Complete(pending, [&](fuse_req* request) { ReplyError(request, error); });
    }
  }
  // The reply to a request whose query has ended; sent after these sizes are learned.
  struct PreparedReply {
    Reply reply;
    std::vector<InstanceReference> sizes_to_learn;
  };
  using PrepareReply = std::function<PreparedReply()>;
  using BeginQuery = std::function<void(const Context&, std::function<void(PrepareReply)> done)>;
  // Begins a query that calls `done` with a function, which may take a while and may throw. That function, the learning
  // of sizes and the reply run on the pools' threads, unless the request has ended meanwhile.
  void ReplyLater(fuse_req* request, std::chrono::milliseconds limit, const BeginQuery& begin);
  // The time that a query may take, all its steps together.
  std::chrono::milliseconds QueryLimit() const;

  void ReplyEntry(fuse_req* request, const std::optional<Node>& node, std::string_view name);
  void ReplyOpenDir(fuse_req* request, fuse_file_info info, const InodeView& inode, ListingPtr listing);
  void ReplyOpen(fuse_req* request, fuse_file_info info, const InodeView& inode,
                 std::shared_ptr<OpenedInstance> instance);
  bool SendOpen(fuse_req* request, fuse_file_info info, OpenFile&& file);
  void ReadWhenReadable(const PendingRequests::Pointer& pending, const std::shared_ptr<const OpenFile>& file,
                        size_t size, uint64_t offset);
  size_t AddDirectoryEntry(fuse_req* request, const OpenDirectory& directory, size_t index, char* out, size_t room,
                           bool plus, std::vector<NodeId>& remembered);

  void FillAttributes(const InodeView& view, struct stat& attributes);
  uint64_t SizeOf(const InodeView& view);
  // Counts a lookup. The caller must Forget() it if the kernel does not get the entry.
  InodeView RememberEntry(const Node& node, fuse_entry_param& entry);
  // For a view that was just remembered; forgets it on failure.
  void FillEntry(const InodeView& view, fuse_entry_param& entry);
  double AttributeTimeout(const InodeView& view) const;
  // How long the kernel may rely on a name without asking us.
  double EntryTimeout() const;
  // With `sizes = "exact"`: the instances whose size must be learned before the kernel gets it.
  std::vector<InstanceReference> SizesToLearn(const Listing& listing);
  std::vector<InstanceReference> SizesToLearn(const std::optional<Node>& node);
  std::optional<std::string> XattrValue(const InodeView& view, std::string_view name);
  void NotifySizeChanged(NodeId id);
  void StorePages(NodeId id, OpenedInstance& instance);

  Archive& archive_;
  const FileSystemOptions options_;
  fuse_session* session_ = nullptr;
  Inodes inodes_;
  Passthrough passthrough_;
  OpenInodes open_;
  Handles<OpenFile> files_;
  Handles<OpenDirectory> directories_;
  PendingRequests pending_;
  Mutex notify_mutex_;
  bool closing_ TROLLEY_GUARDED_BY(notify_mutex_) = false;
  RunningCalls running_calls_;
  // They end first: their jobs use the rest.
  std::unique_ptr<ThreadPool> listing_pool_;  // names and sorts listings; never waits for the archive
  std::unique_ptr<ThreadPool> waiting_pool_;  // jobs that wait for the archive

  friend struct Callbacks;
};

}  // namespace trolley

#endif  // TROLLEY_MOUNT_FUSE_FILESYSTEM_H_
