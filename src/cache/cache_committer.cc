#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/text.h"
#include "cache/instance_cache_impl.h"
#include "trolley/error.h"
#include "trolley/log.h"

// The thread that writes the index, many changes in one transaction: a commit syncs the index to disk, and a series may
// have thousands of instances.
namespace trolley {
namespace {

constexpr size_t kMaxInstances = 256;  // in a transaction
constexpr size_t kMaxSizes = 10000;
constexpr size_t kMaxPending = 20000;  // beyond, the index is stuck: nothing is kept
constexpr size_t kMaxWaitingSizes = 1000000;
constexpr size_t kManyPending = 5000;
constexpr uint64_t kMuchInMemory = 12 << 20;  // bytes of instances
// While they keep coming, whoever waits for them has better use for the processor.
constexpr std::chrono::milliseconds kGather{50};
constexpr std::chrono::milliseconds kLongestGather{1000};
constexpr std::chrono::milliseconds kGatherTouches{2000};
constexpr std::chrono::seconds kLongestFlush{60};

uint64_t BytesInMemory(const PendingInstance& instance) {
  return instance.bytes != nullptr ? instance.content.size : 0;
}

}  // namespace

void InstanceCache::Impl::AddPending(std::shared_ptr<PendingInstance> instance) {
  const MutexLock lock(mutex_);
  if (closing_ || queue_.size() >= kMaxPending) {
    CacheDirectory::Move(instance->staged, {});
    return;
  }
  sizes_.erase(instance->key.hash);
  pending_[instance->key.hash] = instance;
  queued_bytes_ += BytesInMemory(*instance);
  queue_.push_back(std::move(instance));
  // It gathers: what comes between the first and what is much need not wake it.
  if (queue_.size() == 1 || HasMuchToWrite()) {
    wake_committer_.NotifyAll();
  }
}

void InstanceCache::Impl::RememberSize(const std::string& key_hash, uint64_t size) {
  const MutexLock lock(mutex_);
  if (!closing_ && sizes_.size() < kMaxWaitingSizes) {
    sizes_[key_hash] = size;
    wake_committer_.NotifyAll();
  }
}

void InstanceCache::Impl::Remove(const InstanceKey& key) {
  {
    const MutexLock lock(mutex_);
    // Told before our transaction begins: the committer sees it in its own, or ours comes after that and removes what
    // it wrote.
    if (const auto found = pending_.find(key.hash); found != pending_.end() && found->second->key.full == key.full) {
      found->second->removed = true;
      pending_.erase(found);
    }
    sizes_.erase(key.hash);
    touches_.erase(key.hash);
  }
  GoneFiles gone;
  lmdb_->Write([&](LmdbTransaction& transaction) {
    if (index_.HasRecord(transaction, key)) {
      index_.Remove(transaction, key.hash, MoveAway(gone));
    }
    index_.RemoveSize(transaction, key.hash);
  });
}

void InstanceCache::Impl::Clear() {
  {
    const MutexLock lock(mutex_);
    for (const auto& [key, pending] : pending_) {
      pending->removed = true;
    }
    pending_.clear();
    sizes_.clear();
    touches_.clear();
    stamps_.clear();
  }
  lmdb_->Write([&](LmdbTransaction& transaction) {
    const std::string id = index_.ObjectsId(transaction);
    directory_.ResetObjects(id);
    directory_.TrashQuarantine();
    index_.Reset(transaction, id);
    index_.ClearSizes(transaction);
  });
  background_.Submit([this](std::stop_token stop) { directory_.EmptyTrash(stop); });
}

void InstanceCache::Impl::Flush() {
  MutexLock lock(mutex_);
  const uint64_t wanted = ++flush_wanted_;
  wake_committer_.NotifyAll();
  committed_.WaitFor(lock, kLongestFlush, [&]() TROLLEY_REQUIRES(mutex_) { return flush_done_ >= wanted || closing_; });
}

void InstanceCache::Impl::Close() {
  {
    const MutexLock lock(mutex_);
    closing_ = true;
    wake_committer_.NotifyAll();
  }
  committer_.join();
  background_.RequestStop();
  lmdb_->Sync();
}

bool InstanceCache::Impl::HasMuchToWrite() const {
  return queue_.size() >= kManyPending || queued_bytes_ >= kMuchInMemory;
}

bool InstanceCache::Impl::HasWork() const {
  return !queue_.empty() || !sizes_.empty() || !touches_.empty() || !unreachable_.empty() || !stamps_.empty();
}

void InstanceCache::Impl::RunCommitter() {
  MutexLock lock(mutex_);
  for (;;) {
    const auto now = [&]() TROLLEY_REQUIRES(mutex_) {
      return closing_ || flush_wanted_ > flush_done_ || HasMuchToWrite();
    };
    wake_committer_.Wait(lock, [&]() TROLLEY_REQUIRES(mutex_) { return now() || HasWork(); });
    const auto hurry = [&]() TROLLEY_REQUIRES(mutex_) {
      return now() || !queue_.empty() || !sizes_.empty() || !unreachable_.empty() || !stamps_.empty();
    };
    if (wake_committer_.WaitFor(lock, kGatherTouches, hurry)) {
      const auto latest = Clock::now() + kLongestGather;
      for (size_t before = SIZE_MAX; queue_.size() != before && Clock::now() < latest;) {
        before = queue_.size();
        wake_committer_.WaitFor(lock, kGather, now);
      }
    }
    const uint64_t flush = flush_wanted_;
    // Bounded, so that a flush ends also while others go on adding.
    size_t rounds = 1 + queue_.size() / kMaxInstances + sizes_.size() / kMaxSizes;
    for (; rounds > 0 && HasWork(); --rounds) {
      CommitBatch batch = TakeBatch();
      lock.Unlock();
      Commit(batch);
      lock.Lock();
    }
    flush_done_ = flush;
    committed_.NotifyAll();
    if (closing_ && !HasWork()) {
      return;
    }
  }
}

CommitBatch InstanceCache::Impl::TakeBatch() {
  CommitBatch batch;
  while (!queue_.empty() && batch.instances.size() < kMaxInstances) {
    queued_bytes_ -= BytesInMemory(*queue_.front());
    batch.instances.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  batch.kept = batch.instances.size();
  while (!sizes_.empty() && batch.sizes.size() < kMaxSizes) {
    auto node = sizes_.extract(sizes_.begin());
    batch.sizes.emplace_back(node.key(), node.mapped());
    sizes_in_commit_.insert(std::move(node));
  }
  batch.touches.assign(touches_.begin(), touches_.end());
  batch.unreachable.assign(unreachable_.begin(), unreachable_.end());
  touches_.clear();
  unreachable_.clear();
  batch.stamps = std::exchange(stamps_, {});
  return batch;
}

void InstanceCache::Impl::Commit(CommitBatch& batch) {
  GoneFiles gone;
  for (bool again = true; again;) {
    again = false;
    try {
      lmdb_->Write([&](LmdbTransaction& transaction) { WriteBatch(transaction, batch, gone); });
    } catch (const std::exception& error) {
      // A full disk may have no room for the index itself: give up half of the files, and there is. (LMDB calls a write
      // that was cut short EIO, so the reason tells nothing.)
      again = batch.kept > 0;
      const size_t kept = again ? batch.kept / 2 : 0;
      LogWarning(StrCat("Cannot keep ", batch.kept - kept, " instances in the cache: ", error.what()));
      GiveUp(batch, kept);
      gone.Delete();
    }
  }
  Forget(batch);
}

void InstanceCache::Impl::WriteBatch(LmdbTransaction& transaction, CommitBatch& batch, GoneFiles& gone) {
  const InstanceIndex::Gone move_away = MoveAway(gone);
  for (const auto& [checksum, size] : batch.unreachable) {
    struct stat status = {};
    if (::lstat(directory_.ObjectPath(checksum, size).c_str(), &status) != 0) {
      index_.RemoveContent(transaction, {checksum, size});
    }
  }
  for (const auto& [content, stamp] : batch.stamps) {
    index_.PutStamp(transaction, content, stamp);
  }
  for (const auto& [key, last_use] : batch.touches) {
    index_.Touch(transaction, key, last_use);
  }
  for (const auto& [key, size] : batch.sizes) {
    index_.PutSize(transaction, key, size);
  }
  bool made_room = false;
  for (size_t i = 0; i < batch.kept; ++i) {
    const auto& pending = batch.instances[i];
    int reason = pending->removed ? 0 : Put(transaction, *pending, move_away);
    if (MeansFull(reason) && !made_room) {
      made_room = true;
      EvictWithin(transaction, pending->content.size + kEvictedWhenFull, kMaxInstances, move_away);
      gone.Delete();  // should the transaction fail, their records are of files that are missed
      reason = Put(transaction, *pending, move_away);
    }
    if (reason != 0) {
      LogWarning(StrCat("Cannot move an instance into the cache: ", std::strerror(reason)));
    }
  }
  index_.TrimSizes(transaction, options_.max_known_sizes);
  const uint64_t bytes = index_.Bytes(transaction);
  if (bytes > options_.max_size) {
    EvictWithin(transaction, bytes - options_.max_size / 10 * 9, index_.Instances(transaction), move_away);
  }
}

void InstanceCache::Impl::EvictWithin(LmdbTransaction& transaction, uint64_t bytes, uint64_t most,
                                      const InstanceIndex::Gone& gone) {
  const uint64_t before = index_.Instances(transaction);
  index_.Evict(transaction, bytes, most, gone);
  evicted_ += before - index_.Instances(transaction);
}

int InstanceCache::Impl::Put(LmdbTransaction& transaction, PendingInstance& pending, const InstanceIndex::Gone& gone) {
  const Content& content = pending.content;
  const auto object = directory_.ObjectPath(content.checksum, content.size);
  struct stat status = {};
  const auto known = index_.FindContent(transaction, content);
  const bool shared =
      !pending.placed && known && ::lstat(object.c_str(), &status) == 0 && StampOf(status, boot_id_) == known->stamp;
  if (!shared && !pending.placed) {
    // What the index knows others may open at this moment.
    const int reason = pending.bytes != nullptr ? directory_.Write(*pending.bytes, object, known.has_value())
                                                : directory_.Place(pending.staged, object);
    if (reason != 0) {
      return reason;
    }
    pending.placed = true;
  }
  if (::lstat(object.c_str(), &status) != 0 || !S_ISREG(status.st_mode) ||
      static_cast<uint64_t>(status.st_size) != content.size) {
    LogWarning(StrCat("Cannot keep an instance in the cache: its file has not the ", content.size, " bytes written"));
    return 0;
  }
  last_commit_time_ = std::max(NowMicroseconds(), last_commit_time_ + 1);
  index_.Put(transaction, pending.key, {content, last_commit_time_, BlocksOf(status), StampOf(status, boot_id_)}, gone);
  index_.PutSize(transaction, pending.key.hash, content.size);
  return 0;
}

// Nothing was committed: files that were placed would be counted by nobody.
void InstanceCache::Impl::GiveUp(CommitBatch& batch, size_t kept) {
  for (size_t i = kept; i < batch.kept; ++i) {
    const PendingInstance& pending = *batch.instances[i];
    CacheDirectory::Move(
        pending.placed ? directory_.ObjectPath(pending.content.checksum, pending.content.size) : pending.staged, {});
  }
  batch.kept = kept;
}

void InstanceCache::Impl::Forget(const CommitBatch& batch) {
  {
    const MutexLock lock(mutex_);
    sizes_in_commit_.clear();
    for (const auto& pending : batch.instances) {
      const auto found = pending_.find(pending->key.hash);
      if (found != pending_.end() && found->second == pending) {
        pending_.erase(found);
      }
    }
  }
  for (const auto& pending : batch.instances) {
    if (!pending->placed) {
      CacheDirectory::Move(pending->staged, {});
    }
  }
}

}  // namespace trolley
