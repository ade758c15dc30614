#include <algorithm>
#include <chrono>
#include <utility>

#include "cache/instance_cache_impl.h"
#include "trolley/error.h"

// What `trolleyfs cache` does to a cache that others may be using.
namespace trolley {
namespace {

constexpr size_t kDroppedAtATime = 1000;  // bounds how long others wait for the index

void Add(InstanceCacheShare& sum, const InstanceCacheShare& share) {
  sum.instances += share.instances;
  sum.bytes += share.bytes;
}

}  // namespace

InstanceCacheShare InstanceCache::Impl::ShareOf(std::string_view archive) {
  Flush();
  InstanceCacheShare share;
  lmdb_->Read([&](const LmdbTransaction& transaction) {
    for (const auto& [key, size] : index_.OfArchive(transaction, archive)) {
      Add(share, {1, size});
    }
  });
  return share;
}

InstanceCacheShare InstanceCache::Impl::TrimToSize(uint64_t bytes) {
  Flush();
  uint64_t taken = 0;
  lmdb_->Read([&](const LmdbTransaction& transaction) { taken = index_.Bytes(transaction); });
  if (taken <= bytes) {
    return {};
  }
  const uint64_t evicted_before = evicted_;
  const uint64_t freed = Evict(taken - bytes);
  return {evicted_ - evicted_before, freed};
}

InstanceCacheShare InstanceCache::Impl::Drop(const ChooseKeys& choose, bool sizes_too) {
  InstanceCacheShare dropped;
  GoneFiles gone;
  lmdb_->Write([&](LmdbTransaction& transaction) {
    dropped = {};
    const uint64_t before = index_.Bytes(transaction);
    for (const std::string& key : choose(transaction)) {
      dropped.instances += index_.Remove(transaction, key, MoveAway(gone)) ? 1 : 0;
      if (sizes_too) {
        index_.RemoveSize(transaction, key);
      }
    }
    dropped.bytes = before - std::min(before, index_.Bytes(transaction));
  });
  return dropped;
}

InstanceCacheShare InstanceCache::Impl::TrimUnusedSince(std::chrono::system_clock::time_point last_use,
                                                        const Context& context) {
  Flush();
  const auto until = std::chrono::duration_cast<std::chrono::microseconds>(last_use.time_since_epoch()).count();
  InstanceCacheShare dropped;
  for (bool more = until > 0; more;) {
    context.Check("clean up the cache");
    const InstanceCacheShare now = Drop(
        [&](const LmdbTransaction& transaction) {
          return index_.UnusedSince(transaction, static_cast<uint64_t>(until), kDroppedAtATime);
        },
        false);
    Add(dropped, now);
    more = now.instances > 0;
  }
  return dropped;
}

InstanceCacheShare InstanceCache::Impl::RemoveArchive(std::string_view archive, const Context& context) {
  Flush();
  std::vector<std::string> keys;
  lmdb_->Read([&](const LmdbTransaction& transaction) {
    for (auto& [key, size] : index_.OfArchive(transaction, archive)) {
      keys.push_back(std::move(key));
    }
  });
  InstanceCacheShare dropped;
  while (!keys.empty()) {
    context.Check("clear the cache");
    const size_t kept = keys.size() - std::min(keys.size(), kDroppedAtATime);
    const std::vector<std::string> some(keys.begin() + static_cast<std::ptrdiff_t>(kept), keys.end());
    Add(dropped, Drop([&](const LmdbTransaction&) { return some; }, true));
    keys.resize(kept);
  }
  return dropped;
}

std::vector<std::pair<IndexEntry, std::string>> InstanceCache::Impl::WrongContents(
    const std::vector<IndexEntry>& contents, bool read_files, const Context& context) {
  std::vector<std::pair<IndexEntry, std::string>> wrong;
  for (const IndexEntry& entry : contents) {
    context.Check("check the cache");
    if (std::string problem = CheckFile(entry, read_files, context); !problem.empty()) {
      // Unless it was evicted meanwhile.
      lmdb_->Read([&](const LmdbTransaction& transaction) {
        if (index_.FindContent(transaction, entry.content)) {
          wrong.emplace_back(entry, std::move(problem));
        }
      });
    }
  }
  return wrong;
}

void InstanceCache::Impl::PutRight(const IndexEntry& entry) {
  const auto path = directory_.ObjectPath(entry.content.checksum, entry.content.size);
  if (UniqueFd fd = OpenObject(path)) {
    Quarantine({entry, std::move(fd)});
    return;
  }
  lmdb_->Write([&](LmdbTransaction& transaction) {
    if (!OpenObject(path)) {
      index_.RemoveContent(transaction, entry.content);
    }
  });
}

std::vector<std::string> InstanceCache::Impl::Repair(const Context& context) {
  Flush();
  std::vector<std::string> problems;
  std::vector<IndexEntry> contents;
  lmdb_->Read([&](const LmdbTransaction& transaction) {
    problems = index_.Check(transaction, [&](const IndexEntry& entry) { contents.push_back(entry); });
  });
  for (const auto& [entry, problem] : WrongContents(contents, true, context)) {
    problems.push_back(problem);
    PutRight(entry);
  }
  for (std::string& unknown : UnknownFiles(context)) {
    problems.push_back(std::move(unknown));
  }
  SweepOrphans(context.stop);
  return problems;
}

}  // namespace trolley
