// The part of FileSystem (filesystem.h) that looks up names and reports attributes. Runs on the session's threads,
// which must not wait; replies that take a query come from the listing pool.
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "mount/fuse/filesystem.h"
#include "mount/fuse/fuse.h"
#include "tree/names.h"

namespace trolley {
namespace {

constexpr mode_t kDirectoryMode = S_IFDIR | 0555;
constexpr mode_t kFileMode = S_IFREG | 0444;
// Absent names are looked up again soon: an archive gets new studies all the time. Names that desktops probe for are
// absent for good.
constexpr double kAbsentSeconds = 5;
constexpr double kJunkSeconds = 3600;
// A revalidation is served from memory, so there is no need to let the kernel trust a name for long.
constexpr double kEntrySeconds = 60;
constexpr double kControlSeconds = 1;
// The size of programs' reads. With more, cp and cat take longer to get their buffers than to fill them, and programs
// that want a header read the pixels, too.
constexpr blksize_t kPreferredBlockSize = 128 << 10;

}  // namespace

void FileSystem::Lookup(fuse_req* request, NodeId parent, const char* name) {
  const InodeView view = inodes_.Find(parent);
  if (!view || !view.is_directory()) {
    fuse_reply_err(request, view ? ENOTDIR : ESTALE);
    return;
  }
  const DirectoryPtr& directory = view.node->directory;
  const QuickLookup quick = archive_.tree().TryLookup(directory, name);
  if (quick.status != QuickLookup::Status::kQueryArchive && SizesToLearn(quick.node).empty()) {
    ReplyEntry(request, quick.node, name);
    return;
  }
  ReplyLater(request, QueryLimit(), [&](const Context& context, const std::function<void(PrepareReply)>& done) {
    archive_.tree().LookupAsync(
        directory, name, context, [this, done, name = std::string(name)](const Tree::FindNodeLater& find_node) {
          done([this, name, find_node]() -> PreparedReply {
            const auto node = find_node();
            return {[this, node, name](fuse_req* waiting) { ReplyEntry(waiting, node, name); }, SizesToLearn(node)};
          });
        });
  });
}

void FileSystem::ReplyEntry(fuse_req* request, const std::optional<Node>& node, std::string_view name) {
  fuse_entry_param entry{};
  if (!node) {
    entry.entry_timeout = IsJunkName(name) ? kJunkSeconds : kAbsentSeconds;
    fuse_reply_entry(request, &entry);
    return;
  }
  const InodeView view = RememberEntry(*node, entry);
  if (fuse_reply_entry(request, &entry) != 0) {
    inodes_.Forget(view.inode->id, 1);
  }
}

void FileSystem::GetAttributes(fuse_req* request, NodeId id) {
  const InodeView view = inodes_.Find(id);
  if (!view) {
    fuse_reply_err(request, ESTALE);
    return;
  }
  struct stat attributes {};
  FillAttributes(view, attributes);
  fuse_reply_attr(request, &attributes, AttributeTimeout(view));
}

InodeView FileSystem::RememberEntry(const Node& node, fuse_entry_param& entry) {
  InodeView view = inodes_.Remember(node);
  FillEntry(view, entry);
  return view;
}

void FileSystem::FillEntry(const InodeView& view, fuse_entry_param& entry) {
  try {
    FillAttributes(view, entry.attr);
  } catch (...) {
    inodes_.Forget(view.inode->id, 1);
    throw;
  }
  entry.ino = view.inode->id;
  entry.generation = 1;
  entry.entry_timeout = EntryTimeout();
  entry.attr_timeout = AttributeTimeout(view);
}

double FileSystem::EntryTimeout() const {
  return std::min(kEntrySeconds, std::chrono::duration<double>(archive_.config().search_expiry).count());
}

double FileSystem::AttributeTimeout(const InodeView& view) const {
  if (view.is_directory()) {
    return EntryTimeout();
  }
  // An open takes the size back explicitly when it turns out to be another.
  return view.node->file->instance ? std::chrono::duration<double>(archive_.config().search_expiry).count()
                                   : kControlSeconds;
}

std::vector<InstanceReference> FileSystem::SizesToLearn(const std::optional<Node>& node) {
  std::vector<InstanceReference> unknown;
  if (archive_.config().sizes == ArchiveConfig::Sizes::kExact && node && node->file && node->file->instance &&
      !node->file->exact_size && !archive_.retriever().KnownSize(node->file->reference())) {
    unknown.push_back(node->file->reference());
  }
  return unknown;
}

std::vector<InstanceReference> FileSystem::SizesToLearn(const Listing& listing) {
  std::vector<InstanceReference> unknown;
  if (archive_.config().sizes != ArchiveConfig::Sizes::kExact) {
    return unknown;
  }
  for (size_t i = 0; i < listing.size(); ++i) {
    if (!listing.is_directory(i)) {
      const auto of_this = SizesToLearn(listing.node(i));
      unknown.insert(unknown.end(), of_this.begin(), of_this.end());
    }
  }
  return unknown;
}

uint64_t FileSystem::SizeOf(const InodeView& view) {
  const File& file = *view.node->file;
  if (!file.instance) {
    return archive_.ControlFile(file.control).size();
  }
  PublishedSize& size = view.inode->size;
  if (!size.exact()) {
    if (const auto known = archive_.retriever().KnownSize(file.reference())) {
      size.Learn(*known);
    } else if (file.exact_size) {
      size.Learn(*file.exact_size);
    }
  }
  return size.Publish(std::max<uint64_t>(1, file.estimated_size));
}

void FileSystem::FillAttributes(const InodeView& view, struct stat& attributes) {
  attributes.st_ino = view.inode->number;
  attributes.st_uid = options_.uid;
  attributes.st_gid = options_.gid;
  attributes.st_blksize = kPreferredBlockSize;
  int64_t mtime = 0;
  if (view.is_directory()) {
    attributes.st_mode = kDirectoryMode & ~options_.umask;
    attributes.st_nlink = 2;
    mtime = view.node->directory->mtime;
  } else {
    attributes.st_mode = kFileMode & ~options_.umask;
    attributes.st_nlink = 1;
    attributes.st_size = static_cast<off_t>(SizeOf(view));
    attributes.st_blocks = (attributes.st_size + 511) / 512;
    mtime = view.node->file->mtime;
  }
  attributes.st_mtim.tv_sec = mtime;
  attributes.st_ctim.tv_sec = mtime;
  attributes.st_atim.tv_sec = mtime;
}

}  // namespace trolley
