#ifndef TROLLEY_TREE_TREE_H_
#define TROLLEY_TREE_TREE_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "dicom/query.h"
#include "dicom/references.h"
#include "dicom/study.h"
#include "search/caching_searcher.h"
#include "tree/names.h"

namespace trolley {

enum class DirectoryKind {
  kRoot,
  kPatients,
  kPatient,
  kStudies,
  kRecent,
  kSearch,
  kCriteria,
  kStudy,
  kSeries,
  kControl
};

// A directory of the mounted tree: a question. Immutable, shared.
struct Directory {
  DirectoryKind kind = DirectoryKind::kRoot;
  std::string path;  // from the mount's root, without leading "/"; "" is the root. Equal paths are the same directory.
  std::shared_ptr<const Directory> parent;  // null for the root
  // What a listing asked when this was made (dates in words move on); absent for directories answered from memory, and
  // for patients whose ID cannot be asked for (shown as far as the browse query finds them).
  std::optional<Query> query;
  std::string patient_id;                 // kPatient
  std::optional<StudyReference> study;    // kStudy and below
  std::optional<SeriesReference> series;  // kSeries
  int64_t mtime = 0;                      // seconds since the epoch
};
using DirectoryPtr = std::shared_ptr<const Directory>;

// A file: an instance, or one of MOUNT/.trolleyfs answered from memory.
struct File {
  DirectoryPtr directory;
  std::optional<Uid> instance;         // absent: a control file
  std::string control;                 // "status.json", ...
  uint64_t estimated_size = 0;         // bytes, never 0; for use while the exact size is unknown
  std::optional<uint64_t> exact_size;  // when the archive told it
  int64_t mtime = 0;
  std::optional<uint32_t> number;  // InstanceNumber
  // Precondition: instance.
  InstanceReference reference() const;
};

// Exactly one of the two is set.
struct Node {
  DirectoryPtr directory;
  std::optional<File> file;
};

// A directory's content at one time, ordered by name. Immutable, shared; does not outlive its Tree.
class Listing {
 public:
  virtual ~Listing() = default;
  virtual size_t size() const = 0;
  virtual std::string_view name(size_t index) const = 0;
  virtual bool is_directory(size_t index) const = 0;
  virtual Node node(size_t index) const = 0;
  virtual std::optional<size_t> IndexOf(std::string_view name) const = 0;
  // Of a series' directory: the instance that the entry is. Null in other directories.
  virtual const Uid* instance(size_t) const { return nullptr; }
  virtual const SeriesReference* series() const { return nullptr; }
  // When the archive was asked; now for directories answered from memory.
  virtual std::chrono::system_clock::time_point fetched_at() const = 0;
  virtual bool stale() const = 0;  // expired, and the archive could not be asked
};
using ListingPtr = std::shared_ptr<const Listing>;

// What is behind a name, if that is known without asking the archive.
struct QuickLookup {
  enum class Status { kFound, kAbsent, kAskArchive } status = Status::kAskArchive;
  std::optional<Node> node;
};

struct TreeOptions {
  std::string browse = "all";  // criteria, as in ArchiveConfig
  NameStyle names = NameStyle::kReadable;
  std::vector<std::string> control_files;  // the names in MOUNT/.trolleyfs
  size_t max_cached_listings = 256;        // sorted listings kept in memory; least recently used go first
  std::function<std::chrono::system_clock::time_point()> now = &std::chrono::system_clock::now;
};

// The directory tree over one archive (the grammar of the README's "The tree"). Knows nothing of FUSE. Thread-safe.
// What may be asked of the archive waits as its Context allows and throws Error; the Try... functions neither wait nor
// throw.
class Tree {
 public:
  Tree(TreeOptions options, std::shared_ptr<CachingSearcher> searcher);
  ~Tree();

  DirectoryPtr root() const;
  // Null: the archive has to be asked.
  ListingPtr TryList(const DirectoryPtr& directory);
  ListingPtr List(const DirectoryPtr& directory, const Context& context);
  QuickLookup TryLookup(const DirectoryPtr& directory, std::string_view name);
  // nullopt: the archive says that there is none, or the name can never exist. Throws kInvalidArgument for malformed
  // criteria.
  std::optional<Node> Lookup(const DirectoryPtr& directory, std::string_view name, const Context& context);
  // The instances of a series in the order of a listing; null when it was not listed.
  std::shared_ptr<const std::vector<Uid>> PeekInstances(const SeriesReference& series);
  // The series that follow in the listing of the study, `count` at most; none when the study was not listed.
  std::vector<SeriesReference> PeekFollowing(const SeriesReference& series, size_t count);
  // Asks the archive for the instances of a series, if need be: PeekInstances knows them then.
  void ListSeries(const SeriesReference& series, const Context& context);
  // A whole path from the root, for callers without inodes (the library's own use, tests).
  std::optional<Node> Resolve(std::string_view path, const Context& context);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// Bytes a Part-10 file of this instance probably has, from Rows, Columns, ...; never 0.
uint64_t EstimateSize(const Attributes& instance);
// Seconds since the epoch of DICOM date and time (PS3.5 §6.2 DA, TM), 0 when there is no valid date.
int64_t DicomTime(std::string_view date, std::string_view time, std::string_view timezone_offset);

}  // namespace trolley

#endif  // TROLLEY_TREE_TREE_H_
