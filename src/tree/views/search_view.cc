#include "tree/views/search_view.h"

#include <utility>

#include "base/text.h"
#include "search/level_queries.h"
#include "tree/directories.h"
#include "tree/search_history.h"
#include "trolley/criteria.h"
#include "trolley/error.h"

namespace trolley {
namespace {

constexpr size_t kMaxCriteriaDepth = 32;

// search/<criteria>/ and the criteria in it.
class CriteriaView : public StudiesListView {
 public:
  CriteriaView(const ViewParts& parts, SearchHistory& history) : StudiesListView(parts), history_(history) {}

  // Criteria exist when they are well-formed; whether anything matches them is seen in the listing. Throws
  // kInvalidArgument.
  Node Make(const DirectoryPtr& parent, std::string_view name) const {
    if (Depth(*parent) >= kMaxCriteriaDepth) {
      throw Error(ErrorCode::kInvalidArgument,
                  StrCat("Cannot search: more than ", kMaxCriteriaDepth, " criteria directories in one another"));
    }
    Directory directory = ChildOf(parent, name, *this);
    directory.query = ListingQuery(directory);
    return {std::make_shared<const Directory>(std::move(directory)), std::nullopt};
  }

  void NoteListed(const Directory& directory) const override {
    if (Depth(directory) == 1) {
      history_.Add(LastName(directory));
    }
  }

 protected:
  Query ListingQuery(const Directory& directory) const override {
    Query query = directory.parent->view == this ? ListingQuery(*directory.parent) : Query(Level::kStudy);
    AddCriteria(LastName(directory), query, parts().options.now());
    IncludeStudyAttributes(query);
    return query;
  }
  std::optional<Node> FindByNameAlone(const DirectoryPtr& directory, std::string_view name) const override {
    return LooksLikeCriteria(name) ? std::optional(Make(directory, name)) : std::nullopt;
  }

 private:
  size_t Depth(const Directory& directory) const {
    size_t depth = 0;
    for (const Directory* at = &directory; at->view == this; at = at->parent.get()) {
      ++depth;
    }
    return depth;
  }

  SearchHistory& history_;
};

// search/
class SearchView : public MemoryView {
 public:
  explicit SearchView(const ViewParts& parts) : now_(parts.options.now), criteria_view_(parts, history_) {}

  std::variant<ListingPtr, Query> List(const DirectoryPtr& directory) const override {
    return MakeMemoryListing(
        history_.Names(), true,
        [this, directory](std::string_view name) { return criteria_view_.Make(directory, name); }, now_());
  }
  LookupStep Lookup(const DirectoryPtr& directory, std::string_view name,
                    const std::function<TablePtr()>&) const override {
    const bool is_criteria = LooksLikeCriteria(name) && !IsJunkName(name);
    return is_criteria ? std::optional(criteria_view_.Make(directory, name)) : std::nullopt;
  }

 private:
  const std::function<std::chrono::system_clock::time_point()> now_;
  mutable SearchHistory history_;
  const CriteriaView criteria_view_;
};

}  // namespace

TopLevelView MakeSearchView(const ViewParts& parts) {
  return {"search", std::make_unique<SearchView>(parts), std::nullopt};
}

}  // namespace trolley
