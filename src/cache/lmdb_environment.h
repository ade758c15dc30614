#ifndef TROLLEY_CACHE_LMDB_ENVIRONMENT_H_
#define TROLLEY_CACHE_LMDB_ENVIRONMENT_H_

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

struct MDB_env;
struct MDB_txn;

namespace trolley {

// A table of an environment.
struct LmdbTable {
  unsigned int handle = 0;
};

// A transaction; reads see one snapshot. Throws Error{kStorage} ("Cannot read the cache index: ..."), kNoSpace when the
// map or disk is full.
class LmdbTransaction {
 public:
  // The value; valid until the transaction's next write or end.
  std::optional<std::string_view> Get(LmdbTable table, std::string_view key) const;
  void Put(LmdbTable table, std::string_view key, std::string_view value);
  bool Delete(LmdbTable table, std::string_view key);  // false: there was none
  void Clear(LmdbTable table);
  // In key order from the first key >= `from`, until `visit` gives false.
  void ForEach(LmdbTable table, std::string_view from,
               const std::function<bool(std::string_view key, std::string_view value)>& visit) const;

 private:
  friend class LmdbEnvironment;
  explicit LmdbTransaction(MDB_txn* txn) : txn_(txn) {}
  MDB_txn* txn_;
};

// One LMDB environment, the index of a cache directory. Open it after daemonizing (lmdb.h), once per process and
// directory (Open gives the same one again). An index that is damaged, of another version or of a foreign byte order is
// put aside and made anew: it is a cache. Thread-safe; writers are serialised over all processes.
class LmdbEnvironment {
 public:
  // Throws kStorage.
  static std::shared_ptr<LmdbEnvironment> Open(const std::filesystem::path& directory);
  ~LmdbEnvironment();
  LmdbEnvironment(const LmdbEnvironment&) = delete;
  LmdbEnvironment& operator=(const LmdbEnvironment&) = delete;

  LmdbTable Table(const char* name);  // made when missing; call it before the threads start
  void Read(const std::function<void(const LmdbTransaction&)>& work) const;
  // Commits when `work` returns, aborts when it throws.
  void Write(const std::function<void(LmdbTransaction&)>& work);

 private:
  explicit LmdbEnvironment(MDB_env* env) : env_(env) {}
  MDB_env* env_;
};

}  // namespace trolley

#endif  // TROLLEY_CACHE_LMDB_ENVIRONMENT_H_
