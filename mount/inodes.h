#ifndef TROLLEYFS_MOUNT_INODES_H_
#define TROLLEYFS_MOUNT_INODES_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "archive/tree.h"

namespace trolley {

using NodeId = uint64_t;
inline constexpr NodeId kRootNodeId = 1;

// The size of an instance as the kernel was told it. Until the exact size is known an estimate is published; whoever
// learns the exact size has to make the kernel forget the estimate before anybody reads. Thread-safe.
class PublishedSize {
 public:
  std::optional<uint64_t> exact() const;
  // The size to tell the kernel now.
  uint64_t Publish(uint64_t estimate);
  // For sizes known without opening; an exact size that is already there stays.
  void Learn(uint64_t size);

  enum class Correction { kNone, kAttributes, kContent };
  // The instance was opened and has this size. What the kernel must forget before this open is answered: nothing, the
  // size, or (the archive replaced the instance) also the pages. Every opener is told so until one says that it is
  // done.
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
  // Which file the pages that the kernel keeps were read from (OpenInodes::Handle::stamp); 0: not known.
  std::atomic<uint64_t> content{0};
};

// A node of the tree as the kernel knows it. Empty when the kernel asked for what it was not given.
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

  // Finds or makes the inode and counts one lookup by the kernel. What is newer about a known node (a query that means
  // another date today) replaces what was known.
  InodeView Remember(const Node& node);
  InodeView Find(NodeId id) const;
  void Forget(NodeId id, uint64_t lookups);
  std::vector<InodeView> Directories() const;
  size_t size() const;

  // st_ino. Within a series it grows with InstanceNumber.
  static uint64_t NumberOf(const Node& node);

 private:
  static uint64_t HashOf(const Node& node);
  struct Entry {
    InodeView view;
    uint64_t lookups = 0;
  };
  struct Hash {
    size_t operator()(const Node* node) const { return static_cast<size_t>(HashOf(*node)); }
  };
  struct Equal {
    bool operator()(const Node* a, const Node* b) const;
  };

  mutable std::mutex mutex_;
  NodeId next_id_ = kRootNodeId;
  std::unordered_map<NodeId, Entry> entries_;
  // The key is the node that the entry holds: identifiers are kept once.
  std::unordered_map<const Node*, NodeId, Hash, Equal> ids_;
};

}  // namespace trolley

#endif  // TROLLEYFS_MOUNT_INODES_H_
