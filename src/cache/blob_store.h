#ifndef TROLLEY_CACHE_BLOB_STORE_H_
#define TROLLEY_CACHE_BLOB_STORE_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cache/lmdb_environment.h"

namespace trolley {

// Named byte strings of one archive in LMDB: what the stores of search/ are made of (the archive layer adapts them).
// Bounded: beyond `max_bytes` the entries written longest ago go first, and all may go when the index is full.
// Thread-safe. Throws kStorage, kNoSpace.
class BlobStore {
 public:
  BlobStore(std::shared_ptr<LmdbEnvironment> lmdb, const char* table, std::string archive, uint64_t max_bytes);
  std::optional<std::string> Load(std::string_view key) const;
  void Save(std::string_view key, std::string_view value);
  void Remove(std::string_view key);
  void Apply(const std::vector<std::pair<std::string, std::string>>& changed, const std::vector<std::string>& removed);
  // One snapshot, in no particular order. `visit` must not use the store or its environment.
  void ForEach(const std::function<void(std::string_view key, std::string_view value)>& visit) const;
  bool empty() const;
  // All entries of this archive.
  void Clear();
  // Those of all archives.
  static void ClearTable(LmdbEnvironment& lmdb, const char* table);

 private:
  std::shared_ptr<LmdbEnvironment> lmdb_;
  LmdbTable table_;
  LmdbTable order_;
  std::string prefix_;  // of the archive's keys
  uint64_t max_bytes_;
};

}  // namespace trolley

#endif  // TROLLEY_CACHE_BLOB_STORE_H_
