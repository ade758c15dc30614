#include "tree/listing.h"

#include <algorithm>
#include <utility>

namespace trolley {
namespace {

class TableListing : public Listing {
 public:
  TableListing(DirectoryPtr directory, TablePtr table, std::chrono::system_clock::time_point fetched_at, bool stale)
      : directory_(std::move(directory)), table_(std::move(table)), fetched_at_(fetched_at), stale_(stale) {}

  size_t size() const override { return table_->size(); }
  std::string_view name(size_t index) const override { return table_->name(index); }
  bool is_directory(size_t) const override { return !directory_->series; }
  Node node(size_t index) const override { return table_->MakeNode(directory_, index, table_->name(index)); }
  std::optional<size_t> IndexOf(std::string_view name) const override { return table_->IndexOf(name); }
  const Uid* instance(size_t index) const override { return directory_->series ? table_->uid(index) : nullptr; }
  const SeriesReference* series() const override { return directory_->series ? &*directory_->series : nullptr; }
  std::chrono::system_clock::time_point fetched_at() const override { return fetched_at_; }
  bool stale() const override { return stale_; }

 private:
  const DirectoryPtr directory_;
  const TablePtr table_;
  const std::chrono::system_clock::time_point fetched_at_;
  const bool stale_;
};

class MemoryListing : public Listing {
 public:
  MemoryListing(std::vector<std::string> names, bool directories, std::function<Node(std::string_view)> make_node,
                std::chrono::system_clock::time_point now)
      : names_(std::move(names)), directories_(directories), make_node_(std::move(make_node)), now_(now) {
    std::sort(names_.begin(), names_.end());
  }

  size_t size() const override { return names_.size(); }
  std::string_view name(size_t index) const override { return names_[index]; }
  bool is_directory(size_t) const override { return directories_; }
  Node node(size_t index) const override { return make_node_(names_[index]); }
  std::optional<size_t> IndexOf(std::string_view name) const override {
    const auto found = std::lower_bound(names_.begin(), names_.end(), name);
    if (found == names_.end() || *found != name) {
      return std::nullopt;
    }
    return static_cast<size_t>(found - names_.begin());
  }
  std::chrono::system_clock::time_point fetched_at() const override { return now_; }
  bool stale() const override { return false; }

 private:
  std::vector<std::string> names_;
  const bool directories_;
  const std::function<Node(std::string_view)> make_node_;
  const std::chrono::system_clock::time_point now_;
};

}  // namespace

ListingPtr MakeListing(DirectoryPtr directory, TablePtr table, std::chrono::system_clock::time_point fetched_at,
                       bool stale) {
  return std::make_shared<TableListing>(std::move(directory), std::move(table), fetched_at, stale);
}

ListingPtr MakeMemoryListing(std::vector<std::string> names, bool directories,
                             std::function<Node(std::string_view)> make_node,
                             std::chrono::system_clock::time_point now) {
  return std::make_shared<MemoryListing>(std::move(names), directories, std::move(make_node), now);
}

}  // namespace trolley
