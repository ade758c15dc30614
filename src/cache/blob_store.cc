#include "cache/blob_store.h"

#include <algorithm>

#include "base/checksum.h"
#include "base/text.h"

namespace trolley {
namespace {

// table:  archive checksum (16), key checksum (16) -> entry
// order:  archive checksum (16)                    -> totals
//         archive checksum (16), number (8)        -> key in `table`, oldest first
struct Entry {
  uint64_t number = 0;  // of the write
  std::string_view key;
  std::string_view value;
};

struct Totals {
  uint64_t next = 1;
  uint64_t bytes = 0;
};

std::string EncodeEntry(const Entry& entry) {
  std::string stored;
  stored.reserve(16 + entry.key.size() + entry.value.size());
  AppendBigEndian(stored, entry.number);
  AppendBigEndian(stored, entry.key.size());
  stored.append(entry.key);
  stored.append(entry.value);
  return stored;
}

std::optional<Entry> DecodeEntry(std::string_view stored) {
  if (stored.size() < 16) {
    return std::nullopt;
  }
  const uint64_t key_size = ReadBigEndian(stored.substr(8));
  if (key_size > stored.size() - 16) {
    return std::nullopt;
  }
  return Entry{ReadBigEndian(stored), stored.substr(16, key_size), stored.substr(16 + key_size)};
}

Totals DecodeTotals(std::optional<std::string_view> stored) {
  if (!stored || stored->size() != 16) {
    return {};
  }
  return {ReadBigEndian(*stored), ReadBigEndian(stored->substr(8))};
}

// What an entry counts for: its bytes and about what LMDB adds.
uint64_t Cost(std::string_view stored) {
  return stored.size() + 128;
}

std::string OrderName(const char* table) {
  return StrCat(table, ".order");
}

// The changes of one transaction.
class Change {
 public:
  Change(LmdbTransaction& transaction, LmdbTable table, LmdbTable order, std::string prefix)
      : transaction_(transaction), table_(table), order_(order), prefix_(std::move(prefix)) {
    totals_ = DecodeTotals(transaction_.Get(order_, prefix_));
  }

  void Remove(std::string_view key) { RemoveStored(prefix_ + ChecksumOf(key)); }

  void Put(std::string_view key, std::string_view value, uint64_t max_bytes) {
    const std::string stored_key = prefix_ + ChecksumOf(key);
    RemoveStored(stored_key);
    const std::string stored = EncodeEntry({totals_.next, key, value});
    if (Cost(stored) > max_bytes) {
      return;
    }
    transaction_.Put(table_, stored_key, stored);
    transaction_.Put(order_, OrderKey(totals_.next), stored_key);
    totals_.bytes += Cost(stored);
    ++totals_.next;
  }

  void Finish(uint64_t max_bytes) {
    while (totals_.bytes > max_bytes && RemoveOldest()) {
    }
    std::string stored;
    AppendBigEndian(stored, totals_.next);
    AppendBigEndian(stored, totals_.bytes);
    transaction_.Put(order_, prefix_, stored);
  }

 private:
  std::string OrderKey(uint64_t number) const {
    std::string key = prefix_;
    AppendBigEndian(key, number);
    return key;
  }

  void RemoveStored(const std::string& stored_key) {
    const auto stored = transaction_.Get(table_, stored_key);
    if (!stored) {
      return;
    }
    totals_.bytes -= std::min(totals_.bytes, Cost(*stored));
    if (const auto entry = DecodeEntry(*stored)) {
      transaction_.Delete(order_, OrderKey(entry->number));
    }
    transaction_.Delete(table_, stored_key);
  }

  bool RemoveOldest() {
    std::string order_key;
    std::string stored_key;
    transaction_.ForEach(order_, prefix_ + std::string(1, '\0'), [&](std::string_view key, std::string_view value) {
      if (key.starts_with(prefix_)) {
        order_key = key;
        stored_key = value;
      }
      return false;
    });
    if (order_key.empty()) {
      return false;
    }
    RemoveStored(stored_key);
    transaction_.Delete(order_, order_key);
    return true;
  }

  LmdbTransaction& transaction_;
  LmdbTable table_;
  LmdbTable order_;
  std::string prefix_;
  Totals totals_;
};

}  // namespace

BlobStore::BlobStore(std::shared_ptr<LmdbEnvironment> lmdb, const char* table, std::string archive, uint64_t max_bytes)
    : lmdb_(std::move(lmdb)),
      table_(lmdb_->Table(table)),
      order_(lmdb_->Table(OrderName(table).c_str())),
      prefix_(ChecksumOf(archive)),
      max_bytes_(max_bytes) {
  lmdb_->Sacrifice(table_);
  lmdb_->Sacrifice(order_);
}

std::optional<std::string> BlobStore::Load(std::string_view key) const {
  std::optional<std::string> value;
  lmdb_->Read([&](const LmdbTransaction& transaction) {
    const auto stored = transaction.Get(table_, prefix_ + ChecksumOf(key));
    const auto entry = stored ? DecodeEntry(*stored) : std::nullopt;
    if (entry && entry->key == key) {
      value.emplace(entry->value);
    }
  });
  return value;
}

void BlobStore::Save(std::string_view key, std::string_view value) {
  lmdb_->Write([&](LmdbTransaction& transaction) {
    Change change(transaction, table_, order_, prefix_);
    change.Put(key, value, max_bytes_);
    change.Finish(max_bytes_);
  });
}

void BlobStore::Remove(std::string_view key) {
  Apply({}, {std::string(key)});
}

void BlobStore::Apply(const std::vector<std::pair<std::string, std::string>>& changed,
                      const std::vector<std::string>& removed) {
  if (changed.empty() && removed.empty()) {
    return;
  }
  lmdb_->Write([&](LmdbTransaction& transaction) {
    Change change(transaction, table_, order_, prefix_);
    for (const std::string& key : removed) {
      change.Remove(key);
    }
    for (const auto& [key, value] : changed) {
      change.Put(key, value, max_bytes_);
    }
    change.Finish(max_bytes_);
  });
}

void BlobStore::ForEach(const std::function<void(std::string_view, std::string_view)>& visit) const {
  lmdb_->Read([&](const LmdbTransaction& transaction) {
    transaction.ForEach(table_, prefix_, [&](std::string_view key, std::string_view stored) {
      if (!key.starts_with(prefix_)) {
        return false;
      }
      if (const auto entry = DecodeEntry(stored)) {
        visit(entry->key, entry->value);
      }
      return true;
    });
  });
}

void BlobStore::Clear() {
  lmdb_->Write([&](LmdbTransaction& transaction) {
    for (const LmdbTable table : {table_, order_}) {
      std::vector<std::string> keys;
      transaction.ForEach(table, prefix_, [&](std::string_view key, std::string_view) {
        if (key.starts_with(prefix_)) {
          keys.emplace_back(key);
        }
        return key.starts_with(prefix_);
      });
      for (const std::string& key : keys) {
        transaction.Delete(table, key);
      }
    }
  });
}

void BlobStore::ClearTable(LmdbEnvironment& lmdb, const char* table) {
  const LmdbTable entries = lmdb.Table(table);
  const LmdbTable order = lmdb.Table(OrderName(table).c_str());
  lmdb.Write([&](LmdbTransaction& transaction) {
    transaction.Clear(entries);
    transaction.Clear(order);
  });
}

bool BlobStore::empty() const {
  bool empty = true;
  lmdb_->Read([&](const LmdbTransaction& transaction) {
    transaction.ForEach(table_, prefix_, [&](std::string_view key, std::string_view) {
      empty = !key.starts_with(prefix_);
      return false;
    });
  });
  return empty;
}

}  // namespace trolley
