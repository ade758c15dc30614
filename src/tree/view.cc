// The parts that most views have in common. A view decides without waiting: it returns a plan for names that take a
// query, and the Tree carries it out.
#include "tree/view.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "search/level_queries.h"
#include "tree/directories.h"

namespace trolley {

LookupStep QueryView::Lookup(const DirectoryPtr& directory, std::string_view name,
                             const std::function<TablePtr()>& known) const {
  if (IsJunkName(name)) {
    return std::nullopt;
  }
  if (auto node = FindByNameAlone(directory, name)) {
    return node;
  }
  const TablePtr table = known();
  if (table != nullptr) {
    if (const auto index = table->IndexOf(name)) {
      return table->MakeNode(directory, *index, name);
    }
  }
  return LookupUnlisted(directory, name, table);
}

LookupStep QueryView::LookupUnlisted(const DirectoryPtr& directory, std::string_view name,
                                     const TablePtr& known) const {
  const auto uid = ParseBareUid(name, lists_files());
  if (!uid) {
    const bool is_possible = lists_files() ? MayBeFileName(name, style_) : MayBeDirectoryName(name, style_);
    return is_possible ? LookupStep(PlanListing(directory, name)) : std::nullopt;
  }
  const auto find = [directory, name = std::string(name), uid = *uid](const Table& table) -> std::optional<Node> {
    const auto index = table.IndexOfUid(uid);
    return index ? std::optional(table.MakeNode(directory, *index, name)) : std::nullopt;
  };
  if (known != nullptr) {
    if (auto node = find(*known)) {
      return node;
    }
  }
  auto query = QueryForUid(*directory, *uid);
  if (!query) {
    return std::nullopt;
  }
  return LookupPlan{*std::move(query), directory, false, find};
}

LookupPlan QueryView::PlanListing(const DirectoryPtr& directory, std::string_view name) const {
  return {ListingQuery(*directory), directory, true,
          [directory, name = std::string(name)](const Table& table) -> std::optional<Node> {
            const auto index = table.IndexOf(name);
            return index ? std::optional(table.MakeNode(directory, *index, name)) : std::nullopt;
          }};
}

Query ViewParts::Browse() const {
  return BrowseQuery(options.browse, options.now());
}

std::unique_ptr<const Rows> StudiesListView::MakeRows(const Directory& directory, SearchResult result) const {
  return std::make_unique<StudyRows>(std::move(result), style(), &parts_.study_view, FilterFor(directory));
}

std::optional<Query> StudiesListView::QueryForUid(const Directory& directory, const Uid& uid) const {
  return NarrowToStudy(ListingQuery(directory), uid);
}

std::optional<Query> StudiesListView::NarrowToStudy(Query query, const Uid& uid) {
  if (const std::string_view wanted = query.Get(tag::kStudyInstanceUID); !wanted.empty()) {
    const auto uids = Split(wanted, '\\');
    if (std::find(uids.begin(), uids.end(), uid.str()) == uids.end()) {
      return std::nullopt;
    }
  }
  query.Where(tag::kStudyInstanceUID, uid.str());
  return query;
}

}  // namespace trolley
