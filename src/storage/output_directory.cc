// Writing files so that a reader never sees half of one: into a temporary file that is locked, then renamed. Called
// from any thread. It must not follow symbolic links below the root, nor remove a temporary file that a process still
// holds.

#include "storage/output_directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "trolley/error.h"
#include "trolley/log.h"

namespace trolley {
namespace {

constexpr size_t kRecent = 64;
constexpr size_t kFirstBuffer = size_t{16} * 1024;  // many instances are not larger
constexpr size_t kBuffer = size_t{256} * 1024;
constexpr std::string_view kTemporaryPrefix = ".trolley-";
constexpr std::string_view kTemporarySuffix = ".part";

// Readable names hold descriptions of studies: shown as patient data are.
Error Failure(const char* verb, const std::filesystem::path& path, int error) {
  const bool full = error == ENOSPC || error == EDQUOT;
  return {full ? ErrorCode::kNoSpace : ErrorCode::kStorage,
          StrCat("Cannot ", verb, " ", Sensitive(path.string()), ": ", std::strerror(error))};
}

void CheckPath(const std::filesystem::path& path) {
  bool plain = path.is_relative() && path.has_filename();
  for (const auto& component : path) {
    const std::string& name = component.native();
    plain = plain && !name.empty() && name != "." && name != ".." && name.size() <= 255 &&
            name.find('\0') == std::string::npos;
  }
  if (!plain) {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat("Cannot store an instance as '", Sensitive(path.string()),
                       "': the name leads out of the output directory or is no name of a file"));
  }
}

std::string TemporaryName() {
  static std::atomic<uint64_t> counter{0};
  static const std::string prefix = StrCat(kTemporaryPrefix, ::getpid(), "-");
  return StrCat(prefix, counter.fetch_add(1), kTemporarySuffix);
}

// File systems that may report a full disk at close only: NFS, SMB, CIFS, FUSE.
bool TellsAtClose(int directory) {
  struct statfs status {};
  if (::fstatfs(directory, &status) != 0) {
    return true;
  }
  constexpr std::array<uint32_t, 5> kRemote = {0x6969, 0x517b, 0xff534d42, 0xfe534d42, 0x65735546};
  return std::find(kRemote.begin(), kRemote.end(), static_cast<uint32_t>(status.f_type)) != kRemote.end();
}

// A temporary file belongs to the process that holds its lock. One without a lock was left by a killed process.
void RemoveLeftOvers(int directory) {
  const int again = ::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* listing = again < 0 ? nullptr : ::fdopendir(again);  // takes the descriptor over
  if (listing == nullptr) {
    const UniqueFd unused(again);
    return;
  }
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(listing)) {
    const std::string_view name = entry->d_name;
    if (name.starts_with(kTemporaryPrefix) && name.ends_with(kTemporarySuffix)) {
      names.emplace_back(name);
    }
  }
  for (const std::string& name : names) {
    const UniqueFd file(::openat(directory, name.c_str(), O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (file && ::flock(file.get(), LOCK_EX | LOCK_NB) == 0) {
      ::unlinkat(directory, name.c_str(), 0);
    }
  }
  ::closedir(listing);
}

class FileWriter : public InstanceWriter {
 public:
  FileWriter(OutputDirectory::Opened directory, const std::filesystem::path& path, bool sync)
      : directory_(std::move(directory.fd)),
        tells_at_close_(directory.tells_at_close),
        path_(path),
        name_(path.filename().string()),
        sync_(sync) {
    // Until it is locked, another process may take it for a left-over and remove it.
    while (true) {
      temporary_ = TemporaryName();
      file_.Reset(
          ::openat(directory_->get(), temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666));
      if (!file_ && errno != EEXIST) {
        throw Failure("write", path_, errno);
      }
      if (file_) {
        ::flock(file_.get(), LOCK_EX);
        struct stat status {};
        if (::fstat(file_.get(), &status) == 0 && status.st_nlink > 0) {
          break;
        }
      }
    }
    buffer_.reserve(kFirstBuffer);
  }

  ~FileWriter() override {
    if (!committed_) {
      ::unlinkat(directory_->get(), temporary_.c_str(), 0);
    }
  }

  void Append(std::span<const std::byte> piece) override {
    if (buffer_.size() + piece.size() < kBuffer) {
      buffer_.insert(buffer_.end(), piece.begin(), piece.end());
      return;
    }
    Flush();
    Write(piece);
  }

  void Commit() override {
    Flush();
    if (sync_ && ::fdatasync(file_.get()) != 0) {
      throw Failure("write", path_, errno);
    }
    // The file's own descriptor keeps its lock.
    if (const int copy = tells_at_close_ ? ::dup(file_.get()) : -1;
        tells_at_close_ && (copy < 0 || ::close(copy) != 0)) {
      throw Failure("write", path_, errno);
    }
    if (::renameat(directory_->get(), temporary_.c_str(), directory_->get(), name_.c_str()) != 0) {
      throw Failure("rename to", path_, errno);
    }
    committed_ = true;
    if (sync_ && ::fsync(directory_->get()) != 0) {
      throw Failure("write", path_, errno);
    }
  }

 private:
  void Flush() {
    Write(buffer_);
    buffer_.clear();
  }

  void Write(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const ssize_t written = ::write(file_.get(), bytes.data(), bytes.size());
      if (written < 0 && errno != EINTR) {
        throw Failure("write", path_, errno);
      }
      bytes = bytes.subspan(written < 0 ? 0 : static_cast<size_t>(written));
    }
  }

  const std::shared_ptr<const UniqueFd> directory_;
  const bool tells_at_close_;
  const std::filesystem::path path_;
  const std::string name_;
  const bool sync_;
  std::string temporary_;
  UniqueFd file_;
  std::vector<std::byte> buffer_;
  bool committed_ = false;
};

}  // namespace

OutputDirectory::OutputDirectory(std::filesystem::path root) : root_(std::filesystem::absolute(root)) {}

UniqueFd OutputDirectory::Read(const std::filesystem::path& path) {
  CheckPath(path);
  const Directory directory = Walk(path.parent_path(), false);
  if (directory == nullptr) {
    return UniqueFd();
  }
  UniqueFd file(::openat(directory->get(), path.filename().c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat status {};
  if (file && (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode))) {
    file.Reset();
  }
  return file;
}

std::unique_ptr<InstanceWriter> OutputDirectory::Write(const std::filesystem::path& path, bool sync) {
  CheckPath(path);
  return std::make_unique<FileWriter>(OpenForWriting(path.parent_path()), root_ / path, sync);
}

OutputDirectory::Opened OutputDirectory::OpenForWriting(const std::filesystem::path& directory) {
  const MutexLock lock(mutex_);
  for (auto at = recent_.begin(); at != recent_.end(); ++at) {
    if (at->first == directory) {
      recent_.splice(recent_.begin(), recent_, at);
      return at->second;
    }
  }
  Opened opened{WalkLocked(directory, true)};
  opened.tells_at_close = TellsAtClose(opened.fd->get());
  RemoveLeftOvers(opened.fd->get());
  recent_.emplace_front(directory, opened);
  if (recent_.size() > kRecent) {
    recent_.pop_back();
  }
  return opened;
}

OutputDirectory::Directory OutputDirectory::Walk(const std::filesystem::path& directory, bool make) {
  const MutexLock lock(mutex_);
  return WalkLocked(directory, make);
}

OutputDirectory::Directory OutputDirectory::WalkLocked(const std::filesystem::path& directory, bool make) {
  Directory opened = OpenRoot(make);
  std::filesystem::path shown = root_;
  for (const auto& component : directory) {
    if (opened == nullptr) {
      break;
    }
    shown /= component;
    opened = Enter(*opened, component.native(), shown, make);
  }
  return opened;
}

OutputDirectory::Directory OutputDirectory::OpenRoot(bool make) {
  if (opened_root_ != nullptr) {
    return opened_root_;
  }
  if (make) {
    std::error_code error;
    std::filesystem::create_directories(root_, error);
    if (error) {
      throw Failure("make the directory", root_, error.value());
    }
  }
  // The user named it, so it may be a symbolic link.
  UniqueFd root(::open(root_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root) {
    if (errno == ENOENT && !make) {
      return nullptr;
    }
    throw Failure("open the directory", root_, errno);
  }
  opened_root_ = std::make_shared<const UniqueFd>(std::move(root));
  return opened_root_;
}

OutputDirectory::Directory OutputDirectory::Enter(const UniqueFd& parent, const std::string& name,
                                                  const std::filesystem::path& shown, bool make) const {
  if (make && ::mkdirat(parent.get(), name.c_str(), 0777) != 0 && errno != EEXIST) {
    throw Failure("make the directory", shown, errno);
  }
  UniqueFd directory(::openat(parent.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (directory) {
    return std::make_shared<const UniqueFd>(std::move(directory));
  }
  if (errno == ENOENT && !make) {
    return nullptr;
  }
  struct stat status {};
  const int error = errno;
  if (::fstatat(parent.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(status.st_mode)) {
    throw Error(ErrorCode::kStorage, StrCat("Cannot write into ", Sensitive(shown.string()),
                                            ": it is a symbolic link, which may lead out of the output directory"));
  }
  throw Failure("open the directory", shown, error);
}

}  // namespace trolley
