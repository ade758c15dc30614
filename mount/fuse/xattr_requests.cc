// The part of FileSystem (filesystem.h) that reports extended attributes, user.trolleyfs.*: always from memory.
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>

#include "base/text.h"
#include "mount/fuse/filesystem.h"
#include "mount/fuse/fuse.h"

namespace trolley {
namespace {

constexpr std::string_view kPrefix = "user.trolleyfs.";

std::vector<std::string_view> NamesFor(const InodeView& view) {
  if (view.is_directory()) {
    return {"user.trolleyfs.uid", "user.trolleyfs.age", "user.trolleyfs.stale", "user.trolleyfs.pid"};
  }
  if (view.node->file->instance) {
    return {"user.trolleyfs.size", "user.trolleyfs.uid", "user.trolleyfs.cached"};
  }
  return {};
}

std::optional<std::string> UidOf(const Node& node) {
  if (node.file) {
    return node.file->instance->str();
  }
  const Directory& directory = *node.directory;
  if (directory.series) {
    return directory.series->series.str();
  }
  if (directory.study) {
    return directory.study->study.str();
  }
  return std::nullopt;
}

// The value or, for size 0, its length, as getxattr(2) and listxattr(2) define it.
void ReplyValue(fuse_req* request, std::string_view value, size_t size) {
  if (size == 0) {
    fuse_reply_xattr(request, value.size());
  } else if (value.size() > size) {
    fuse_reply_err(request, ERANGE);
  } else {
    fuse_reply_buf(request, value.data(), value.size());
  }
}

}  // namespace

std::optional<std::string> FileSystem::XattrValue(const InodeView& view, std::string_view name) {
  if (!name.starts_with(kPrefix)) {
    return std::nullopt;
  }
  name.remove_prefix(kPrefix.size());
  if (view.is_directory()) {
    if (name == "uid") {
      return UidOf(*view.node);
    }
    if (name == "pid") {  // for `trolleyfs umount`, which waits for the end of the program
      return view.inode->id == kRootNodeId ? std::optional(std::to_string(::getpid())) : std::nullopt;
    }
    if (name != "age" && name != "stale") {
      return std::nullopt;
    }
    const ListingPtr listing = archive_.tree().TryList(view.node->directory);
    if (!listing) {
      return std::nullopt;
    }
    if (name == "stale") {
      return listing->stale() ? "yes" : "no";
    }
    const auto age = std::chrono::system_clock::now() - listing->fetched_at();
    return std::to_string(std::max<int64_t>(0, std::chrono::duration_cast<std::chrono::seconds>(age).count()));
  }
  if (!view.node->file->instance) {
    return std::nullopt;
  }
  if (name == "uid") {
    return UidOf(*view.node);
  }
  if (name == "size") {
    SizeOf(view);  // learns a size that is known by now
    return view.inode->size.exact() ? "exact" : "estimate";
  }
  if (name == "cached") {
    // A folder's own files are as near as a cache.
    InstanceCache* cache = archive_.instance_cache();
    const bool is_near =
        cache == nullptr || cache->Contains(archive_.config().Identity(), view.node->file->reference());
    return is_near ? "yes" : "no";
  }
  return std::nullopt;
}

void FileSystem::GetXattr(fuse_req* request, NodeId id, const char* name, size_t size) {
  // Labels, ACLs and capabilities: not "this file has none" but "no file here can have one". Programs such as `ls -l`
  // then ask once, not once a file.
  if (!std::string_view(name).starts_with("user.")) {
    fuse_reply_err(request, EOPNOTSUPP);
    return;
  }
  const InodeView view = inodes_.Find(id);
  if (!view) {
    fuse_reply_err(request, ESTALE);
    return;
  }
  if (const auto value = XattrValue(view, name)) {
    ReplyValue(request, *value, size);
  } else {
    fuse_reply_err(request, ENODATA);
  }
}

void FileSystem::ListXattr(fuse_req* request, NodeId id, size_t size) {
  const InodeView view = inodes_.Find(id);
  if (!view) {
    fuse_reply_err(request, ESTALE);
    return;
  }
  std::string names;
  for (const std::string_view name : NamesFor(view)) {
    if (XattrValue(view, name)) {
      names.append(name).push_back('\0');
    }
  }
  ReplyValue(request, names, size);
}

}  // namespace trolley
