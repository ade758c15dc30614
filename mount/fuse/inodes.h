#ifndef TROLLEY_MOUNT_FUSE_INODES_H_
#define TROLLEY_MOUNT_FUSE_INODES_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/mutex.h"
#include "mount/fuse/pointer_table.h"
#include "tree/tree.h"

namespace trolley {

using NodeId = uint64_t;
inline constexpr NodeId kRootNodeId = 1;

// The size of an instance as the kernel knows it. Until the exact size is known, an estimate is published; when the
// exact size is learned, the kernel must forget the estimate before anybody reads. Thread-safe.
class PublishedSize {
 public:
  std::optional<uint64_t> exact() const;
  // The size for the kernel's next reply.
  uint64_t Publish(uint64_t estimate);
  // For sizes known without opening; an exact size that is already there stays.
  void Learn(uint64_t size);

  enum class Correction { kNone, kAttributes, kContent };
  // The instance was opened and has this size. Returns what the kernel must forget before the reply to this open:
  // nothing, the size, or (the archive replaced the instance) the pages as well. The same for every opener until
  // Corrected().
  Correction LearnFromOpen(uint64_t size);
  // The kernel has forgotten it.
  void Corrected(Correction correction);

 private:
  static constexpr uint64_t kUnknown = UINT64_MAX;
  std::atomic<uint64_t> exact_{kUnknown};
  std::atomic<bool> estimate_published_{false};
  std::atomic<bool> content_outdated_{false};
};

struct Inode {
  NodeId id = 0;        // never used again for something else
  uint64_t number = 0;  // st_ino: the same after a restart
  PublishedSize size;   // of instances
  // The file from which the kernel's pages were read (OpenInodes::Handle::stamp); 0: not known.
  std::atomic<uint64_t> content{0};
};

// A node of the tree as the kernel knows it. Empty for a number that the kernel does not know.
struct InodeView {
  std::shared_ptr<Inode> inode;
  std::shared_ptr<const Node> node;
  explicit operator bool() const { return inode != nullptr; }
  bool is_directory() const { return !node->file; }
};

// The nodes that the kernel knows, each for as long as it knows it. A directory is one inode for its path, an instance
// one for its UIDs (whatever path leads to it, its pages are cached once), a control file one for its name.
// Thread-safe.
class Inodes {
 public:
  explicit Inodes(DirectoryPtr root);
  ~Inodes();
  Inodes(const Inodes&) = delete;
  Inodes& operator=(const Inodes&) = delete;

  // Finds or makes the inode and counts one lookup by the kernel. What is newer about a known node (a query that means
  // another date today) replaces what was known.
  InodeView Remember(const Node& node);
  // An instance in a listing, which is `node`. As long as the kernel knows it, the listing is kept instead of the node:
  // the kernel knows all of a listing that a program has read.
  InodeView Remember(const Node& node, const ListingPtr& listing, size_t index);
  InodeView Find(NodeId id) const;
  void Forget(NodeId id, uint64_t lookups);
  std::vector<InodeView> Directories() const;
  size_t size() const;

  // st_ino. Within a series it grows with InstanceNumber, within a study with the number that names of series begin
  // with.
  static uint64_t NumberOf(const Node& node);

 private:
  // A hundred bytes or so for each instance that the kernel knows, and it may know a million.
  struct Entry {
    Inode inode;
    uint64_t lookups = 0;
    std::shared_ptr<const void> source;  // a Node or a Listing
    uint32_t index = kIsNode;            // in the listing
    std::shared_ptr<Entry> self;         // until it is forgotten

    static constexpr uint32_t kIsNode = UINT32_MAX;
    const Node* node() const { return index == kIsNode ? static_cast<const Node*>(source.get()) : nullptr; }
    const Listing& listing() const { return *static_cast<const Listing*>(source.get()); }
  };

  static uint64_t HashOf(const Node& node);
  static uint64_t HashOf(const SeriesReference* series, const Uid& instance);
  static uint64_t HashOf(const Entry& entry);
  static bool Is(const Entry& entry, const Node& node);
  static std::shared_ptr<const Node> NodeOf(const Entry& entry);
  static InodeView ViewOf(const Entry& entry, std::shared_ptr<const Node> node);
  InodeView Keep(const Node& node, std::shared_ptr<const void> source, uint32_t index);

  mutable Mutex mutex_;
  NodeId next_id_ TROLLEY_GUARDED_BY(mutex_) = kRootNodeId;
  PointerTable<Entry> by_id_ TROLLEY_GUARDED_BY(mutex_);
  PointerTable<Entry> by_identity_ TROLLEY_GUARDED_BY(mutex_);  // path, UIDs or name: they are kept once, in the source
};

}  // namespace trolley

#endif  // TROLLEY_MOUNT_FUSE_INODES_H_
