#include "trolley/folder_archive.h"

#include <dirent.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/text.h"
#include "search/folder/folder_find.h"
#include "search/folder/folder_index.h"
#include "search/folder/folder_walk.h"
#include "trolley/error.h"
#include "trolley/file_header.h"
#include "trolley/log.h"

namespace trolley {
namespace {

constexpr size_t kBatch = 500;  // files read before they are kept
constexpr std::chrono::seconds kBatchTime{2};
// A file that was changed so shortly before it was read may change again without a trace: some file systems count in
// steps of two seconds.
constexpr int64_t kYoung_ns = 2'000'000'000;
constexpr size_t kMaxRemembered = 1000;  // unreadable files that were logged

bool IsSame(const FolderFile& known, const FoundFile& found) {
  return known.size == found.size && known.mtime_ns == found.mtime_ns && known.inode == found.inode;
}

int64_t Now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace

// One thread scans, the one whose query found the index too old; others wait for it. It alone writes the index.
class FolderArchive::Impl {
 public:
  Impl(FolderOptions options, std::shared_ptr<FolderIndexStore> store)
      : options_(std::move(options)), store_(std::move(store)) {}

  SearchResult Find(const Query& query, const Context& context) {
    BringUpToDate(Clock::now() - options_.rescan_interval, context);
    const ReaderLock lock(index_mutex_);
    return FindInFolder(index_, query, context);
  }

  // An unchanged file needs no scan, nor do all files of a series that is being read.
  std::optional<std::filesystem::path> FindFile(const InstanceReference& instance, const Context& context) {
    BringUpToDate(std::nullopt, context);
    std::optional<Location> known = Locate(instance);
    if (!known || !known->unchanged) {
      const auto now = Clock::now();
      BringUpToDate(known ? now : now - options_.rescan_interval, context);
      known = Locate(instance);
    }
    return known ? std::optional(options_.path / known->path) : std::nullopt;
  }

  void Check() const {
    DIR* directory = opendir(options_.path.c_str());
    if (directory == nullptr) {
      throw Error(ErrorCode::kStorage,
                  StrCat("Cannot open the folder ", options_.path.string(), ": ", std::strerror(errno)));
    }
    closedir(directory);
  }

  void Rescan() {
    const MutexLock lock(mutex_);
    not_before_ = Clock::now();
  }

 private:
  struct Location {
    std::string path;
    bool unchanged = false;
  };

  std::optional<Location> Locate(const InstanceReference& instance) const {
    Location location;
    FolderFile expected;
    {
      const ReaderLock lock(index_mutex_);
      const FolderInstance* known = index_.Find(instance);
      if (known == nullptr) {
        return std::nullopt;
      }
      location.path = *known->served().path;
      expected.size = known->served().size;
      expected.mtime_ns = known->served().mtime_ns;
      expected.inode = known->served().inode;
    }
    const std::optional<FoundFile> found = StatFile(options_.path, location.path);
    location.unchanged = found && IsSame(expected, *found);
    return location;
  }

  // Returns when a scan is complete that ended after `needed`, and began after the latest Rescan(). Without `needed`,
  // the stored index is enough. Scans on this thread unless another one does.
  void BringUpToDate(std::optional<Clock::time_point> needed, const Context& context) {
    while (true) {
      bool loaded = false;
      {
        MutexLock lock(mutex_);
        const bool fresh = scan_began_ && *scan_began_ >= not_before_ && needed && scan_ended_ >= *needed;
        if (fresh || (!needed && loaded_)) {
          return;
        }
        context.Check("search the folder");
        if (busy_) {
          const auto idle = [this]() TROLLEY_REQUIRES(mutex_) { return !busy_; };
          changed_.WaitUntil(lock, context.stop, context.deadline, idle);
          continue;
        }
        busy_ = true;
        loaded = loaded_;
      }
      try {
        LoadAndScan(loaded, needed.has_value(), context);
      } catch (...) {
        EndBusy();
        throw;
      }
      EndBusy();
      if (needed) {
        return;
      }
    }
  }

  void EndBusy() {
    const MutexLock lock(mutex_);
    busy_ = false;
    changed_.NotifyAll();
  }

  // --- Below: only on the one thread that set `busy_`.

  void LoadAndScan(bool loaded, bool scan, const Context& context) {
    const Clock::time_point began = Clock::now();
    if (!loaded) {
      Load();
      const MutexLock lock(mutex_);
      loaded_ = true;
    }
    if (scan) {
      Scan(context);
      const MutexLock lock(mutex_);
      scan_began_ = began;
      scan_ended_ = Clock::now();
    }
  }

  void Load() {
    const WriterLock lock(index_mutex_);
    try {
      store_->ForEach([this](std::string_view path, const IndexedFile& file) TROLLEY_REQUIRES(index_mutex_) {
        FolderFile& known = index_.Put(path, file);
        known.may_change = file.is_dicom && known.series == nullptr;  // a damaged record: read the file again
      });
    } catch (const Error& error) {
      LogWarning(StrCat("The index of the folder cannot be read, so its files are read anew: ", error.what()));
    }
  }

  void Scan(const Context& context) {
    ++scan_;
    unreadable_ = 0;
    std::vector<std::string> unreadable;
    batch_began_ = Clock::now();
    FolderVisitor visitor;
    visitor.on_file = [&](FoundFile found) { Visit(std::move(found)); };
    visitor.on_unreadable = [&](const std::string& path, int reason) {
      ++unreadable_;
      LogOnce(path, StrCat("Cannot read the directory ", Sensitive(path), ": ", std::strerror(reason)));
      if (reason != ENOENT && reason != ENOTDIR) {
        unreadable.push_back(path + '/');
      }
    };
    try {
      WalkFolder(options_.path, visitor, context);
    } catch (const Error&) {
      Keep({});  // what was read is not read again
      throw;
    }
    Keep({});
    std::vector<std::string> gone = NotSeen();
    // A directory that cannot be read now may be readable again soon: its files are not gone.
    std::erase_if(gone, [&](const std::string& path) {
      return std::any_of(unreadable.begin(), unreadable.end(),
                         [&](const std::string& directory) { return path.starts_with(directory); });
    });
    Keep(gone);
    LogRepeated();
    if (unreadable_ > 0 && IsEmpty()) {
      throw Error(ErrorCode::kStorage,
                  StrCat("Cannot search the folder ", options_.path.string(), ": ", unreadable_,
                         " of its files and directories cannot be read, and the others are not DICOM; see the log"));
    }
  }

  std::vector<std::string> NotSeen() const {
    const ReaderLock lock(index_mutex_);
    return index_.NotSeen(scan_);
  }

  bool IsEmpty() const {
    const ReaderLock lock(index_mutex_);
    return index_.studies().empty();
  }

  bool IsUnchanged(const FoundFile& found) {
    const ReaderLock lock(index_mutex_);
    FolderFile* known = index_.Find(found.path);
    if (known == nullptr || !IsSame(*known, found) || known->may_change) {
      return false;
    }
    known->seen = scan_;  // no other thread reads or writes it
    return true;
  }

  void Visit(FoundFile found) {
    if (IsUnchanged(found)) {
      return;
    }
    const int64_t age = Now_ns() - found.mtime_ns;
    std::optional<IndexedFile> file = Read(found);
    if (!file) {
      return;
    }
    (age < kYoung_ns && age > -kYoung_ns ? young_batch_ : batch_).emplace_back(std::move(found.path), *std::move(file));
    if (batch_.size() + young_batch_.size() >= kBatch || Clock::now() - batch_began_ > kBatchTime) {
      Keep({});
    }
  }

  // nullopt: it cannot be read.
  std::optional<IndexedFile> Read(const FoundFile& found) {
    IndexedFile file{found.size, found.mtime_ns, found.inode, false, {}};
    try {
      if (auto header = ReadFileHeader(options_.path / found.path)) {
        file.is_dicom = true;
        file.attributes = std::move(header->attributes);
      }
    } catch (const Error& error) {
      ++unreadable_;
      LogOnce(found.path, error.what());
      return std::nullopt;
    }
    return file;
  }

  // Moves the batch into the index and the store.
  void Keep(const std::vector<std::string>& gone) {
    {
      const WriterLock lock(index_mutex_);
      for (const auto& [path, file] : batch_) {
        index_.Put(path, file).seen = scan_;
      }
      for (const auto& [path, file] : young_batch_) {
        FolderFile& known = index_.Put(path, file);
        known.seen = scan_;
        known.may_change = true;  // a later scan stores it
      }
      for (const std::string& path : gone) {
        index_.Remove(path);
      }
    }
    if (!batch_.empty() || !gone.empty()) {
      try {
        store_->Apply(batch_, gone);
      } catch (const Error& error) {
        LogWarning(StrCat("The index of the folder cannot be kept, so its files will be read again: ", error.what()));
      }
    }
    batch_.clear();
    young_batch_.clear();
    batch_began_ = Clock::now();
  }

  void LogOnce(const std::string& path, const std::string& message) {
    if (logged_.size() < kMaxRemembered && logged_.insert(path).second) {
      LogWarning(message);
    }
  }

  void LogRepeated() {
    const size_t repeated = [this] {
      const ReaderLock lock(index_mutex_);
      return index_.repeated();
    }();
    if (std::exchange(logged_repeated_, repeated) < repeated) {
      LogWarning(
          StrCat(logged_repeated_,
                 " files of the folder hold an instance that another file holds too: the first by path is served"));
    }
  }

  const FolderOptions options_;
  const std::shared_ptr<FolderIndexStore> store_;

  Mutex mutex_;  // never held together with index_mutex_
  StoppableCondition changed_;
  bool busy_ TROLLEY_GUARDED_BY(mutex_) = false;  // a thread loads or scans
  bool loaded_ TROLLEY_GUARDED_BY(mutex_) = false;
  // Of the latest complete scan.
  std::optional<Clock::time_point> scan_began_ TROLLEY_GUARDED_BY(mutex_);
  Clock::time_point scan_ended_ TROLLEY_GUARDED_BY(mutex_);
  Clock::time_point not_before_ TROLLEY_GUARDED_BY(mutex_) = Clock::time_point::min();

  mutable SharedMutex index_mutex_;
  FolderIndex index_ TROLLEY_GUARDED_BY(index_mutex_);

  // Only used by the thread that scans:
  uint64_t scan_ = 0;
  size_t unreadable_ = 0;  // files and directories, in this scan
  using Batch = std::vector<std::pair<std::string, IndexedFile>>;
  Batch batch_;
  Batch young_batch_;
  Clock::time_point batch_began_;
  std::set<std::string> logged_;
  size_t logged_repeated_ = 0;
};

FolderArchive::FolderArchive(FolderOptions options, std::shared_ptr<FolderIndexStore> index)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(index))) {}

FolderArchive::~FolderArchive() = default;

SearchResult FolderArchive::Find(const Query& query, const Context& context) {
  return impl_->Find(query, context);
}

std::optional<std::filesystem::path> FolderArchive::FindFile(const InstanceReference& instance,
                                                             const Context& context) {
  return impl_->FindFile(instance, context);
}

void FolderArchive::Check() const {
  impl_->Check();
}

void FolderArchive::Rescan() {
  impl_->Rescan();
}

namespace {

class FolderSearcher : public Searcher {
 public:
  explicit FolderSearcher(std::shared_ptr<FolderArchive> folder) : folder_(std::move(folder)) {}
  SearchResult Find(const Query& query, const Context& context) override { return folder_->Find(query, context); }
  void Check(const Context&) override { folder_->Check(); }

 private:
  const std::shared_ptr<FolderArchive> folder_;
};

}  // namespace

std::unique_ptr<Searcher> MakeFolderSearcher(std::shared_ptr<FolderArchive> folder) {
  return std::make_unique<FolderSearcher>(std::move(folder));
}

}  // namespace trolley
