#include "cache/cache_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <iterator>
#include <system_error>
#include <thread>
#include <vector>

#include "base/checksum.h"
#include "base/text.h"
#include "trolley/error.h"
#include "trolley/log.h"

namespace trolley {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxQuarantined = 16;
constexpr const char* kIdFile = "id";

// A folder of ours, private; throws kStorage.
void MakePrivate(const fs::path& path) {
  struct stat status = {};
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    const int reason = errno;
    throw Error(reason == ENOSPC || reason == EDQUOT ? ErrorCode::kNoSpace : ErrorCode::kStorage,
                StrCat("Cannot make the cache directory ", path.string(), ": ", std::strerror(reason)));
  }
  if (::lstat(path.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) {
    throw Error(ErrorCode::kStorage, StrCat("Cannot use ", path.string(), " for the cache: it is no directory"));
  }
  if (status.st_uid != ::geteuid()) {
    throw Error(ErrorCode::kStorage,
                StrCat("Cannot use ", path.string(),
                       " for the cache: it belongs to another user; choose another cache directory"));
  }
  if ((status.st_mode & 077) != 0) {
    ::chmod(path.c_str(), 0700);
  }
}

std::string UniqueName() {
  return ToHex(RandomBytes(8));
}

bool Lock(int fd, std::chrono::milliseconds wait) {
  const auto deadline = std::chrono::steady_clock::now() + wait;
  while (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if ((errno != EWOULDBLOCK && errno != EINTR) || std::chrono::steady_clock::now() >= deadline) {
      return false;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return true;
}

UniqueFd OpenFolder(const fs::path& path) {
  return UniqueFd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
}

// Depth first, and stoppable: std::filesystem::remove_all could run for minutes.
void RemoveTree(const fs::path& path, const std::stop_token& stop) {
  std::error_code error;
  if (fs::is_directory(fs::symlink_status(path, error))) {
    for (fs::directory_iterator it(path, error), end; !error && it != end; it.increment(error)) {
      if (stop.stop_requested()) {
        return;
      }
      RemoveTree(it->path(), stop);
    }
  }
  fs::remove(path, error);
}

}  // namespace

CacheDirectory::CacheDirectory(fs::path path) : path_(std::move(path)) {
  std::error_code error;
  if (path_.has_parent_path()) {
    fs::create_directories(path_.parent_path(), error);
  }
  if (::mkdir(path_.c_str(), 0700) != 0 && errno != EEXIST) {
    const int reason = errno;
    throw Error(ErrorCode::kStorage, StrCat("Cannot make the cache directory ", path_.string(), ": ",
                                            std::strerror(reason), "; choose another one"));
  }
  path_ = fs::absolute(path_, error);
  for (const char* folder : {"staging", "quarantine", "trash"}) {
    MakePrivate(path_ / folder);
  }
  Claim();
}

// Under a lock, so that nobody takes the new folder for one of a dead process before it is locked itself.
void CacheDirectory::Claim() {
  const UniqueFd all = OpenFolder(path_ / "staging");
  if (!all || !Lock(all.get(), std::chrono::seconds(10))) {
    throw Error(ErrorCode::kStorage, StrCat("Cannot lock ", (path_ / "staging").string(), ": ", std::strerror(errno)));
  }
  CleanStaging();
  staging_ = path_ / "staging" / StrCat(::getpid(), "-", UniqueName());
  MakePrivate(staging_);
  owner_ = OpenFolder(staging_);
  if (!owner_ || !Lock(owner_.get(), std::chrono::milliseconds(0))) {
    throw Error(ErrorCode::kStorage, StrCat("Cannot lock ", staging_.string(), ": ", std::strerror(errno)));
  }
}

void CacheDirectory::CleanStaging() {
  std::error_code error;
  std::vector<fs::path> dead;
  for (fs::directory_iterator it(path_ / "staging", error), end; !error && it != end; it.increment(error)) {
    const UniqueFd folder = OpenFolder(it->path());
    if (!folder || Lock(folder.get(), std::chrono::milliseconds(0))) {
      dead.push_back(it->path());
    }
  }
  for (const fs::path& folder : dead) {
    unclean_ = true;
    MoveToTrash(folder);
  }
}

CacheDirectory::~CacheDirectory() {
  std::error_code error;
  fs::remove_all(staging_, error);
}

std::string CacheDirectory::ObjectFile(std::string_view checksum, uint64_t size) const {
  const std::string hex = ToHex(checksum);
  return StrCat(path_.native(), "/objects/", std::string_view(hex).substr(0, 2), "/", hex, ".", size);
}

fs::path CacheDirectory::NewStagingPath() {
  return staging_ / std::to_string(++next_);
}

void CacheDirectory::Restore() {
  MakePrivate(path_);
  for (const char* folder : {"staging", "quarantine", "trash"}) {
    MakePrivate(path_ / folder);
  }
  const MutexLock lock(restoring_);
  MakePrivate(staging_);
  UniqueFd owner = OpenFolder(staging_);
  if (owner && Lock(owner.get(), std::chrono::milliseconds(0))) {
    owner_ = std::move(owner);  // a new folder: else it is ours and locked already
  }
}

bool CacheDirectory::Move(const fs::path& from, const fs::path& to) {
  return (to.empty() ? ::unlink(from.c_str()) : ::rename(from.c_str(), to.c_str())) == 0;
}

int CacheDirectory::Place(const fs::path& staged, const fs::path& object) {
  for (int attempt = 0; attempt < 2; ++attempt) {
    if (::rename(staged.c_str(), object.c_str()) == 0) {
      return 0;
    }
    if (errno != ENOENT || attempt > 0) {
      break;
    }
    ::mkdir(objects().c_str(), 0700);
    ::mkdir(object.parent_path().c_str(), 0700);
  }
  return errno;
}

int CacheDirectory::Write(std::string_view bytes, const fs::path& object, bool replace) {
  if (!replace) {
    const int reason = WriteNew(bytes, object);
    if (reason != EEXIST) {
      return reason;
    }
    // A process that was killed has left it.
  }
  const fs::path staged = NewStagingPath();
  int reason = WriteNew(bytes, staged);
  reason = reason != 0 ? reason : Place(staged, object);
  if (reason != 0) {
    ::unlink(staged.c_str());
  }
  return reason;
}

int CacheDirectory::WriteNew(std::string_view bytes, const fs::path& file) const {
  UniqueFd fd;
  for (int attempt = 0; attempt < 2 && !fd; ++attempt) {
    fd.Reset(::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd && (errno != ENOENT || attempt > 0)) {
      return errno;
    }
    if (!fd) {
      ::mkdir(path_.c_str(), 0700);
      ::mkdir(file.parent_path().parent_path().c_str(), 0700);
      ::mkdir(file.parent_path().c_str(), 0700);
    }
  }
  while (!bytes.empty()) {
    const ssize_t done = ::write(fd.get(), bytes.data(), bytes.size());
    if (done < 0 && errno != EINTR) {
      const int reason = errno;
      ::unlink(file.c_str());
      return reason;
    }
    bytes.remove_prefix(done < 0 ? 0 : static_cast<size_t>(done));
  }
  return 0;
}

void CacheDirectory::Quarantine(const fs::path& object) {
  // Named by time, so that the oldest come first.
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now).count();
  const fs::path folder = path_ / "quarantine";
  if (!Move(object, folder / StrCat(seconds, "-", object.filename().string()))) {
    ::unlink(object.c_str());
  }
  std::error_code error;
  std::vector<fs::path> kept;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    kept.push_back(it->path());
  }
  std::sort(kept.begin(), kept.end());
  for (size_t i = 0; i + kMaxQuarantined < kept.size(); ++i) {
    fs::remove(kept[i], error);
  }
}

void CacheDirectory::MoveToTrash(const fs::path& path) const {
  const fs::path trash = path_ / "trash" / UniqueName();
  if (::rename(path.c_str(), trash.c_str()) != 0 && errno != ENOENT) {
    LogWarning(StrCat("Cannot move ", path.string(), " to the cache's trash: ", std::strerror(errno)));
  }
}

void CacheDirectory::ResetObjects(const std::string& id) {
  MoveToTrash(objects());
  MakePrivate(objects());
  std::ofstream file(objects() / kIdFile, std::ios::binary | std::ios::trunc);
  file << id;
  if (!file.flush()) {
    throw Error(ErrorCode::kStorage, StrCat("Cannot write ", (objects() / kIdFile).string()));
  }
}

std::string CacheDirectory::ObjectsId() const {
  std::error_code error;
  if (!fs::exists(objects() / kIdFile, error) && !error) {
    return "";
  }
  std::ifstream file(objects() / kIdFile, std::ios::binary);
  if (!file) {  // not the same as another id: that would cost everybody's instances
    throw Error(ErrorCode::kStorage, StrCat("Cannot read ", (objects() / kIdFile).string()));
  }
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void CacheDirectory::TrashQuarantine() {
  MoveToTrash(path_ / "quarantine");
  MakePrivate(path_ / "quarantine");
}

void CacheDirectory::EmptyTrash(std::stop_token stop) const {
  std::error_code error;
  for (fs::directory_iterator it(path_ / "trash", error), end; !error && it != end; it.increment(error)) {
    RemoveTree(it->path(), stop);
  }
}

void CacheDirectory::ForEachFolder(std::stop_token stop,
                                   const std::function<void(const std::vector<Object>&)>& visit) const {
  for (int folder = 0; folder < 256 && !stop.stop_requested(); ++folder) {
    std::error_code error;
    std::vector<Object> found;
    const fs::path path = objects() / ToHex(std::string(1, static_cast<char>(folder)));
    for (fs::directory_iterator it(path, error), end; !error && it != end; it.increment(error)) {
      found.push_back({it->path(), it->path().filename().string()});
    }
    if (!found.empty()) {
      visit(found);
    }
  }
}

}  // namespace trolley
