#ifndef TROLLEY_TREE_VIEWS_SEARCH_VIEW_H_
#define TROLLEY_TREE_VIEWS_SEARCH_VIEW_H_

#include "tree/view.h"

namespace trolley {

// search/<criteria>[/<criteria>...]/: studies by criteria (tree/criteria.h). search/ itself lists the criteria that
// were listed in this mount, the latest 1000.
TopLevelView MakeSearchView(const ViewParts& parts);

}  // namespace trolley

#endif  // TROLLEY_TREE_VIEWS_SEARCH_VIEW_H_
