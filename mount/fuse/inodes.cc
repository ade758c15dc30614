#include "mount/fuse/inodes.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/text.h"

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

// cp and others read a directory in the order of inode numbers, which should be that of a listing: prefetched
// instances arrive in that order. 20 bits say where in it, those above which directory; those below make it unique.
uint64_t InOrder(uint64_t directory, uint64_t place, unsigned unique_bits, uint64_t hash) {
  constexpr unsigned kPlaceBits = 20;
  constexpr uint64_t kLast = (uint64_t{1} << kPlaceBits) - 1;
  const uint64_t above = ~uint64_t{0} << (kPlaceBits + unique_bits);
  const uint64_t below = (uint64_t{1} << unique_bits) - 1;
  return (directory & above) | std::min(place, kLast) << unique_bits | (hash & below);
}

// The number that a series' name begins with: "004 CT AX~81c02a".
std::optional<uint64_t> PlaceInStudy(const Node& node) {
  if (node.file || !node.directory->series || node.directory->parent == nullptr) {
    return std::nullopt;
  }
  std::string_view name = node.directory->path;
  name.remove_prefix(name.rfind('/') + 1);
  const size_t end = name.find_first_of(" ~");
  return end == std::string_view::npos ? std::nullopt : ParseUint(name.substr(0, end));
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

uint64_t Inodes::HashOf(const SeriesReference* series, const Uid& instance) {
  Fnv hash;
  hash.Add("instance").Add(instance.str());
  if (series != nullptr) {
    hash.Add(series->series.str()).Add(series->study.str());
  }
  return hash.value();
}

uint64_t Inodes::HashOf(const Node& node) {
  if (IsInstance(node)) {
    const auto& series = node.file->directory->series;
    return HashOf(series ? &*series : nullptr, *node.file->instance);
  }
  Fnv hash;
  if (node.file) {
    return hash.Add("control").Add(node.file->control).value();
  }
  return hash.Add("directory").Add(node.directory->path).value();
}

uint64_t Inodes::HashOf(const Entry& entry) {
  if (const Node* node = entry.node()) {
    return HashOf(*node);
  }
  return HashOf(entry.listing().series(), *entry.listing().instance(entry.index));
}

bool Inodes::Is(const Entry& entry, const Node& node) {
  const auto is_instance = [&](const SeriesReference* series, const Uid& instance) {
    const auto& wanted = node.file->directory->series;
    return instance == *node.file->instance && (series != nullptr) == wanted.has_value() &&
           (series == nullptr || *series == *wanted);
  };
  const Node* known = entry.node();
  if (known == nullptr) {
    return IsInstance(node) && is_instance(entry.listing().series(), *entry.listing().instance(entry.index));
  }
  if (known->file.has_value() != node.file.has_value() || IsInstance(*known) != IsInstance(node)) {
    return false;
  }
  if (!node.file) {
    return known->directory->path == node.directory->path;
  }
  if (!IsInstance(node)) {
    return known->file->control == node.file->control;
  }
  const auto& series = known->file->directory->series;
  return is_instance(series ? &*series : nullptr, *known->file->instance);
}

std::shared_ptr<const Node> Inodes::NodeOf(const Entry& entry) {
  if (entry.index == Entry::kIsNode) {
    return std::static_pointer_cast<const Node>(entry.source);
  }
  return std::make_shared<const Node>(entry.listing().node(entry.index));
}

InodeView Inodes::ViewOf(const Entry& entry, std::shared_ptr<const Node> node) {
  return {std::shared_ptr<Inode>(entry.self, &entry.self->inode), std::move(node)};
}

uint64_t Inodes::NumberOf(const Node& node) {
  if (!node.file && node.directory->path.empty()) {
    return kRootNodeId;
  }
  uint64_t number = HashOf(node);
  if (IsInstance(node) && node.file->directory->series) {
    const SeriesReference& series = *node.file->directory->series;
    number = InOrder(Fnv().Add("series").Add(series.series.str()).Add(series.study.str()).value(),
                     node.file->number.value_or(UINT32_MAX), 12, number);
  } else if (const auto place = PlaceInStudy(node)) {
    // Series of the same number are common, and of two directories of one number cp takes one.
    number = InOrder(Fnv().Add("study").Add(node.directory->parent->path).value(), *place, 28, number);
  }
  // 0 means "deleted" to some programs, 1 is the root.
  return number > kRootNodeId ? number : number + 2;
}

Inodes::Inodes(DirectoryPtr root) {
  Remember(Node{std::move(root), std::nullopt});
}

Inodes::~Inodes() {
  by_id_.ForEach([](const Entry& entry) {
    // The entry may end here.
    const std::shared_ptr<Entry> last = std::move(entry.self->self);
  });
}

InodeView Inodes::Remember(const Node& node) {
  auto kept = std::make_shared<const Node>(node);
  return Keep(*kept, kept, Entry::kIsNode);
}

InodeView Inodes::Remember(const Node& node, const ListingPtr& listing, size_t index) {
  const bool fits = index < Entry::kIsNode && IsInstance(node) && listing->instance(index) != nullptr;
  return fits ? Keep(node, listing, static_cast<uint32_t>(index)) : Remember(node);
}

InodeView Inodes::Keep(const Node& node, std::shared_ptr<const void> source, uint32_t index) {
  const uint64_t hash = HashOf(node);
  const auto hash_of = [](const Entry& entry) { return HashOf(entry); };
  std::shared_ptr<const void> old;  // declared first: a listing may end with it, outside the lock
  const MutexLock lock(mutex_);
  if (Entry* known = by_identity_.Find(hash, [&](const Entry& entry) { return Is(entry, node); })) {
    ++known->lookups;
    // The newer node replaces the known one; the identity is the same.
    old = std::exchange(known->source, std::move(source));
    known->index = index;
    return ViewOf(*known, index == Entry::kIsNode ? NodeOf(*known) : std::make_shared<const Node>(node));
  }
  auto entry = std::make_shared<Entry>();
  entry->inode.id = next_id_;
  entry->inode.number = NumberOf(node);
  entry->lookups = 1;
  entry->source = std::move(source);
  entry->index = index;
  const auto hash_of_id = [](const Entry& other) { return other.inode.id; };
  by_id_.Insert(entry.get(), entry->inode.id, hash_of_id);
  try {
    by_identity_.Insert(entry.get(), hash, hash_of);
  } catch (...) {
    by_id_.Erase(entry.get(), entry->inode.id, hash_of_id);
    throw;
  }
  ++next_id_;
  entry->self = entry;
  return ViewOf(*entry, index == Entry::kIsNode ? NodeOf(*entry) : std::make_shared<const Node>(node));
}

InodeView Inodes::Find(NodeId id) const {
  std::shared_ptr<const Entry> found;
  std::shared_ptr<const void> source;
  uint32_t index = Entry::kIsNode;
  {
    const MutexLock lock(mutex_);
    const Entry* entry = by_id_.Find(id, [id](const Entry& other) { return other.inode.id == id; });
    if (entry == nullptr) {
      return {};
    }
    if (entry->index == Entry::kIsNode) {
      return ViewOf(*entry, NodeOf(*entry));
    }
    found = entry->self;
    source = entry->source;
    index = entry->index;
  }
  // Made of the listing outside the lock.
  const auto& listing = *static_cast<const Listing*>(source.get());
  return {std::shared_ptr<Inode>(found, const_cast<Inode*>(&found->inode)),
          std::make_shared<const Node>(listing.node(index))};
}

void Inodes::Forget(NodeId id, uint64_t lookups) {
  std::shared_ptr<Entry> forgotten;  // declared first: it ends outside the lock
  const MutexLock lock(mutex_);
  Entry* entry = by_id_.Find(id, [id](const Entry& other) { return other.inode.id == id; });
  if (entry == nullptr || id == kRootNodeId) {
    return;
  }
  if (lookups < entry->lookups) {
    entry->lookups -= lookups;
    return;
  }
  by_identity_.Erase(entry, HashOf(*entry), [](const Entry& other) { return HashOf(other); });
  by_id_.Erase(entry, id, [](const Entry& other) { return other.inode.id; });
  forgotten = std::move(entry->self);
}

std::vector<InodeView> Inodes::Directories() const {
  std::vector<InodeView> directories;
  const MutexLock lock(mutex_);
  by_id_.ForEach([&](const Entry& entry) {
    if (entry.node() != nullptr && !entry.node()->file) {
      directories.push_back(ViewOf(entry, NodeOf(entry)));
    }
  });
  return directories;
}

size_t Inodes::size() const {
  const MutexLock lock(mutex_);
  return by_id_.size();
}

}  // namespace trolley
