#ifndef TROLLEY_TREE_VIEW_H_
#define TROLLEY_TREE_VIEW_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "tree/listing.h"
#include "tree/node.h"
#include "tree/rows.h"
#include "tree/table.h"
#include "tree/tree_options.h"
#include "trolley/query.h"
#include "trolley/searcher.h"

namespace trolley {

// A name that only a result of `query` can explain.
struct LookupPlan {
  Query query;
  DirectoryPtr rows_of;     // the directory into which the rows of the result belong
  bool is_listing = false;  // `query` is what a listing of `rows_of` sends, so the table is worth keeping
  // The node among the rows; nullopt when it is not there.
  std::function<std::optional<Node>(const Table& table)> find;
};

// The result of a lookup without waiting: whether the name exists (a node or nullopt), or the plan of a query.
using LookupStep = std::variant<std::optional<Node>, LookupPlan>;

// How the directories of one kind behave: what they list and what the names in them mean. Immutable, thread-safe; owned
// by the Tree. The views at the root are TopLevelViews (tree/view_registry.h); the directories below have views, too.
class View {
 public:
  View() = default;
  virtual ~View() = default;
  View(const View&) = delete;
  View& operator=(const View&) = delete;

  // The listing of `directory`, or the query that it takes at this moment. Throws kInvalidArgument for malformed
  // criteria.
  virtual std::variant<ListingPtr, Query> List(const DirectoryPtr& directory) const = 0;
  // The rows of a result that belong into `directory`. Called for results of queries of this view.
  virtual std::unique_ptr<const Rows> MakeRows(const Directory& directory, SearchResult result) const = 0;
  // `known` returns the table of the directory's listing if that is in the cache, else null. Throws as List().
  virtual LookupStep Lookup(const DirectoryPtr& directory, std::string_view name,
                            const std::function<TablePtr()>& known) const = 0;
  // A result of the directory's query was listed.
  virtual void NoteListed(const Directory&) const {}
};

// Listed from memory, never by a query.
class MemoryView : public View {
 public:
  std::unique_ptr<const Rows> MakeRows(const Directory&, SearchResult) const final { return nullptr; }
};

// Listed by a query to the archive. A name is found in a known listing; as a bare UID by a query of its own, so that it
// exists although no listing shows it; else by listing the directory.
class QueryView : public View {
 public:
  explicit QueryView(NameStyle style) : style_(style) {}

  std::variant<ListingPtr, Query> List(const DirectoryPtr& directory) const final { return ListingQuery(*directory); }
  LookupStep Lookup(const DirectoryPtr& directory, std::string_view name,
                    const std::function<TablePtr()>& known) const final;

 protected:
  virtual Query ListingQuery(const Directory& directory) const = 0;
  // The listing's query narrowed to one UID; nullopt when that contradicts itself.
  virtual std::optional<Query> QueryForUid(const Directory& directory, const Uid& uid) const = 0;
  // A directory that exists because of its name alone.
  virtual std::optional<Node> FindByNameAlone(const DirectoryPtr&, std::string_view) const { return std::nullopt; }
  // For names that no known listing has. `known` may be null.
  virtual LookupStep LookupUnlisted(const DirectoryPtr& directory, std::string_view name, const TablePtr& known) const;
  virtual bool lists_files() const { return false; }

  LookupPlan PlanListing(const DirectoryPtr& directory, std::string_view name) const;
  NameStyle style() const { return style_; }

 private:
  const NameStyle style_;
};

// The parts of a tree that its views share. `options` and `study_view` outlive the views.
struct ViewParts {
  const TreeOptions& options;
  const View& study_view;  // of the studies' directories

  Query Browse() const;  // what `browse` means at this moment
};

// A directory that lists studies, each of which is a directory of `study_view`.
class StudiesListView : public QueryView {
 public:
  explicit StudiesListView(const ViewParts& parts) : QueryView(parts.options.names), parts_(parts) {}

  std::unique_ptr<const Rows> MakeRows(const Directory& directory, SearchResult result) const override;

 protected:
  std::optional<Query> QueryForUid(const Directory& directory, const Uid& uid) const override;
  // Null: all studies of a result belong into `directory`.
  virtual StudyRows::Filter FilterFor(const Directory&) const { return nullptr; }
  const ViewParts& parts() const { return parts_; }

  // `query` narrowed to the study; nullopt when it is for other studies.
  static std::optional<Query> NarrowToStudy(Query query, const Uid& uid);

 private:
  const ViewParts parts_;
};

// A directory at the root of the mount.
struct TopLevelView {
  std::string name;
  std::unique_ptr<const View> view;
  std::optional<Query> query;  // Directory::query
};

}  // namespace trolley

#endif  // TROLLEY_TREE_VIEW_H_
