#ifndef TROLLEY_TREE_TREE_H_
#define TROLLEY_TREE_TREE_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "tree/listing.h"
#include "tree/node.h"
#include "tree/tree_options.h"
#include "trolley/caching_searcher.h"
#include "trolley/context.h"

namespace trolley {

// The meaning of a name, if that is known without a query to the archive.
struct QuickLookup {
  enum class Status { kFound, kAbsent, kQueryArchive } status = Status::kQueryArchive;
  std::optional<Node> node;
};

// The directory tree over one archive (the grammar of the README's "The tree"). Knows nothing of FUSE. Thread-safe.
// Functions with a Context wait as it allows and throw Error; the Try... functions neither wait nor throw.
class Tree {
 public:
  // Makes a listing of a result that has arrived, or throws what the query ended with. Takes a while for many rows.
  using MakeListingLater = std::function<ListingPtr()>;
  // Likewise for a name: the node, or nullopt when the archive reports that there is none.
  using FindNodeLater = std::function<std::optional<Node>()>;

  Tree(TreeOptions options, std::shared_ptr<CachingSearcher> searcher);
  ~Tree();

  DirectoryPtr root() const;
  // Null: the archive has to be queried.
  ListingPtr TryList(const DirectoryPtr& directory);
  ListingPtr List(const DirectoryPtr& directory, const Context& context);
  // Never waits. Calls `done` exactly once, as CachingSearcher::FindAsync does: on this thread when nothing has to be
  // queried, else on one of the searcher's threads, which must not be held up. The function that `done` gets may be
  // called later, on any thread. Throws kInvalidArgument for malformed criteria, without calling `done`.
  void ListAsync(const DirectoryPtr& directory, const Context& context, std::function<void(MakeListingLater)> done);
  QuickLookup TryLookup(const DirectoryPtr& directory, std::string_view name);
  // nullopt: the archive reports that there is none, or the name can never exist. Throws kInvalidArgument for malformed
  // criteria.
  std::optional<Node> Lookup(const DirectoryPtr& directory, std::string_view name, const Context& context);
  // As ListAsync.
  void LookupAsync(const DirectoryPtr& directory, std::string_view name, const Context& context,
                   std::function<void(FindNodeLater)> done);
  // The instances of a series in the order of a listing; null when it was not listed.
  std::shared_ptr<const std::vector<Uid>> CachedInstances(const SeriesReference& series);
  // The series that follow in the listing of the study, `count` at most; none when the study was not listed.
  std::vector<SeriesReference> CachedFollowingSeries(const SeriesReference& series, size_t count);
  // Queries the archive for the instances of a series unless they are cached: CachedInstances has them afterwards.
  void ListSeries(const SeriesReference& series, const Context& context);
  // A whole path from the root, for callers without inodes (the library's own use, tests).
  std::optional<Node> Resolve(std::string_view path, const Context& context);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace trolley

#endif  // TROLLEY_TREE_TREE_H_
