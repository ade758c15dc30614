#include "tree/views/recent_view.h"

namespace trolley {
namespace {

class RecentView : public StudiesListView {
 public:
  using StudiesListView::StudiesListView;

 protected:
  Query ListingQuery(const Directory&) const override { return parts().Browse(); }
};

}  // namespace

TopLevelView MakeRecentView(const ViewParts& parts) {
  return {"recent", std::make_unique<RecentView>(parts), parts.Browse()};
}

}  // namespace trolley
