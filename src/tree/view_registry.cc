#include "tree/view_registry.h"

#include "tree/views/control_view.h"
#include "tree/views/patients_view.h"
#include "tree/views/recent_view.h"
#include "tree/views/search_view.h"
#include "tree/views/studies_view.h"

namespace trolley {

std::vector<TopLevelView> MakeTopLevelViews(const ViewParts& parts) {
  std::vector<TopLevelView> views;
  for (const auto make : {&MakePatientsView, &MakeStudiesView, &MakeRecentView, &MakeSearchView, &MakeControlView}) {
    views.push_back(make(parts));
  }
  return views;
}

}  // namespace trolley
