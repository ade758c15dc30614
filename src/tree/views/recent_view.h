#ifndef TROLLEY_TREE_VIEWS_RECENT_VIEW_H_
#define TROLLEY_TREE_VIEWS_RECENT_VIEW_H_

#include "tree/view.h"

namespace trolley {

// recent/: the studies that `browse` finds, and no others.
TopLevelView MakeRecentView(const ViewParts& parts);

}  // namespace trolley

#endif  // TROLLEY_TREE_VIEWS_RECENT_VIEW_H_
