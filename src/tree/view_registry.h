#ifndef TROLLEY_TREE_VIEW_REGISTRY_H_
#define TROLLEY_TREE_VIEW_REGISTRY_H_

#include <vector>

#include "tree/view.h"

namespace trolley {

// The directories at the root of the mount. A new one is a file pair in tree/views and a line in view_registry.cc.
// `parts` must outlive the views.
std::vector<TopLevelView> MakeTopLevelViews(const ViewParts& parts);

}  // namespace trolley

#endif  // TROLLEY_TREE_VIEW_REGISTRY_H_
