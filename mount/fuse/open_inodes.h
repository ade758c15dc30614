#ifndef TROLLEY_MOUNT_FUSE_OPEN_INODES_H_
#define TROLLEY_MOUNT_FUSE_OPEN_INODES_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>

#include "base/mutex.h"
#include "fetch/retriever.h"
#include "mount/fuse/inodes.h"

namespace trolley {

// The instances that are open, by inode. While one is, the kernel wants all its handles to be alike: either it reads
// all of them through us (and keeps the pages), or all of them by itself from one file ("passthrough"). Thread-safe.
class OpenInodes {
 public:
  // Gives the kernel a file to read from, under a number; replaced in tests.
  struct KernelOps {
    std::function<std::optional<int32_t>(int file)> register_file;
    std::function<void(int32_t id)> unregister;
  };

  // One handle. It exists from before the reply to the kernel's open until the kernel has released it.
  class Handle {
   public:
    Handle() = default;
    Handle(Handle&& other) noexcept { *this = std::move(other); }
    Handle& operator=(Handle&& other) noexcept {
      std::swap(owner_, other.owner_);
      std::swap(id_, other.id_);
      std::swap(instance_, other.instance_);
      std::swap(backing_, other.backing_);
      std::swap(stamp_, other.stamp_);
      return *this;
    }
    ~Handle();

    // Null for control files.
    const std::shared_ptr<OpenedInstance>& instance() const { return instance_; }
    // The number of the file that the kernel has to read from; 0: through us.
    int32_t backing() const { return backing_; }
    // Tells one state of a complete file from another; 0 while bytes are still arriving. Where the file was renamed or
    // removed it stays what it is.
    uint64_t stamp() const { return stamp_; }

   private:
    friend class OpenInodes;
    OpenInodes* owner_ = nullptr;
    NodeId id_ = 0;
    std::shared_ptr<OpenedInstance> instance_;
    int32_t backing_ = 0;
    uint64_t stamp_ = 0;
  };

  explicit OpenInodes(KernelOps kernel) : kernel_(std::move(kernel)) {}
  OpenInodes(const OpenInodes&) = delete;
  OpenInodes& operator=(const OpenInodes&) = delete;

  // The handle shows its instance(): not `instance` but the one that others have open if the kernel reads that by
  // itself. `prefer_backing`: the kernel may read by itself if the file is complete and nobody has it open otherwise.
  // Throws kStorage when the kernel reads by itself from a file that was changed since: no handle could show other
  // bytes.
  Handle Open(NodeId id, std::shared_ptr<OpenedInstance> instance, bool prefer_backing);
  // Runs `function` if the inode's only handle is one that the kernel does not know yet: then the kernel reads nothing
  // of it before `function` has returned. Every open of any inode waits meanwhile.
  void WhileAlone(NodeId id, const std::function<void()>& function) const;
  // The instance that the kernel reads by itself at the moment: it can be opened although it may have left the cache.
  std::shared_ptr<OpenedInstance> ReadByKernel(NodeId id) const;
  size_t size() const;

 private:
  struct State {
    size_t handles = 0;
    int32_t backing = 0;
    std::shared_ptr<OpenedInstance> instance;  // what is read by the kernel itself
    uint64_t stamp = 0;                        // of that file
  };
  void Close(NodeId id);

  const KernelOps kernel_;
  mutable Mutex mutex_;
  std::unordered_map<NodeId, State> states_ TROLLEY_GUARDED_BY(mutex_);
};

}  // namespace trolley

#endif  // TROLLEY_MOUNT_FUSE_OPEN_INODES_H_
