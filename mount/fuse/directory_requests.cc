// The part of FileSystem (filesystem.h) that opens and reads directories. Runs on the session's threads, which must not
// wait; replies that take a query come from the listing pool.
#include <sys/stat.h>

#include <cerrno>
#include <cstddef>

#include "mount/fuse/filesystem.h"
#include "mount/fuse/fuse.h"

namespace trolley {

void FileSystem::OpenDir(fuse_req* request, NodeId id, const fuse_file_info& info) {
  const InodeView view = inodes_.Find(id);
  if (!view || !view.is_directory()) {
    fuse_reply_err(request, view ? ENOTDIR : ESTALE);
    return;
  }
  ListingPtr known = archive_.tree().TryList(view.node->directory);
  if (known && SizesToLearn(*known).empty()) {
    ReplyOpenDir(request, info, view, std::move(known));
    return;
  }
  // A failed query fails here, before the first name is returned: it must never look like an empty directory.
  const ArchiveConfig& config = archive_.config();
  const auto limit = config.sizes == ArchiveConfig::Sizes::kExact ? config.transfer_timeout : QueryLimit();
  ReplyLater(request, limit, [&](const Context& context, const std::function<void(PrepareReply)>& done) {
    archive_.tree().ListAsync(view.node->directory, context, [=, this](const Tree::MakeListingLater& make_listing) {
      done([this, view, info, make_listing]() -> PreparedReply {
        const ListingPtr listing = make_listing();
        return {[this, view, info, listing](fuse_req* waiting) { ReplyOpenDir(waiting, info, view, listing); },
                SizesToLearn(*listing)};
      });
    });
  });
}

void FileSystem::ReplyOpenDir(fuse_req* request, fuse_file_info info, const InodeView& inode, ListingPtr listing) {
  info.fh = directories_.Add(std::make_shared<const OpenDirectory>(OpenDirectory{inode, std::move(listing)}));
  if (fuse_reply_open(request, &info) != 0) {
    directories_.Remove(info.fh);
  }
}

void FileSystem::ReadDir(fuse_req* request, size_t size, off_t offset, uint64_t handle, bool plus) {
  const auto directory = directories_.Find(handle);
  if (!directory || offset < 0) {
    fuse_reply_err(request, EBADF);
    return;
  }
  std::vector<char> buffer(size);
  std::vector<NodeId> remembered;
  size_t used = 0;
  // Offsets: 0 is ".", 1 "..", then the listing as it was when the directory was opened.
  const size_t end = directory->listing->size() + 2;
  try {
    for (auto index = static_cast<size_t>(offset); index < end; ++index) {
      const size_t length =
          AddDirectoryEntry(request, *directory, index, buffer.data() + used, size - used, plus, remembered);
      if (length == 0) {
        break;
      }
      used += length;
    }
  } catch (...) {
    for (const NodeId id : remembered) {
      inodes_.Forget(id, 1);
    }
    throw;
  }
  if (fuse_reply_buf(request, buffer.data(), used) != 0) {
    for (const NodeId id : remembered) {
      inodes_.Forget(id, 1);
    }
  }
}

// The entry's length, or 0 when there is no room for it.
size_t FileSystem::AddDirectoryEntry(fuse_req* request, const OpenDirectory& directory, size_t index, char* out,
                                     size_t room, bool plus, std::vector<NodeId>& remembered) {
  const bool is_dots = index < 2;
  const std::string name = index == 0 ? "." : index == 1 ? ".." : std::string(directory.listing->name(index - 2));
  const auto next = static_cast<off_t>(index + 1);
  const size_t length = plus ? fuse_add_direntry_plus(request, nullptr, 0, name.c_str(), nullptr, 0)
                             : fuse_add_direntry(request, nullptr, 0, name.c_str(), nullptr, 0);
  if (length > room) {
    return 0;
  }
  fuse_entry_param entry{};
  if (is_dots) {
    // No inode number for the kernel to remember, so no lookup is counted.
    const DirectoryPtr& self = directory.inode.node->directory;
    const DirectoryPtr& shown = index == 1 && self->parent ? self->parent : self;
    entry.attr.st_ino = Inodes::NumberOf(Node{shown, std::nullopt});
    entry.attr.st_mode = S_IFDIR;
  } else if (plus) {
    const InodeView view = inodes_.Remember(directory.listing->node(index - 2), directory.listing, index - 2);
    FillEntry(view, entry);
    remembered.push_back(view.inode->id);
  } else {
    entry.attr.st_ino = Inodes::NumberOf(directory.listing->node(index - 2));
    entry.attr.st_mode = directory.listing->is_directory(index - 2) ? S_IFDIR : S_IFREG;
  }
  if (plus) {
    fuse_add_direntry_plus(request, out, room, name.c_str(), &entry, next);
  } else {
    fuse_add_direntry(request, out, room, name.c_str(), &entry.attr, next);
  }
  return length;
}

}  // namespace trolley
