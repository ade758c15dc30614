#ifndef TROLLEY_CACHE_LMDB_ENVIRONMENT_H_
#define TROLLEY_CACHE_LMDB_ENVIRONMENT_H_

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"

struct MDB_env;
struct MDB_txn;

namespace trolley {

// A table of an environment.
struct LmdbTable {
  unsigned int handle = 0;
};

// A transaction; reads see one snapshot. Keys have 1 to 511 bytes. Throws Error{kStorage} ("Cannot read the cache
// index: ..."), kNoSpace when the map or disk is full.
class LmdbTransaction {
 public:
  // The value; valid until the transaction's next write or end.
  std::optional<std::string_view> Get(LmdbTable table, std::string_view key) const;
  void Put(LmdbTable table, std::string_view key, std::string_view value);
  bool Delete(LmdbTable table, std::string_view key);  // false: there was none
  void Clear(LmdbTable table);
  uint64_t Count(LmdbTable table) const;
  // In key order from the first key >= `from`, until `visit` gives false. `visit` must not write to the table.
  void ForEach(LmdbTable table, std::string_view from,
               const std::function<bool(std::string_view key, std::string_view value)>& visit) const;

 private:
  friend class LmdbEnvironment;
  LmdbTransaction(const class LmdbEnvironment& env, MDB_txn* txn) : env_(env), txn_(txn) {}
  [[noreturn]] void Throw(const char* doing, int status) const;

  const LmdbEnvironment& env_;
  MDB_txn* txn_;
  mutable bool map_full_ = false;
};

struct LmdbOptions {
  uint64_t map_size = uint64_t{8} << 30;  // bound of the index; address space, not disk
};

// One LMDB environment, the index of a cache directory (in its folder index/). Open it after daemonizing (lmdb.h), once
// per process and directory (Open gives the same one again). An index that is damaged, of another version or of a
// foreign byte order is put aside and made anew: it is a cache. A crash of the process loses nothing, one of the system
// at most the latest transactions. Thread-safe; writers are serialised over all processes.
class LmdbEnvironment {
 public:
  // Throws kStorage.
  static std::shared_ptr<LmdbEnvironment> Open(const std::filesystem::path& directory, LmdbOptions options = {});
  ~LmdbEnvironment();
  LmdbEnvironment(const LmdbEnvironment&) = delete;
  LmdbEnvironment& operator=(const LmdbEnvironment&) = delete;

  LmdbTable Table(const char* name);  // made when missing; call it before the threads start
  // Neither Read nor Write may be called from within `work`.
  void Read(const std::function<void(const LmdbTransaction&)>& work) const;
  // Commits when `work` returns, aborts when it throws. When the map is full, the tables named to Sacrifice() are
  // emptied and `work` runs a second time: its effects beyond the transaction must bear that.
  void Write(const std::function<void(LmdbTransaction&)>& work);
  // This table may be emptied when the index is full.
  void Sacrifice(LmdbTable table);
  void Sync();  // what is committed survives a crash of the system too

 private:
  friend class LmdbTransaction;
  LmdbEnvironment(MDB_env* env, std::filesystem::path index, std::string registered);
  MDB_txn* BeginRead() const;
  MDB_txn* BeginWrite();
  bool WriteOnce(const std::function<void(LmdbTransaction&)>& work, bool give_up_when_full);
  void MakeRoom();
  void AdoptMapSize() const;
  void MarkDamaged() const;

  MDB_env* env_;
  std::filesystem::path index_;
  std::string registered_;  // key in the registry of open environments
  std::atomic<uint64_t> writes_{0};
  mutable SharedMutex no_remapping_;  // shared by transactions; exclusive while the map is resized
  Mutex mutex_;
  std::map<std::string, LmdbTable> tables_ TROLLEY_GUARDED_BY(mutex_);  // by name
  std::vector<LmdbTable> sacrificed_ TROLLEY_GUARDED_BY(mutex_);
};

}  // namespace trolley

#endif  // TROLLEY_CACHE_LMDB_ENVIRONMENT_H_
