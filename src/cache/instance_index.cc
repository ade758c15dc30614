#include "cache/instance_index.h"

#include <algorithm>
#include <map>

#include "base/text.h"

namespace trolley {
namespace {

constexpr size_t kKeySize = 16;
constexpr size_t kContentSize = 24;

std::string EncodeContent(const Content& content) {
  std::string stored = content.checksum;
  AppendBigEndian(stored, content.size);
  return stored;
}

Content DecodeContent(std::string_view stored) {
  return {std::string(stored.substr(0, 16)), ReadBigEndian(stored.substr(16))};
}

std::string EncodeState(uint64_t blocks, const FileStamp& stamp) {
  std::string stored;
  AppendBigEndian(stored, blocks);
  AppendBigEndian(stored, stamp.inode);
  AppendBigEndian(stored, stamp.ctime_ns);
  stored.append(stamp.boot_id);
  return stored;
}

std::string LruKey(uint64_t last_use, std::string_view key_hash) {
  std::string key;
  AppendBigEndian(key, last_use);
  key.append(key_hash);
  return key;
}

}  // namespace

struct InstanceIndex::Record {
  std::string content;  // encoded
  uint64_t last_use = 0;
  std::string full_key;

  std::string Encode() const {
    std::string stored = content;
    AppendBigEndian(stored, last_use);
    stored.append(full_key);
    return stored;
  }
};

std::optional<InstanceIndex::Record> InstanceIndex::DecodeRecord(std::string_view stored) {
  if (stored.size() < kContentSize + 8) {
    return std::nullopt;
  }
  return Record{std::string(stored.substr(0, kContentSize)), ReadBigEndian(stored.substr(kContentSize)),
                std::string(stored.substr(kContentSize + 8))};
}

InstanceIndex::InstanceIndex(LmdbEnvironment& lmdb)
    : meta_(lmdb.Table("instances.meta")),
      records_(lmdb.Table("instances")),
      contents_(lmdb.Table("instances.contents")),
      refs_(lmdb.Table("instances.references")),
      lru_(lmdb.Table("instances.lru")),
      sizes_(lmdb.Table("instances.sizes")) {
  const std::string fresh = RandomBytes(secret_.size());
  lmdb.Write([&](LmdbTransaction& transaction) {
    auto stored = transaction.Get(meta_, "secret");
    if (!stored || stored->size() != secret_.size()) {
      transaction.Put(meta_, "secret", fresh);
      stored = transaction.Get(meta_, "secret");
    }
    std::copy(stored->begin(), stored->end(), secret_.begin());
  });
}

InstanceKey InstanceIndex::KeyOf(std::string_view archive, const InstanceReference& instance) const {
  return KeyOf(archive, instance.study, instance.series, instance.instance);
}

InstanceKey InstanceIndex::KeyOf(std::string_view archive, const Uid& study, const Uid& series,
                                 const Uid& instance) const {
  constexpr std::string_view kNul("\0", 1);
  InstanceKey key;
  key.full = StrCat(archive, kNul, study.str(), kNul, series.str(), kNul);
  key.hash = ChecksumOf(key.full, secret_).substr(0, 8);
  key.full.append(instance.str());
  key.hash.append(ChecksumOf(key.full, secret_).substr(0, 8));
  return key;
}

std::string InstanceIndex::ObjectsId(const LmdbTransaction& transaction) const {
  return std::string(transaction.Get(meta_, "objects").value_or(""));
}

void InstanceIndex::Reset(LmdbTransaction& transaction, const std::string& id) {
  for (const LmdbTable table : {records_, contents_, refs_, lru_}) {
    transaction.Clear(table);
  }
  transaction.Delete(meta_, "bytes");
  transaction.Put(meta_, "objects", id);
}

std::optional<IndexEntry> InstanceIndex::FindContent(const LmdbTransaction& transaction, const Content& content) const {
  const auto stored = transaction.Get(contents_, EncodeContent(content));
  if (!stored || stored->size() < 24) {
    return std::nullopt;
  }
  return IndexEntry{
      content, 0, ReadBigEndian(*stored),
      FileStamp{ReadBigEndian(stored->substr(8)), ReadBigEndian(stored->substr(16)), std::string(stored->substr(24))}};
}

std::optional<IndexEntry> InstanceIndex::Find(const LmdbTransaction& transaction, const InstanceKey& key) const {
  const auto stored = transaction.Get(records_, key.hash);
  const auto record = stored ? DecodeRecord(*stored) : std::nullopt;
  if (!record || record->full_key != key.full) {
    return std::nullopt;
  }
  auto entry = FindContent(transaction, DecodeContent(record->content));
  if (entry) {
    entry->last_use = record->last_use;
  }
  return entry;
}

bool InstanceIndex::HasRecord(const LmdbTransaction& transaction, const InstanceKey& key) const {
  const auto stored = transaction.Get(records_, key.hash);
  const auto record = stored ? DecodeRecord(*stored) : std::nullopt;
  return record && record->full_key == key.full;
}

void InstanceIndex::AddBytes(LmdbTransaction& transaction, int64_t difference) {
  const uint64_t before = Bytes(transaction);
  const uint64_t after = difference < 0 ? before - std::min(before, static_cast<uint64_t>(-difference))
                                        : before + static_cast<uint64_t>(difference);
  std::string stored;
  AppendBigEndian(stored, after);
  transaction.Put(meta_, "bytes", stored);
}

void InstanceIndex::RemoveReference(LmdbTransaction& transaction, std::string_view key_hash, const Record& record,
                                    const Gone& gone) {
  transaction.Delete(lru_, LruKey(record.last_use, key_hash));
  transaction.Delete(refs_, record.content + std::string(key_hash));
  bool referred = false;
  transaction.ForEach(refs_, record.content, [&](std::string_view ref, std::string_view) {
    referred = ref.starts_with(record.content);
    return false;
  });
  if (referred) {
    return;
  }
  const Content content = DecodeContent(record.content);
  if (const auto entry = FindContent(transaction, content)) {
    AddBytes(transaction, -static_cast<int64_t>(entry->blocks));
    transaction.Delete(contents_, record.content);
    gone(content);
  }
}

void InstanceIndex::Put(LmdbTransaction& transaction, const InstanceKey& key, const IndexEntry& entry,
                        const Gone& gone) {
  const std::string content = EncodeContent(entry.content);
  // The new reference first, so that replacing an instance by the same bytes does not take its file away.
  const auto replaced = transaction.Get(records_, key.hash);
  const auto old = replaced ? DecodeRecord(*replaced) : std::nullopt;
  const auto known = FindContent(transaction, entry.content);
  AddBytes(transaction, static_cast<int64_t>(entry.blocks) - static_cast<int64_t>(known ? known->blocks : 0));
  transaction.Put(contents_, content, EncodeState(entry.blocks, entry.stamp));
  if (old && old->content != content) {
    RemoveReference(transaction, key.hash, *old, gone);
  } else if (old) {
    transaction.Delete(lru_, LruKey(old->last_use, key.hash));
  }
  transaction.Put(refs_, content + key.hash, "");
  transaction.Put(lru_, LruKey(entry.last_use, key.hash), "");
  transaction.Put(records_, key.hash, Record{content, entry.last_use, key.full}.Encode());
}

void InstanceIndex::PutStamp(LmdbTransaction& transaction, const Content& content, const FileStamp& stamp) {
  if (const auto entry = FindContent(transaction, content)) {
    transaction.Put(contents_, EncodeContent(content), EncodeState(entry->blocks, stamp));
  }
}

void InstanceIndex::Touch(LmdbTransaction& transaction, std::string_view key_hash, uint64_t last_use) {
  const auto stored = transaction.Get(records_, key_hash);
  auto record = stored ? DecodeRecord(*stored) : std::nullopt;
  if (!record) {
    return;
  }
  transaction.Delete(lru_, LruKey(record->last_use, key_hash));
  transaction.Put(lru_, LruKey(last_use, key_hash), "");
  record->last_use = last_use;
  transaction.Put(records_, key_hash, record->Encode());
}

bool InstanceIndex::Remove(LmdbTransaction& transaction, std::string_view key_hash, const Gone& gone) {
  const auto stored = transaction.Get(records_, key_hash);
  const auto record = stored ? DecodeRecord(*stored) : std::nullopt;
  if (!record) {
    return false;
  }
  RemoveReference(transaction, key_hash, *record, gone);
  transaction.Delete(records_, key_hash);
  return true;
}

void InstanceIndex::RemoveContent(LmdbTransaction& transaction, const Content& content) {
  const std::string prefix = EncodeContent(content);
  std::vector<std::string> keys;
  transaction.ForEach(refs_, prefix, [&](std::string_view ref, std::string_view) {
    if (!ref.starts_with(prefix)) {
      return false;
    }
    keys.emplace_back(ref.substr(prefix.size()));
    return true;
  });
  for (const std::string& key : keys) {
    Remove(transaction, key, [](const Content&) {});
  }
}

uint64_t InstanceIndex::Evict(LmdbTransaction& transaction, uint64_t bytes, uint64_t max_count, const Gone& gone) {
  const uint64_t before = Bytes(transaction);
  std::vector<std::string> oldest;
  transaction.ForEach(lru_, "", [&](std::string_view key, std::string_view) {
    oldest.emplace_back(key);
    return oldest.size() < max_count;
  });
  for (const std::string& key : oldest) {
    if (before - std::min(before, Bytes(transaction)) >= bytes) {
      break;
    }
    if (!Remove(transaction, std::string_view(key).substr(8), gone)) {
      transaction.Delete(lru_, key);
    }
  }
  return before - std::min(before, Bytes(transaction));
}

std::vector<std::pair<std::string, uint64_t>> InstanceIndex::OfArchive(const LmdbTransaction& transaction,
                                                                       std::string_view archive) const {
  const std::string prefix = StrCat(archive, '\0');
  std::vector<std::pair<std::string, uint64_t>> found;
  transaction.ForEach(records_, "", [&](std::string_view key, std::string_view stored) {
    // The full key is compared in place: an index may hold millions of others.
    if (stored.substr(std::min(stored.size(), kContentSize + 8)).starts_with(prefix)) {
      found.emplace_back(key, DecodeContent(stored.substr(0, kContentSize)).size);
    }
    return true;
  });
  return found;
}

std::vector<std::string> InstanceIndex::UnusedSince(const LmdbTransaction& transaction, uint64_t last_use,
                                                    size_t max_count) const {
  std::vector<std::string> found;
  transaction.ForEach(lru_, "", [&](std::string_view key, std::string_view) {
    if (found.size() >= max_count || key.size() <= 8 || ReadBigEndian(key) > last_use) {
      return false;
    }
    found.emplace_back(key.substr(8));
    return true;
  });
  return found;
}

uint64_t InstanceIndex::Bytes(const LmdbTransaction& transaction) const {
  const auto stored = transaction.Get(meta_, "bytes");
  return stored && stored->size() == 8 ? ReadBigEndian(*stored) : 0;
}

uint64_t InstanceIndex::Instances(const LmdbTransaction& transaction) const {
  return transaction.Count(records_);
}

std::optional<uint64_t> InstanceIndex::FindSize(const LmdbTransaction& transaction, std::string_view key_hash) const {
  const auto stored = transaction.Get(sizes_, key_hash);
  return stored && stored->size() == 8 ? std::optional(ReadBigEndian(*stored)) : std::nullopt;
}

void InstanceIndex::PutSize(LmdbTransaction& transaction, std::string_view key_hash, uint64_t size) {
  if (FindSize(transaction, key_hash) == size) {
    return;
  }
  std::string stored;
  AppendBigEndian(stored, size);
  transaction.Put(sizes_, key_hash, stored);
}

void InstanceIndex::RemoveSize(LmdbTransaction& transaction, std::string_view key_hash) {
  transaction.Delete(sizes_, key_hash);
}

void InstanceIndex::TrimSizes(LmdbTransaction& transaction, uint64_t max_sizes) {
  while (transaction.Count(sizes_) > max_sizes) {
    std::vector<std::string> victims;
    const auto take = [&](std::string_view key, std::string_view) {
      victims.emplace_back(key);
      return victims.size() < 100;
    };
    transaction.ForEach(sizes_, RandomBytes(kKeySize), take);
    if (victims.empty()) {
      transaction.ForEach(sizes_, "", take);
    }
    for (const std::string& victim : victims) {
      if (transaction.Count(sizes_) <= max_sizes) {
        break;
      }
      transaction.Delete(sizes_, victim);
    }
  }
}

void InstanceIndex::ClearSizes(LmdbTransaction& transaction) {
  transaction.Clear(sizes_);
}

std::vector<std::string> InstanceIndex::Check(const LmdbTransaction& transaction,
                                              const std::function<void(const IndexEntry&)>& each_content) const {
  std::vector<std::string> problems;
  std::map<std::string, uint64_t> references;
  uint64_t bytes = 0;
  transaction.ForEach(records_, "", [&](std::string_view key, std::string_view stored) {
    const auto record = DecodeRecord(stored);
    if (!record) {
      problems.push_back(StrCat("record ", ToHex(key), " cannot be read"));
      return true;
    }
    ++references[record->content];
    if (!transaction.Get(lru_, LruKey(record->last_use, key))) {
      problems.push_back(StrCat("record ", ToHex(key), " has no place in the order of use"));
    }
    if (!transaction.Get(refs_, record->content + std::string(key)) || !transaction.Get(contents_, record->content)) {
      problems.push_back(StrCat("record ", ToHex(key), " and its content do not know each other"));
    }
    return true;
  });
  transaction.ForEach(contents_, "", [&](std::string_view stored, std::string_view) {
    if (const auto entry = FindContent(transaction, DecodeContent(stored))) {
      bytes += entry->blocks;
      each_content(*entry);
    }
    if (references.count(std::string(stored)) == 0) {
      problems.push_back(StrCat("content ", ToHex(stored), " belongs to no record"));
    }
    return true;
  });
  if (transaction.Count(lru_) != transaction.Count(records_) ||
      transaction.Count(refs_) != transaction.Count(records_)) {
    problems.push_back("the tables differ in their number of instances");
  }
  if (bytes != Bytes(transaction)) {
    problems.push_back(StrCat("the index counts ", Bytes(transaction), " bytes, there are ", bytes));
  }
  return problems;
}

}  // namespace trolley
