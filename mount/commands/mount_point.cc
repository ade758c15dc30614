// A mount point may belong to a program that hangs or has died. So the mount table is read first, and the directory
// itself is touched only where nothing is mounted, or within a time limit.
#include "mount/commands/mount_point.h"

#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

#include "base/text.h"
#include "mount/commands/detached_call.h"
#include "mount/fuse/subprocess.h"
#include "trolley/error.h"

namespace trolley {
namespace {

namespace fs = std::filesystem;

// Blanks, tabs, line breaks and backslashes are written as \040 and so on.
std::string Unescape(std::string_view field) {
  std::string text;
  for (size_t i = 0; i < field.size(); ++i) {
    if (field[i] == '\\' && i + 3 < field.size()) {
      text.push_back(static_cast<char>((field[i + 1] - '0') * 64 + (field[i + 2] - '0') * 8 + (field[i + 3] - '0')));
      i += 3;
    } else {
      text.push_back(field[i]);
    }
  }
  return text;
}

// The errno of statvfs, which the kernel never serves from its caches, as it may for stat. 0: it worked. ETIMEDOUT: the
// file system hangs.
int StatErrno(const std::string& path) {
  const auto result = CallDetached<int>(
      [path] {
        struct statvfs ignored {};
        return ::statvfs(path.c_str(), &ignored) == 0 ? 0 : errno;
      },
      std::chrono::seconds(2));
  return result.value_or(ETIMEDOUT);
}

[[noreturn]] void Refuse(const std::string& why) {
  throw Error(ErrorCode::kInvalidArgument, why);
}

void RefuseMounted(const std::string& path, const MountEntry& mount) {
  const std::string what = StrCat("'", mount.source, "' (", mount.type, ")");
  if (mount.type != "fuse.trolleyfs") {
    Refuse(StrCat(what, " is already mounted there; choose another directory"));
  }
  switch (StatErrno(path)) {
    case ENOTCONN:
      Refuse(
          StrCat("an earlier mount there is dead (Transport endpoint is not connected); run: trolleyfs umount ", path));
    case ETIMEDOUT:
      Refuse(StrCat(what, " is mounted there and does not respond; run: trolleyfs umount --lazy ", path));
    default:
      Refuse(StrCat(what, " is already mounted there; to unmount it, run: trolleyfs umount ", path));
  }
}

}  // namespace

std::optional<MountEntry> FindMountIn(std::string_view mountinfo, std::string_view path) {
  std::optional<MountEntry> found;
  for (const std::string_view line : Split(mountinfo, '\n')) {
    // ID parent major:minor root mount-point options [tags...] - type source super-options
    const std::vector<std::string_view> fields = Split(line, ' ');
    if (fields.size() < 10 || Unescape(fields[4]) != path) {
      continue;
    }
    size_t dash = 6;
    while (dash < fields.size() && fields[dash] != "-") {
      ++dash;
    }
    if (dash + 2 < fields.size()) {
      found = MountEntry{std::string(fields[2]), Unescape(fields[dash + 1]), Unescape(fields[dash + 2])};
    }
  }
  return found;  // the last one is on top
}

std::optional<MountEntry> FindMount(const std::string& path) {
  const std::ifstream file("/proc/self/mountinfo");
  std::ostringstream text;
  text << file.rdbuf();
  return FindMountIn(text.str(), path);
}

std::string ResolveMountPoint(const std::string& path) {
  const fs::path absolute = fs::absolute(path).lexically_normal();
  const fs::path plain = absolute.has_filename() ? absolute : absolute.parent_path();
  std::error_code error;
  const fs::path parent = fs::canonical(plain.parent_path(), error);
  if (!error) {
    std::string candidate = (parent / plain.filename()).string();
    if (FindMount(candidate)) {
      return candidate;
    }
    const fs::path whole = fs::canonical(plain, error);
    if (!error) {
      return whole.string();
    }
  }
  if (error == std::errc::no_such_file_or_directory) {
    Refuse(StrCat("directory '", plain.string(), "' does not exist; make it with mkdir"));
  }
  Refuse(StrCat("directory '", plain.string(), "' cannot be reached: ", error.message()));
}

void CheckMountPoint(const std::string& path) {
  if (const auto mount = FindMount(path)) {
    RefuseMounted(path, *mount);
  }
  std::error_code error;
  if (!fs::is_directory(path, error)) {
    Refuse(error ? StrCat("'", path, "' cannot be inspected: ", error.message())
                 : StrCat("'", path, "' is not a directory"));
  }
  const fs::directory_iterator content(path, error);
  if (error) {
    Refuse(StrCat("directory '", path, "' cannot be listed: ", error.message()));
  }
  if (content != fs::directory_iterator()) {
    Refuse(StrCat("directory '", path, "' is not empty; choose an empty one"));
  }
}

bool DetachMount(const std::string& path) {
  if (::geteuid() == 0) {
    return ::umount2(path.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) == 0;
  }
  return RunProcess({"fusermount3", "-u", "-z", "-q", "--", path}).exit_code == 0;
}

}  // namespace trolley
