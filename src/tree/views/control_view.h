#ifndef TROLLEY_TREE_VIEWS_CONTROL_VIEW_H_
#define TROLLEY_TREE_VIEWS_CONTROL_VIEW_H_

#include "tree/view.h"

namespace trolley {

// .trolleyfs/: files about the mount, made from memory.
TopLevelView MakeControlView(const ViewParts& parts);

}  // namespace trolley

#endif  // TROLLEY_TREE_VIEWS_CONTROL_VIEW_H_
