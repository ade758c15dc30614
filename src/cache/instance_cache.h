#ifndef TROLLEY_CACHE_INSTANCE_CACHE_H_
#define TROLLEY_CACHE_INSTANCE_CACHE_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.h"
#include "cache/lmdb_environment.h"
#include "trolley/context.h"
#include "trolley/references.h"

namespace trolley {

struct InstanceCacheOptions {
  std::filesystem::path directory;          // holds objects/, staging/, quarantine/; made with mode 0700
  uint64_t max_size = uint64_t{10} << 30;   // bytes of instances (real blocks); eviction keeps below it
  uint64_t min_free = uint64_t{512} << 20;  // bytes the file system must keep free; below it nothing is added
  uint64_t max_known_sizes = 5000000;       // sizes remembered beyond eviction, about 50 bytes each
  // A use is written down only when the last one is older: reading should cost no writing.
  std::chrono::milliseconds touch_interval{60000};
};

// A complete, verified instance. It stays readable also when the instance is evicted meanwhile.
struct CachedInstance {
  UniqueFd fd;  // not open when `bytes` has it
  uint64_t size = 0;
  std::shared_ptr<const std::string> bytes = {};  // a small one that came just now and is no file yet
};

struct InstanceCacheStatus {
  uint64_t instances = 0;
  uint64_t bytes = 0;
  uint64_t max_size = 0;
  uint64_t evicted = 0;      // since this process opened the cache
  uint64_t quarantined = 0;  // likewise: damaged files that were put aside
  uint64_t lookups = 0;      // likewise: calls of Find()
};

// Some of the instances.
struct InstanceCacheShare {
  uint64_t instances = 0;
  uint64_t bytes = 0;
};

class InstanceCache;

// An instance on its way into the cache: a file in staging/ that can be read while it grows. Up to 64 KiB are kept in
// memory first, if there are not too many such (24 MiB): a file each, under a passing name, is what small instances
// would take longest for. Used by one writer.
class StagedInstance {
 public:
  ~StagedInstance();  // unless committed, the file is gone
  StagedInstance(const StagedInstance&) = delete;
  StagedInstance& operator=(const StagedInstance&) = delete;

  // Open for reading and writing; a duplicate (dup) stays valid after the commit and after this object's end. -1 while
  // all is in memory.
  int fd() const;
  // All that was appended; null when it is in a file. What is there may be read while more is appended when the length
  // was told in advance: it does not move then.
  std::shared_ptr<const std::string> bytes() const;
  uint64_t size() const;  // bytes appended so far
  // Throws kNoSpace (disk full and nothing left to evict) or kStorage.
  void Append(std::span<const std::byte> piece);
  // The instance is whole. It is found by Find() at once, and after a restart soon (records are committed in batches).
  // When the cache cannot keep it (larger than the quota, say) the file goes, and the size alone is remembered. Never
  // throws.
  void Commit();

 private:
  friend class InstanceCache;
  class Impl;
  explicit StagedInstance(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Instances on local disk, indexed in LMDB, bounded, least recently used first out. Several processes may share a
// directory. A crash leaves an entry whole or absent; the first use in a process of an entry that this process did not
// write itself checks its size and XXH3-128 checksum: a damaged file goes to quarantine/ and is a miss. Thread-safe.
// Opening is O(1) in its size.
class InstanceCache {
 public:
  // Throws kStorage when the directory cannot be used.
  InstanceCache(InstanceCacheOptions options, std::shared_ptr<LmdbEnvironment> lmdb);
  ~InstanceCache();  // commits what is pending
  InstanceCache(const InstanceCache&) = delete;
  InstanceCache& operator=(const InstanceCache&) = delete;

  enum class Verify { kNow, kOnlyIfCheap };
  // `archive` is the archive's identity (not its name in a config), part of the key. Counts as a use. nullopt: not
  // cached. With kOnlyIfCheap an entry that needs reading more than 1 MiB to be checked is reported as
  // `needs_verification` and not returned: for threads that must not wait. Throws only kCancelled and kTimedOut of
  // `context`; an entry that cannot be read is logged and a miss.
  std::optional<CachedInstance> Find(std::string_view archive, const InstanceReference& instance, Verify verify,
                                     const Context& context = {}, bool* needs_verification = nullptr);
  bool Contains(std::string_view archive, const InstanceReference& instance);
  // Which instances of one series are cached, in one transaction; the same order as asked. Never throws.
  std::vector<bool> Contain(std::string_view archive, const SeriesReference& series, const std::vector<Uid>& instances);

  // Exact sizes of instances that were ever fetched, also of evicted ones. One LMDB read each. Never throws.
  std::optional<uint64_t> KnownSize(std::string_view archive, const InstanceReference& instance);
  // For instances of one series, in one transaction; the same order as asked.
  std::vector<std::optional<uint64_t>> KnownSizes(std::string_view archive, const SeriesReference& series,
                                                  const std::vector<const Uid*>& instances);
  void RememberSize(std::string_view archive, const InstanceReference& instance, uint64_t size);

  // Makes room (evicts) for `length` bytes if known. What is larger than the whole cache can be staged too, if the disk
  // has room. Throws kNoSpace when the disk has no room, kStorage.
  std::unique_ptr<StagedInstance> Stage(std::string_view archive, const InstanceReference& instance,
                                        std::optional<uint64_t> length);
  // Drops an instance (the archive says it is gone, or other bytes came under its UID). Throws kStorage.
  void Remove(std::string_view archive, const InstanceReference& instance);

  void Flush();  // commits what is pending, waits for it (a minute at most)
  InstanceCacheStatus Status();
  // Drops all instances, sizes and quarantined files; files go in the background. Throws kStorage.
  void Clear();
  // Recounts the index and compares it with the files; a line for each contradiction. With `read_files` each file is
  // read and compared with its checksum, too. Changes nothing. Slow.
  std::vector<std::string> Check(bool read_files, const Context& context = {});

  // For maintenance, also beside other processes that use the cache: what they have open stays readable, and what they
  // are about to add is not touched. All throw kStorage, kCancelled, kTimedOut.

  // What an archive's instances take. Walks the whole index.
  InstanceCacheShare ShareOf(std::string_view archive);
  // Drops the least recently used until at most `bytes` are taken. These give what was dropped.
  InstanceCacheShare TrimToSize(uint64_t bytes);
  // Drops what was last used at that time or before.
  InstanceCacheShare TrimUnusedSince(std::chrono::system_clock::time_point last_use, const Context& context = {});
  // Drops an archive's instances. Exact sizes that are known stay, those of what is dropped excepted.
  InstanceCacheShare RemoveArchive(std::string_view archive, const Context& context = {});
  // As Check with all files read; puts damaged files into quarantine, forgets missing ones and deletes those that the
  // index does not know.
  std::vector<std::string> Repair(const Context& context = {});
  // Waits until the work in the background that was begun so far (removing files) is done.
  void WaitForBackground();

 private:
  friend class StagedInstance;
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace trolley

#endif  // TROLLEY_CACHE_INSTANCE_CACHE_H_
