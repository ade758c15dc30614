#ifndef TROLLEY_CACHE_INSTANCE_INDEX_H_
#define TROLLEY_CACHE_INSTANCE_INDEX_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/checksum.h"
#include "cache/lmdb_environment.h"
#include "trolley/references.h"

namespace trolley {

// Tells a file that nobody touched since: then it need not be read to be trusted. It holds within one boot only, since
// a crash of the system may lose bytes that were written before.
struct FileStamp {
  uint64_t inode = 0;
  uint64_t ctime_ns = 0;
  std::string boot_id;
  bool operator==(const FileStamp&) const = default;
};

// What a file holds: 16 bytes of checksum, 8 bytes of size. Equal contents share a file.
struct Content {
  std::string checksum;
  uint64_t size = 0;
  bool operator==(const Content&) const = default;
};

// An instance's key: a checksum of its archive and series (8 bytes), so that a series lies together, and one of the
// whole (8 bytes). `full` tells apart what has equal checksums.
struct InstanceKey {
  std::string hash;
  std::string full;
};

struct IndexEntry {
  Content content;
  uint64_t last_use = 0;  // microseconds since 1970
  uint64_t blocks = 0;    // bytes on disk
  FileStamp stamp;
};

// The tables of an instance cache: which instances are cached, in which file, when last used, what they take. Knows
// nothing of files: what is taken out is told, for the caller to delete. Works within the caller's transactions.
class InstanceIndex {
 public:
  explicit InstanceIndex(LmdbEnvironment& lmdb);

  const ChecksumSecret& secret() const { return secret_; }
  InstanceKey KeyOf(std::string_view archive, const InstanceReference& instance) const;
  InstanceKey KeyOf(std::string_view archive, const Uid& study, const Uid& series, const Uid& instance) const;

  // The id that ties the index to its objects/.
  std::string ObjectsId(const LmdbTransaction& transaction) const;
  // Forgets all instances (not their sizes) and takes the new id.
  void Reset(LmdbTransaction& transaction, const std::string& id);

  using Gone = std::function<void(const Content&)>;  // a content that nothing refers to any more: delete its file

  std::optional<IndexEntry> Find(const LmdbTransaction& transaction, const InstanceKey& key) const;
  bool HasRecord(const LmdbTransaction& transaction, const InstanceKey& key) const;
  // `blocks` and `stamp` of a content alone (the rest of the entry is its own).
  std::optional<IndexEntry> FindContent(const LmdbTransaction& transaction, const Content& content) const;
  void Put(LmdbTransaction& transaction, const InstanceKey& key, const IndexEntry& entry, const Gone& gone);
  void PutStamp(LmdbTransaction& transaction, const Content& content, const FileStamp& stamp);
  void Touch(LmdbTransaction& transaction, std::string_view key_hash, uint64_t last_use);
  // False: there was none.
  bool Remove(LmdbTransaction& transaction, std::string_view key_hash, const Gone& gone);
  // Drops a content with all instances that refer to it, without telling.
  void RemoveContent(LmdbTransaction& transaction, const Content& content);
  // Drops the least recently used until `bytes` are free or `max_count` are gone; the bytes that were freed.
  uint64_t Evict(LmdbTransaction& transaction, uint64_t bytes, uint64_t max_count, const Gone& gone);

  // Key hashes and sizes of all instances of an archive. Walks the whole table.
  std::vector<std::pair<std::string, uint64_t>> OfArchive(const LmdbTransaction& transaction,
                                                          std::string_view archive) const;
  // Key hashes of the least recently used, not later than `last_use`, `max_count` at most.
  std::vector<std::string> UnusedSince(const LmdbTransaction& transaction, uint64_t last_use, size_t max_count) const;

  uint64_t Bytes(const LmdbTransaction& transaction) const;
  uint64_t Instances(const LmdbTransaction& transaction) const;

  std::optional<uint64_t> FindSize(const LmdbTransaction& transaction, std::string_view key_hash) const;
  void PutSize(LmdbTransaction& transaction, std::string_view key_hash, uint64_t size);
  void RemoveSize(LmdbTransaction& transaction, std::string_view key_hash);
  // Drops some sizes, by chance, while there are more than `max_sizes`.
  void TrimSizes(LmdbTransaction& transaction, uint64_t max_sizes);
  void ClearSizes(LmdbTransaction& transaction);

  // Recounts everything; each contradiction found is told in a line.
  std::vector<std::string> Check(const LmdbTransaction& transaction,
                                 const std::function<void(const IndexEntry&)>& each_content) const;

 private:
  struct Record;
  static std::optional<Record> DecodeRecord(std::string_view stored);
  void AddBytes(LmdbTransaction& transaction, int64_t difference);
  void RemoveReference(LmdbTransaction& transaction, std::string_view key_hash, const Record& record, const Gone& gone);

  LmdbTable meta_;      // "secret", "objects", "bytes"
  LmdbTable records_;   // key -> content, last use, full key
  LmdbTable contents_;  // content -> blocks, stamp
  LmdbTable refs_;      // content, key -> nothing
  LmdbTable lru_;       // last use, key -> nothing
  LmdbTable sizes_;     // key -> size
  ChecksumSecret secret_;
};

}  // namespace trolley

#endif  // TROLLEY_CACHE_INSTANCE_INDEX_H_
