#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/text.h"
#include "cache/instance_cache_impl.h"
#include "trolley/error.h"
#include "trolley/log.h"

// Finding instances, and deciding whether a file can be trusted.
namespace trolley {
namespace {

constexpr uint64_t kCheap = 1 << 20;         // bytes that any thread may read
constexpr size_t kPiece = 1 << 20;           // read between two looks at the context
constexpr size_t kMaxStampsWaiting = 10000;  // in memory while the index cannot be written
constexpr size_t kMaxTouchesWaiting = 100000;

bool IsFileOf(int fd, uint64_t size, struct stat& status) {
  return ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && static_cast<uint64_t>(status.st_size) == size;
}

std::string NameOf(const Content& content) {
  return content.checksum + "." + std::to_string(content.size);
}

// False also for a file that cannot be read.
bool ReadsAs(const Content& content, int fd, const ChecksumSecret& secret, const Context& context) {
  Checksum checksum(secret);
  std::vector<std::byte> piece(std::min<uint64_t>(kPiece, std::max<uint64_t>(content.size, 1)));
  uint64_t offset = 0;
  while (offset < content.size) {
    context.Check("check a cached instance");
    const size_t want = std::min<uint64_t>(piece.size(), content.size - offset);
    const ssize_t got = ::pread(fd, piece.data(), want, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      return false;
    }
    checksum.Update(std::span(piece).first(static_cast<size_t>(got)));
    offset += static_cast<uint64_t>(got);
  }
  return checksum.Digest() == content.checksum;
}

}  // namespace

UniqueFd OpenObject(const std::string& path) {
  return UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
}

std::optional<CachedInstance> InstanceCache::Impl::Find(const InstanceKey& key, InstanceCache::Verify verify,
                                                        const Context& context, bool* needs_verification) {
  ++lookups_;
  if (auto found = FindPending(key)) {
    return found;
  }
  try {
    auto located = Locate(key);
    if (!located) {
      return std::nullopt;
    }
    switch (Examine(*located, verify, context)) {
      case Trust::kSound:
        NoteUse(key, located->entry.last_use);
        return CachedInstance{std::move(located->fd), located->entry.content.size};
      case Trust::kExpensive:
        if (needs_verification != nullptr) {
          *needs_verification = true;
        }
        return std::nullopt;
      case Trust::kDamaged:
        Quarantine(*located);
        return std::nullopt;
    }
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kCancelled || error.code() == ErrorCode::kTimedOut) {
      throw;
    }
    LogWarning(error.what());
  }
  return std::nullopt;
}

std::optional<CachedInstance> InstanceCache::Impl::FindPending(const InstanceKey& key) {
  std::shared_ptr<PendingInstance> pending;
  {
    const MutexLock lock(mutex_);
    const auto found = pending_.find(key.hash);
    if (found == pending_.end() || found->second->key.full != key.full) {
      return std::nullopt;
    }
    pending = found->second;
  }
  if (pending->bytes != nullptr) {
    return CachedInstance{UniqueFd(), pending->content.size, pending->bytes};
  }
  UniqueFd fd = OpenObject(pending->staged);
  if (!fd) {
    // Committed this moment.
    fd = OpenObject(directory_.ObjectFile(pending->content.checksum, pending->content.size));
  }
  struct stat status = {};
  if (!fd || !IsFileOf(fd.get(), pending->content.size, status)) {
    return std::nullopt;
  }
  return CachedInstance{std::move(fd), pending->content.size};
}

std::optional<InstanceCache::Impl::Located> InstanceCache::Impl::Locate(const InstanceKey& key) {
  // Twice, since the entry may be replaced between the two steps.
  for (int attempt = 0; attempt < 2; ++attempt) {
    std::optional<IndexEntry> entry;
    lmdb_->Read([&](const LmdbTransaction& transaction) { entry = index_.Find(transaction, key); });
    if (!entry) {
      return std::nullopt;
    }
    const std::string path = directory_.ObjectFile(entry->content.checksum, entry->content.size);
    UniqueFd fd = OpenObject(path);
    if (fd) {
      return Located{std::move(*entry), std::move(fd)};
    }
    if (errno != ENOENT) {
      LogWarning(StrCat("Cannot open the cached file ", path, ": ", std::strerror(errno)));
      return std::nullopt;
    }
    if (attempt > 0) {
      NoteUnreachable(entry->content);
    }
  }
  return std::nullopt;
}

InstanceCache::Impl::Trust InstanceCache::Impl::Examine(const Located& located, InstanceCache::Verify verify,
                                                        const Context& context) {
  const IndexEntry& entry = located.entry;
  struct stat status = {};
  if (!IsFileOf(located.fd.get(), entry.content.size, status)) {
    return Trust::kDamaged;
  }
  const FileStamp stamp = StampOf(status, boot_id_);
  const auto trusted = [&] {
    const MutexLock lock(mutex_);
    return std::find(stamps_.begin(), stamps_.end(), std::pair(entry.content, stamp)) != stamps_.end();
  };
  if (stamp == entry.stamp || trusted()) {
    return Trust::kSound;
  }
  if (verify == InstanceCache::Verify::kOnlyIfCheap && entry.content.size > kCheap) {
    return Trust::kExpensive;
  }
  // One thread reads, the others wait for what it finds.
  const std::string name = NameOf(entry.content);
  MutexLock verifying(verifying_mutex_);
  while (!verifying_.insert(name).second) {
    if (verify == InstanceCache::Verify::kOnlyIfCheap) {
      return Trust::kExpensive;
    }
    context.Check("check a cached instance");
    verified_.WaitUntil(verifying, Clock::now() + std::chrono::milliseconds(50));
  }
  verifying.Unlock();
  struct Done {
    Impl& cache;
    const std::string& name;
    ~Done() {
      const MutexLock lock(cache.verifying_mutex_);
      cache.verifying_.erase(name);
      cache.verified_.NotifyAll();
    }
  } done{*this, name};
  if (trusted()) {
    return Trust::kSound;
  }
  if (!ReadsAs(entry.content, located.fd.get(), index_.secret(), context)) {
    return Trust::kDamaged;
  }
  const MutexLock lock(mutex_);
  if (stamps_.size() < kMaxStampsWaiting) {
    stamps_.emplace_back(entry.content, stamp);
    wake_committer_.NotifyAll();
  }
  return Trust::kSound;
}

void InstanceCache::Impl::Quarantine(const Located& located) {
  const Content& content = located.entry.content;
  const auto path = directory_.ObjectPath(content.checksum, content.size);
  bool moved = false;
  lmdb_->Write([&](LmdbTransaction& transaction) {
    struct stat bad = {};
    struct stat now = {};
    // Unless somebody else put it aside, and perhaps a good one in its place.
    const bool same = ::fstat(located.fd.get(), &bad) == 0 && ::lstat(path.c_str(), &now) == 0 &&
                      bad.st_ino == now.st_ino && bad.st_dev == now.st_dev;
    if (same) {
      index_.RemoveContent(transaction, content);
      directory_.Quarantine(path);
      moved = true;
    }
  });
  if (moved) {
    ++quarantined_;
    LogWarning(StrCat("A cached file was damaged and is put into quarantine; it will be fetched again: ",
                      path.filename().string()));
  }
}

std::string InstanceCache::Impl::CheckFile(const IndexEntry& entry, bool read, const Context& context) const {
  const auto path = directory_.ObjectPath(entry.content.checksum, entry.content.size);
  const std::string name = path.filename().string();
  const UniqueFd fd = OpenObject(path);
  struct stat status = {};
  if (!fd) {
    return StrCat("cannot open ", name, ": ", std::strerror(errno));
  }
  if (!IsFileOf(fd.get(), entry.content.size, status)) {
    return StrCat(name, " has the wrong size");
  }
  if (read && !ReadsAs(entry.content, fd.get(), index_.secret(), context)) {
    return StrCat(name, " is damaged: its checksum differs");
  }
  return {};
}

std::vector<bool> InstanceCache::Impl::Contain(const std::vector<InstanceKey>& keys) {
  std::vector<bool> contained(keys.size());
  {
    const MutexLock lock(mutex_);
    for (size_t i = 0; i < keys.size(); ++i) {
      const auto found = pending_.find(keys[i].hash);
      contained[i] = found != pending_.end() && found->second->key.full == keys[i].full;
    }
  }
  try {
    lmdb_->Read([&](const LmdbTransaction& transaction) {
      for (size_t i = 0; i < keys.size(); ++i) {
        contained[i] = contained[i] || index_.Find(transaction, keys[i]);
      }
    });
  } catch (const Error& error) {
    LogWarning(error.what());
  }
  return contained;
}

std::vector<std::optional<uint64_t>> InstanceCache::Impl::KnownSizes(const std::vector<InstanceKey>& keys) {
  std::vector<std::optional<uint64_t>> sizes(keys.size());
  {
    const MutexLock lock(mutex_);
    for (size_t i = 0; i < keys.size(); ++i) {
      if (const auto pending = pending_.find(keys[i].hash); pending != pending_.end()) {
        sizes[i] = pending->second->content.size;
      } else if (const auto known = sizes_.find(keys[i].hash); known != sizes_.end()) {
        sizes[i] = known->second;
      } else if (const auto written = sizes_in_commit_.find(keys[i].hash); written != sizes_in_commit_.end()) {
        sizes[i] = written->second;
      }
    }
  }
  try {
    lmdb_->Read([&](const LmdbTransaction& transaction) {
      for (size_t i = 0; i < keys.size(); ++i) {
        if (!sizes[i]) {
          sizes[i] = index_.FindSize(transaction, keys[i].hash);
        }
      }
    });
  } catch (const Error& error) {
    LogWarning(error.what());
  }
  return sizes;
}

void InstanceCache::Impl::NoteUse(const InstanceKey& key, uint64_t last_use) {
  const uint64_t now = NowMicroseconds();
  const uint64_t age = now > last_use ? now - last_use : last_use - now;  // the clock may have been set back
  if (age > static_cast<uint64_t>(options_.touch_interval.count()) * 1000) {
    const MutexLock lock(mutex_);
    if (touches_.size() < kMaxTouchesWaiting) {
      touches_[key.hash] = now;
      wake_committer_.NotifyAll();
    }
  }
}

void InstanceCache::Impl::NoteUnreachable(const Content& content) {
  const MutexLock lock(mutex_);
  unreachable_.emplace(content.checksum, content.size);
  wake_committer_.NotifyAll();
}

}  // namespace trolley
