#ifndef TROLLEY_CACHE_INSTANCE_CACHE_IMPL_H_
#define TROLLEY_CACHE_INSTANCE_CACHE_IMPL_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/thread_pool.h"
#include "cache/cache_directory.h"
#include "cache/instance_cache.h"
#include "cache/instance_index.h"
#include "cache/space.h"

struct stat;

namespace trolley {

// A whole instance that is not in the index yet: it is found from here.
struct PendingInstance {
  PendingInstance(InstanceKey its_key, Content its_content, std::filesystem::path file,
                  std::shared_ptr<const std::string> its_bytes, Reservation space)
      : key(std::move(its_key)),
        content(std::move(its_content)),
        staged(std::move(file)),
        bytes(std::move(its_bytes)),
        reservation(std::move(space)) {}

  InstanceKey key;
  Content content;
  std::filesystem::path staged;              // empty when it is in memory:
  std::shared_ptr<const std::string> bytes;  // else null
  Reservation reservation;
  std::atomic<bool> removed{false};
  bool placed = false;  // its file is in objects/; the committer's alone
};

// Files that were moved out of objects/, renamed within a transaction (quick, and nothing is left behind after a crash)
// and deleted after it.
struct GoneFiles {
  GoneFiles() = default;
  GoneFiles(const GoneFiles&) = delete;
  GoneFiles& operator=(const GoneFiles&) = delete;
  ~GoneFiles() { Delete(); }
  void Delete() {
    for (const std::filesystem::path& path : std::exchange(paths, {})) {
      CacheDirectory::Move(path, {});
    }
  }
  std::vector<std::filesystem::path> paths;
};

// What the committer writes in one transaction.
struct CommitBatch {
  std::vector<std::shared_ptr<PendingInstance>> instances;
  size_t kept = 0;                                            // of these, the first so many are written
  std::vector<std::pair<std::string, uint64_t>> sizes;        // by key
  std::vector<std::pair<std::string, uint64_t>> touches;      // by key: time of use
  std::vector<std::pair<std::string, uint64_t>> unreachable;  // checksum, size: files that were not there
  std::vector<std::pair<Content, FileStamp>> stamps;          // contents that were read and found right
};

class InstanceCache::Impl {
 public:
  Impl(InstanceCacheOptions options, std::shared_ptr<LmdbEnvironment> lmdb);
  ~Impl() = default;

  // lookup.cc
  std::optional<CachedInstance> Find(const InstanceKey& key, InstanceCache::Verify verify, const Context& context,
                                     bool* needs_verification);
  std::vector<bool> Contain(const std::vector<InstanceKey>& keys);
  std::vector<std::optional<uint64_t>> KnownSizes(const std::vector<InstanceKey>& keys);

  // committer.cc
  void AddPending(std::shared_ptr<PendingInstance> instance);
  void RememberSize(const std::string& key_hash, uint64_t size);
  void Remove(const InstanceKey& key);
  void Clear();
  void Flush();
  void Close();  // commits what is pending, ends the threads

  // instance_cache.cc
  // Grows a reservation to `bytes`, evicting where needed. `keep`: it is to stay in the cache, so the quota counts.
  // Throws kNoSpace.
  void Reserve(Reservation& reservation, uint64_t bytes, bool keep);
  // The same for an instance that is kept in memory for now: it looks at disk and quota only now and then.
  void ReserveInMemory(Reservation& reservation, uint64_t bytes);
  // Evicts, also what is pending. The bytes that were freed; 0 also when the index cannot be written.
  uint64_t MakeRoom(uint64_t bytes);
  InstanceCacheStatus Status();
  std::vector<std::string> Check(bool read_files, const Context& context);
  void WaitForBackground();

  // maintenance.cc
  InstanceCacheShare ShareOf(std::string_view archive);
  InstanceCacheShare TrimToSize(uint64_t bytes);
  InstanceCacheShare TrimUnusedSince(std::chrono::system_clock::time_point last_use, const Context& context);
  InstanceCacheShare RemoveArchive(std::string_view archive, const Context& context);
  std::vector<std::string> Repair(const Context& context);

  const InstanceCacheOptions options_;
  const std::shared_ptr<LmdbEnvironment> lmdb_;
  const std::shared_ptr<SpaceInUse> space_ = std::make_shared<SpaceInUse>();
  // Bytes of instances that are no files yet, also of those that somebody still reads.
  const std::shared_ptr<std::atomic<uint64_t>> in_memory_ = std::make_shared<std::atomic<uint64_t>>(0);
  InstanceIndex index_;
  CacheDirectory directory_;

 private:
  uint64_t EvictOrFlush(uint64_t bytes);
  enum class Trust { kSound, kDamaged, kExpensive };
  struct Located {
    IndexEntry entry;
    UniqueFd fd;
  };

  void TieIndexToObjects();
  void SweepOrphans(std::stop_token stop);
  uint64_t FreeBytes() const;
  uint64_t Evict(uint64_t bytes);
  // Drops instances in one transaction, by key hash.
  using ChooseKeys = std::function<std::vector<std::string>(const LmdbTransaction&)>;
  InstanceCacheShare Drop(const ChooseKeys& choose, bool sizes_too);
  // A line for each file that the index does not know.
  std::vector<std::string> UnknownFiles(const Context& context);

  std::optional<CachedInstance> FindPending(const InstanceKey& key);
  std::optional<Located> Locate(const InstanceKey& key);
  Trust Examine(const Located& located, InstanceCache::Verify verify, const Context& context);
  void Quarantine(const Located& located);
  // A file that was found to be wrong or missing, unless that has changed meanwhile.
  void PutRight(const IndexEntry& entry);
  // Each content whose file is wrong, with what is wrong with it.
  std::vector<std::pair<IndexEntry, std::string>> WrongContents(const std::vector<IndexEntry>& contents,
                                                                bool read_files, const Context& context);
  void NoteUse(const InstanceKey& key, uint64_t last_use);
  void NoteUnreachable(const Content& content);
  // What is wrong with a file; empty when nothing is.
  std::string CheckFile(const IndexEntry& entry, bool read, const Context& context) const;

  void RunCommitter();
  CommitBatch TakeBatch() TROLLEY_REQUIRES(mutex_);
  void Commit(CommitBatch& batch);
  void WriteBatch(LmdbTransaction& transaction, CommitBatch& batch, GoneFiles& gone);
  // 0, or the errno for which its file could not be put into its place.
  int Put(LmdbTransaction& transaction, PendingInstance& pending, const InstanceIndex::Gone& gone);
  void EvictWithin(LmdbTransaction& transaction, uint64_t bytes, uint64_t most, const InstanceIndex::Gone& gone);
  // Deletes the files of what lies behind the first `kept` instances of the batch.
  void GiveUp(CommitBatch& batch, size_t kept);
  void Forget(const CommitBatch& batch);
  InstanceIndex::Gone MoveAway(GoneFiles& gone);
  bool HasWork() const TROLLEY_REQUIRES(mutex_);
  bool HasMuchToWrite() const TROLLEY_REQUIRES(mutex_);

  const std::string boot_id_;
  uint64_t last_commit_time_ = 0;  // the committer's alone
  std::atomic<uint64_t> evicted_{0};
  std::atomic<uint64_t> lookups_{0};
  std::atomic<uint64_t> quarantined_{0};
  std::atomic<uint64_t> unchecked_{std::numeric_limits<uint64_t>::max() / 2};  // reserved in memory since the last look

  Mutex mutex_;
  Condition wake_committer_;
  Condition committed_;
  std::unordered_map<std::string, std::shared_ptr<PendingInstance>> pending_ TROLLEY_GUARDED_BY(mutex_);  // by key hash
  std::deque<std::shared_ptr<PendingInstance>> queue_ TROLLEY_GUARDED_BY(mutex_);
  uint64_t queued_bytes_ TROLLEY_GUARDED_BY(mutex_) = 0;  // of what in it is in memory
  std::unordered_map<std::string, uint64_t> sizes_ TROLLEY_GUARDED_BY(mutex_);
  std::unordered_map<std::string, uint64_t> sizes_in_commit_ TROLLEY_GUARDED_BY(mutex_);
  std::unordered_map<std::string, uint64_t> touches_ TROLLEY_GUARDED_BY(mutex_);
  std::set<std::pair<std::string, uint64_t>> unreachable_ TROLLEY_GUARDED_BY(mutex_);
  std::vector<std::pair<Content, FileStamp>> stamps_ TROLLEY_GUARDED_BY(mutex_);  // also searched by Examine
  uint64_t flush_wanted_ TROLLEY_GUARDED_BY(mutex_) = 0;                          // flushes asked for, and done
  uint64_t flush_done_ TROLLEY_GUARDED_BY(mutex_) = 0;
  bool closing_ TROLLEY_GUARDED_BY(mutex_) = false;

  Mutex verifying_mutex_;
  Condition verified_;
  std::set<std::string> verifying_ TROLLEY_GUARDED_BY(verifying_mutex_);  // checksums of files that a thread reads

  ThreadPool background_;
  std::thread committer_;
};

// An errno that means: there is no room on the disk.
bool MeansFull(int reason);
constexpr uint64_t kEvictedWhenFull = 4 << 20;  // beyond what is lacking
// The file's stamp, and what it takes on disk.
FileStamp StampOf(const struct stat& status, const std::string& boot_id);
uint64_t BlocksOf(const struct stat& status);
UniqueFd OpenObject(const std::string& path);
uint64_t NowMicroseconds();

}  // namespace trolley

#endif  // TROLLEY_CACHE_INSTANCE_CACHE_IMPL_H_
