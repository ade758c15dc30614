#include "search/folder/folder_walk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "base/unique_fd.h"
#include "trolley/error.h"

namespace trolley {
namespace {

struct CloseDirectory {
  void operator()(DIR* directory) const { closedir(directory); }
};
using Directory = std::unique_ptr<DIR, CloseDirectory>;

FoundFile ToFound(std::string path, const struct stat& status) {
  return {std::move(path), static_cast<uint64_t>(status.st_size),
          int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec, status.st_ino};
}

class Walk {
 public:
  Walk(const std::filesystem::path& folder, const FolderVisitor& visitor, const Context& context)
      : visitor_(visitor), context_(context), root_(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    if (!root_) {
      const int reason = errno;
      Fail(folder, reason);
    }
    // The stack is ours, and only one directory is open: neither depth nor breadth exhausts anything.
    pending_.emplace_back();
    while (!pending_.empty()) {
      const std::string path = std::move(pending_.back());
      pending_.pop_back();
      const int reason = Visit(path);
      if (reason != 0 && path.empty()) {
        Fail(folder, reason);
      }
      if (reason != 0) {
        visitor_.on_unreadable(path, reason);
      }
    }
  }

 private:
  [[noreturn]] static void Fail(const std::filesystem::path& folder, int reason) {
    throw Error(ErrorCode::kStorage, StrCat("Cannot read the folder ", folder.string(), ": ", std::strerror(reason)));
  }

  // 0, or errno.
  int Visit(const std::string& path) {
    const int fd = ::openat(root_.get(), path.empty() ? "." : path.c_str(),
                            O_RDONLY | O_DIRECTORY | O_CLOEXEC | (path.empty() ? 0 : O_NOFOLLOW));
    if (fd < 0) {
      return errno;
    }
    const Directory directory(fdopendir(fd));
    if (directory == nullptr) {
      const int reason = errno;
      ::close(fd);
      return reason;
    }
    while (true) {
      context_.Check("search the folder");
      errno = 0;
      const dirent* entry = readdir(directory.get());
      if (entry == nullptr) {
        return errno;
      }
      VisitEntry(fd, path, *entry);
    }
  }

  void VisitEntry(int directory, const std::string& path, const dirent& entry) {
    const std::string_view name = entry.d_name;
    if (name == "." || name == "..") {
      return;
    }
    std::string full = path.empty() ? std::string(name) : StrCat(path, '/', name);
    if (entry.d_type == DT_DIR) {
      pending_.push_back(std::move(full));
      return;
    }
    if (entry.d_type != DT_REG && entry.d_type != DT_LNK && entry.d_type != DT_UNKNOWN) {
      return;
    }
    struct stat status {};
    if (entry.d_type == DT_UNKNOWN) {
      if (::fstatat(directory, entry.d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
        return;
      }
      if (S_ISDIR(status.st_mode)) {
        pending_.push_back(std::move(full));
        return;
      }
    }
    // What vanished since, and links that lead nowhere or to a directory, are no files.
    if (::fstatat(directory, entry.d_name, &status, 0) == 0 && S_ISREG(status.st_mode)) {
      visitor_.on_file(ToFound(std::move(full), status));
    }
  }

  const FolderVisitor& visitor_;
  const Context& context_;
  const UniqueFd root_;
  std::vector<std::string> pending_;
};

}  // namespace

std::optional<FoundFile> StatFile(const std::filesystem::path& folder, const std::string& path) {
  struct stat status {};
  if (::stat((folder / path).c_str(), &status) != 0 || !S_ISREG(status.st_mode)) {
    return std::nullopt;
  }
  return ToFound(path, status);
}

void WalkFolder(const std::filesystem::path& folder, const FolderVisitor& visitor, const Context& context) {
  Walk(folder, visitor, context);
}

}  // namespace trolley
