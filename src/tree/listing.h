#ifndef TROLLEY_TREE_LISTING_H_
#define TROLLEY_TREE_LISTING_H_

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tree/node.h"
#include "tree/table.h"

namespace trolley {

// A directory's content at one time, ordered by name. Immutable, shared; does not outlive its Tree.
class Listing {
 public:
  virtual ~Listing() = default;
  virtual size_t size() const = 0;
  virtual std::string_view name(size_t index) const = 0;
  virtual bool is_directory(size_t index) const = 0;
  virtual Node node(size_t index) const = 0;
  virtual std::optional<size_t> IndexOf(std::string_view name) const = 0;
  // In a series' directory: the UID of the entry's instance. Null in other directories.
  virtual const Uid* instance(size_t) const { return nullptr; }
  virtual const SeriesReference* series() const { return nullptr; }
  // The time of the query to the archive; the time of the call for directories listed from memory.
  virtual std::chrono::system_clock::time_point fetched_at() const = 0;
  virtual bool stale() const = 0;  // expired, and the archive could not be queried
};
using ListingPtr = std::shared_ptr<const Listing>;

ListingPtr MakeListing(DirectoryPtr directory, TablePtr table, std::chrono::system_clock::time_point fetched_at,
                       bool stale);
// `names` need not be in order.
ListingPtr MakeMemoryListing(std::vector<std::string> names, bool directories,
                             std::function<Node(std::string_view name)> make_node,
                             std::chrono::system_clock::time_point now);

}  // namespace trolley

#endif  // TROLLEY_TREE_LISTING_H_
