#include "cache/instance_cache.h"

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <fstream>
#include <future>
#include <limits>

#include "base/text.h"
#include "cache/instance_cache_impl.h"
#include "trolley/error.h"
#include "trolley/log.h"

namespace trolley {
namespace {

constexpr uint64_t kEvictedAtATime = 1000;  // bounds how long others wait for the index
constexpr uint64_t kUncheckedBytes = 1 << 20;

std::string ReadBootId() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(file, id);
  // Without one, files are trusted within this process only.
  return id.empty() ? ToHex(RandomBytes(16)) : id;
}

// "<32 hex>.<size>", as CacheDirectory names objects.
std::optional<Content> ContentOfName(std::string_view name) {
  const auto size = name.size() > 33 && name[32] == '.' ? ParseUint(name.substr(33)) : std::nullopt;
  if (!size) {
    return std::nullopt;
  }
  Content content;
  for (size_t i = 0; i < 32; i += 2) {
    const auto digit = [](char c) { return c >= 'a' ? c - 'a' + 10 : c - '0'; };
    content.checksum.push_back(static_cast<char>(digit(name[i]) << 4 | digit(name[i + 1])));
  }
  content.size = *size;
  return content;
}

}  // namespace

FileStamp StampOf(const struct stat& status, const std::string& boot_id) {
  const auto seconds = static_cast<uint64_t>(status.st_ctim.tv_sec);
  return {status.st_ino, seconds * 1000000000 + static_cast<uint64_t>(status.st_ctim.tv_nsec), boot_id};
}

uint64_t BlocksOf(const struct stat& status) {
  // A file system that allocates late may not have counted them yet.
  const auto size = (static_cast<uint64_t>(status.st_size) + 4095) / 4096 * 4096;
  return std::max(static_cast<uint64_t>(status.st_blocks) * 512, size);
}

uint64_t NowMicroseconds() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(now).count());
}

InstanceCache::Impl::Impl(InstanceCacheOptions options, std::shared_ptr<LmdbEnvironment> lmdb)
    : options_(std::move(options)),
      lmdb_(std::move(lmdb)),
      index_(*lmdb_),
      directory_(options_.directory),
      boot_id_(ReadBootId()),
      background_(1, "cache-cleaner") {
  TieIndexToObjects();
  background_.Submit([this](std::stop_token stop) { directory_.EmptyTrash(stop); });
  if (directory_.unclean()) {
    background_.Submit([this](std::stop_token stop) { SweepOrphans(stop); });
  }
  committer_ = std::thread([this] { RunCommitter(); });
}

// An index that was lost, or an objects/ of another one: files that nobody counts would stay for ever.
void InstanceCache::Impl::TieIndexToObjects() {
  const std::string fresh = ToHex(RandomBytes(16));
  lmdb_->Write([&](LmdbTransaction& transaction) {
    const std::string id = index_.ObjectsId(transaction);
    if (id.empty() || directory_.ObjectsId() != id) {
      directory_.ResetObjects(fresh);
      index_.Reset(transaction, fresh);
    }
  });
}

// A process that was killed between placing files and committing their records leaves files that the index does not
// know. Looked at again within a write transaction, when nobody else is between the two.
void InstanceCache::Impl::SweepOrphans(std::stop_token stop) {
  try {
    directory_.ForEachFolder(stop, [&](const std::vector<CacheDirectory::Object>& objects) {
      std::vector<const CacheDirectory::Object*> orphans;
      const auto collect = [&](const LmdbTransaction& transaction) {
        orphans.clear();
        for (const CacheDirectory::Object& object : objects) {
          const auto content = ContentOfName(object.name);
          if (!content || !index_.FindContent(transaction, *content)) {
            orphans.push_back(&object);
          }
        }
      };
      lmdb_->Read(collect);
      if (!orphans.empty()) {
        lmdb_->Write([&](LmdbTransaction& transaction) {
          collect(transaction);
          for (const CacheDirectory::Object* orphan : orphans) {
            CacheDirectory::Move(orphan->path, {});
          }
        });
      }
    });
  } catch (const std::exception& error) {
    LogWarning(StrCat("Cannot look for left-over files in the cache: ", error.what()));
  }
}

uint64_t InstanceCache::Impl::FreeBytes() const {
  struct statvfs status = {};
  if (::statvfs(options_.directory.c_str(), &status) != 0) {
    return std::numeric_limits<uint64_t>::max();
  }
  return uint64_t{status.f_bavail} * status.f_frsize;
}

void InstanceCache::Impl::Reserve(Reservation& reservation, uint64_t bytes, bool keep) {
  const uint64_t before = reservation.reserved();
  reservation.SetReserved(bytes);
  for (int round = 0; round < 3; ++round) {
    uint64_t cached = 0;
    lmdb_->Read([&](const LmdbTransaction& transaction) { cached = index_.Bytes(transaction); });
    const uint64_t reserved = space_->reserved;
    const uint64_t promised = reserved - std::min<uint64_t>(reserved, space_->written);
    // Down to 90 %, so that not each instance evicts.
    const uint64_t low = options_.max_size / 10 * 9;
    const uint64_t beyond = keep && cached + reserved > options_.max_size ? cached + reserved - low : 0;
    const uint64_t wanted = options_.min_free + promised;
    const uint64_t free = FreeBytes();
    const uint64_t lacking = wanted > free ? wanted - free : 0;
    if (beyond == 0 && lacking == 0) {
      return;
    }
    // Nothing is thrown away when that would not be enough.
    const bool hopeless = lacking > cached + space_->written || round == 2;
    if ((hopeless || MakeRoom(std::max(beyond, lacking)) == 0) && lacking > 0) {
      reservation.SetReserved(before);
      throw Error(ErrorCode::kNoSpace,
                  StrCat("Cannot cache an instance of ", bytes, " bytes: the disk of ", options_.directory.string(),
                         " has ", free, " bytes free; free some space there or lower min_free"));
    }
  }
}

void InstanceCache::Impl::ReserveInMemory(Reservation& reservation, uint64_t bytes) {
  const uint64_t unchecked = unchecked_ += bytes;
  if (unchecked < kUncheckedBytes) {
    reservation.SetReserved(bytes);
    return;
  }
  Reserve(reservation, bytes, true);
  unchecked_ = 0;
}

InstanceIndex::Gone InstanceCache::Impl::MoveAway(GoneFiles& gone) {
  return [this, &gone](const Content& content) {
    const std::filesystem::path object = directory_.ObjectPath(content.checksum, content.size);
    const std::filesystem::path away = directory_.NewStagingPath();
    if (CacheDirectory::Move(object, away)) {
      gone.paths.push_back(away);
    } else {
      CacheDirectory::Move(object, {});
    }
  };
}

uint64_t InstanceCache::Impl::MakeRoom(uint64_t bytes) {
  try {
    return EvictOrFlush(bytes);
  } catch (const Error& error) {
    // On a full disk the index cannot always be written either. That is no reason not to serve: without the cache,
    // then.
    LogWarning(error.what());
    return 0;
  }
}

uint64_t InstanceCache::Impl::EvictOrFlush(uint64_t bytes) {
  uint64_t freed = Evict(bytes);
  if (freed == 0) {
    {
      const MutexLock lock(mutex_);
      if (pending_.empty()) {
        return 0;
      }
    }
    Flush();
    freed = Evict(bytes);
  }
  return freed;
}

uint64_t InstanceCache::Impl::Evict(uint64_t bytes) {
  std::vector<std::pair<std::string, uint64_t>> touches;
  {
    const MutexLock lock(mutex_);
    touches.assign(touches_.begin(), touches_.end());
    touches_.clear();
  }
  uint64_t freed = 0;
  bool failed_before = false;
  for (bool more = true; more && freed < bytes;) {
    uint64_t freed_now = 0;
    uint64_t count = 0;
    GoneFiles gone;
    const auto evict = [&](LmdbTransaction& transaction) {
      for (const auto& [key, last_use] : touches) {
        index_.Touch(transaction, key, last_use);
      }
      const uint64_t before = index_.Instances(transaction);
      freed_now = index_.Evict(transaction, bytes - freed, kEvictedAtATime, MoveAway(gone));
      count = before - index_.Instances(transaction);
    };
    try {
      lmdb_->Write(evict);
    } catch (const Error&) {
      // The disk may be too full even for this; without the files there is room.
      if (failed_before || gone.paths.empty()) {
        throw;
      }
      failed_before = true;
      continue;
    }
    touches.clear();
    evicted_ += count;
    freed += freed_now;
    more = count > 0;
  }
  return freed;
}

InstanceCacheStatus InstanceCache::Impl::Status() {
  InstanceCacheStatus status;
  status.max_size = options_.max_size;
  status.evicted = evicted_;
  status.quarantined = quarantined_;
  status.lookups = lookups_;
  try {
    lmdb_->Read([&](const LmdbTransaction& transaction) {
      status.instances = index_.Instances(transaction);
      status.bytes = index_.Bytes(transaction);
    });
  } catch (const Error& error) {
    LogWarning(error.what());
  }
  const MutexLock lock(mutex_);
  for (const auto& [key, pending] : pending_) {
    ++status.instances;
    status.bytes += pending->reservation.reserved();
  }
  return status;
}

std::vector<std::string> InstanceCache::Impl::Check(bool read_files, const Context& context) {
  Flush();
  std::vector<std::string> problems;
  std::vector<IndexEntry> contents;
  lmdb_->Read([&](const LmdbTransaction& transaction) {
    problems = index_.Check(transaction, [&](const IndexEntry& entry) { contents.push_back(entry); });
  });
  for (const auto& [entry, problem] : WrongContents(contents, read_files, context)) {
    problems.push_back(problem);
  }
  for (std::string& unknown : UnknownFiles(context)) {
    problems.push_back(std::move(unknown));
  }
  return problems;
}

std::vector<std::string> InstanceCache::Impl::UnknownFiles(const Context& context) {
  std::vector<std::string> unknown;
  directory_.ForEachFolder({}, [&](const std::vector<CacheDirectory::Object>& objects) {
    context.Check("check the cache");
    // A write transaction, since others place files within theirs.
    lmdb_->Write([&](LmdbTransaction& transaction) {
      for (const CacheDirectory::Object& object : objects) {
        const auto content = ContentOfName(object.name);
        if (!content || (!index_.FindContent(transaction, *content) && std::filesystem::exists(object.path))) {
          unknown.push_back(StrCat("the index does not know the file ", object.name));
        }
      }
    });
  });
  return unknown;
}

void InstanceCache::Impl::WaitForBackground() {
  std::promise<void> done;
  background_.Submit([&done](std::stop_token) { done.set_value(); });
  done.get_future().wait();
}

InstanceCache::InstanceCache(InstanceCacheOptions options, std::shared_ptr<LmdbEnvironment> lmdb)
    : impl_(std::make_shared<Impl>(std::move(options), std::move(lmdb))) {}

InstanceCache::~InstanceCache() {
  impl_->Close();
}

std::optional<CachedInstance> InstanceCache::Find(std::string_view archive, const InstanceReference& instance,
                                                  Verify verify, const Context& context, bool* needs_verification) {
  if (needs_verification != nullptr) {
    *needs_verification = false;
  }
  return impl_->Find(impl_->index_.KeyOf(archive, instance), verify, context, needs_verification);
}

bool InstanceCache::Contains(std::string_view archive, const InstanceReference& instance) {
  return impl_->Contain({impl_->index_.KeyOf(archive, instance)}).front();
}

std::vector<bool> InstanceCache::Contain(std::string_view archive, const SeriesReference& series,
                                         const std::vector<Uid>& instances) {
  std::vector<InstanceKey> keys;
  keys.reserve(instances.size());
  for (const Uid& instance : instances) {
    keys.push_back(impl_->index_.KeyOf(archive, series.study, series.series, instance));
  }
  return impl_->Contain(keys);
}

std::optional<uint64_t> InstanceCache::KnownSize(std::string_view archive, const InstanceReference& instance) {
  return impl_->KnownSizes({impl_->index_.KeyOf(archive, instance)}).front();
}

std::vector<std::optional<uint64_t>> InstanceCache::KnownSizes(std::string_view archive, const SeriesReference& series,
                                                               const std::vector<const Uid*>& instances) {
  std::vector<InstanceKey> keys;
  keys.reserve(instances.size());
  for (const Uid* instance : instances) {
    keys.push_back(impl_->index_.KeyOf(archive, series.study, series.series, *instance));
  }
  return impl_->KnownSizes(keys);
}

void InstanceCache::RememberSize(std::string_view archive, const InstanceReference& instance, uint64_t size) {
  impl_->RememberSize(impl_->index_.KeyOf(archive, instance).hash, size);
}

void InstanceCache::Remove(std::string_view archive, const InstanceReference& instance) {
  impl_->Remove(impl_->index_.KeyOf(archive, instance));
}

void InstanceCache::Flush() {
  impl_->Flush();
}

InstanceCacheStatus InstanceCache::Status() {
  return impl_->Status();
}

void InstanceCache::Clear() {
  impl_->Clear();
}

std::vector<std::string> InstanceCache::Check(bool read_files, const Context& context) {
  return impl_->Check(read_files, context);
}

InstanceCacheShare InstanceCache::ShareOf(std::string_view archive) {
  return impl_->ShareOf(archive);
}

InstanceCacheShare InstanceCache::TrimToSize(uint64_t bytes) {
  return impl_->TrimToSize(bytes);
}

InstanceCacheShare InstanceCache::TrimUnusedSince(std::chrono::system_clock::time_point last_use,
                                                  const Context& context) {
  return impl_->TrimUnusedSince(last_use, context);
}

InstanceCacheShare InstanceCache::RemoveArchive(std::string_view archive, const Context& context) {
  return impl_->RemoveArchive(archive, context);
}

std::vector<std::string> InstanceCache::Repair(const Context& context) {
  return impl_->Repair(context);
}

void InstanceCache::WaitForBackground() {
  impl_->WaitForBackground();
}

}  // namespace trolley
