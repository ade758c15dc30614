#include "tree/views/studies_view.h"

#include "search/level_queries.h"

namespace trolley {
namespace {

class StudiesView : public StudiesListView {
 public:
  using StudiesListView::StudiesListView;

 protected:
  Query ListingQuery(const Directory&) const override { return parts().Browse(); }
  std::optional<Query> QueryForUid(const Directory&, const Uid& uid) const override {
    Query query(Level::kStudy);
    query.Where(tag::kStudyInstanceUID, uid.str());
    IncludeStudyAttributes(query);
    return query;
  }
};

}  // namespace

TopLevelView MakeStudiesView(const ViewParts& parts) {
  return {"studies", std::make_unique<StudiesView>(parts), parts.Browse()};
}

}  // namespace trolley
