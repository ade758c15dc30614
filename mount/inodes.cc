#include "mount/inodes.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace trolley {
namespace {

// FNV-1a, 64 bits: st_ino must not change with the standard library.
class Fnv {
 public:
  Fnv& Add(std::string_view text) {
    for (const char c : text) {
      Mix(static_cast<unsigned char>(c));
    }
    Mix(0);
    return *this;
  }
  uint64_t value() const { return value_; }

 private:
  void Mix(unsigned char byte) { value_ = (value_ ^ byte) * 0x100000001b3u; }
  uint64_t value_ = 0xcbf29ce484222325u;
};

bool IsInstance(const Node& node) {
  return node.file && node.file->instance;
}

}  // namespace

std::optional<uint64_t> PublishedSize::exact() const {
  const uint64_t size = exact_;
  return size == kUnknown ? std::nullopt : std::optional(size);
}

uint64_t PublishedSize::Publish(uint64_t estimate) {
  if (const auto size = exact()) {
    return *size;
  }
  // Noted before the second look: whoever learns the exact size after that look sees that an estimate is on its way.
  estimate_published_ = true;
  return exact().value_or(estimate);
}

void PublishedSize::Learn(uint64_t size) {
  uint64_t unknown = kUnknown;
  exact_.compare_exchange_strong(unknown, size);
}

PublishedSize::Correction PublishedSize::LearnFromOpen(uint64_t size) {
  const uint64_t before = exact_.exchange(size);
  if (before != kUnknown && before != size) {
    content_outdated_ = true;
  }
  if (content_outdated_) {
    return Correction::kContent;
  }
  return estimate_published_ ? Correction::kAttributes : Correction::kNone;
}

void PublishedSize::Corrected(Correction correction) {
  if (correction == Correction::kNone) {
    return;
  }
  estimate_published_ = false;
  if (correction == Correction::kContent) {
    content_outdated_ = false;
  }
}

bool Inodes::Equal::operator()(const Node* a, const Node* b) const {
  if (a->file.has_value() != b->file.has_value()) {
    return false;
  }
  if (!a->file) {
    return a->directory->path == b->directory->path;
  }
  if (IsInstance(*a) != IsInstance(*b)) {
    return false;
  }
  if (!IsInstance(*a)) {
    return a->file->control == b->file->control;
  }
  return *a->file->instance == *b->file->instance && a->file->directory->series == b->file->directory->series;
}

uint64_t Inodes::HashOf(const Node& node) {
  Fnv hash;
  if (!node.file) {
    hash.Add("directory").Add(node.directory->path);
  } else if (!node.file->instance) {
    hash.Add("control").Add(node.file->control);
  } else {
    hash.Add("instance").Add(node.file->instance->str());
    if (const auto& series = node.file->directory->series) {
      hash.Add(series->series.str()).Add(series->study.str());
    }
  }
  return hash.value();
}

uint64_t Inodes::NumberOf(const Node& node) {
  if (!node.file && node.directory->path.empty()) {
    return kRootNodeId;
  }
  uint64_t number = HashOf(node);
  if (IsInstance(node) && node.file->directory->series) {
    // cp and others read a directory in the order of inode numbers, which should be that of the series: 32 bits say
    // which one, 20 where in it.
    constexpr uint64_t kLast = (uint64_t{1} << 20) - 1;
    Fnv series;
    series.Add("series").Add(node.file->directory->series->series.str());
    series.Add(node.file->directory->series->study.str());
    const uint64_t place = std::min<uint64_t>(node.file->number.value_or(UINT32_MAX), kLast);
    number = (series.value() & 0xffffffff00000000u) | place << 12 | (number & 0xfff);
  }
  // 0 means "deleted" to some programs, 1 is the root.
  return number > kRootNodeId ? number : number + 2;
}

Inodes::Inodes(DirectoryPtr root) {
  Remember(Node{std::move(root), std::nullopt});
}

InodeView Inodes::Remember(const Node& node) {
  const std::lock_guard lock(mutex_);
  const auto known = ids_.find(&node);
  if (known == ids_.end()) {
    auto inode = std::make_shared<Inode>();
    inode->id = next_id_++;
    inode->number = NumberOf(node);
    auto kept = std::make_shared<const Node>(node);
    InodeView view{std::move(inode), kept};
    entries_.emplace(view.inode->id, Entry{view, 1});
    ids_.emplace(kept.get(), view.inode->id);
    return view;
  }
  Entry& entry = entries_.at(known->second);
  ++entry.lookups;
  const bool same = node.file ? node.file->directory == entry.view.node->file->directory &&
                                    node.file->estimated_size == entry.view.node->file->estimated_size
                              : node.directory == entry.view.node->directory;
  if (!same) {
    const NodeId id = known->second;
    ids_.erase(known);
    entry.view.node = std::make_shared<const Node>(node);
    ids_.emplace(entry.view.node.get(), id);
  }
  return entry.view;
}

InodeView Inodes::Find(NodeId id) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(id);
  return found == entries_.end() ? InodeView{} : found->second.view;
}

void Inodes::Forget(NodeId id, uint64_t lookups) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(id);
  if (found == entries_.end() || id == kRootNodeId) {
    return;
  }
  Entry& entry = found->second;
  if (lookups < entry.lookups) {
    entry.lookups -= lookups;
    return;
  }
  ids_.erase(entry.view.node.get());
  entries_.erase(found);
}

std::vector<InodeView> Inodes::Directories() const {
  std::vector<InodeView> directories;
  const std::lock_guard lock(mutex_);
  for (const auto& [id, entry] : entries_) {
    if (entry.view.is_directory()) {
      directories.push_back(entry.view);
    }
  }
  return directories;
}

size_t Inodes::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

}  // namespace trolley
