#ifndef TROLLEY_TREE_VIEWS_STUDIES_VIEW_H_
#define TROLLEY_TREE_VIEWS_STUDIES_VIEW_H_

#include "tree/view.h"

namespace trolley {

// studies/: the studies that `browse` finds. A bare UID is any study of the archive.
TopLevelView MakeStudiesView(const ViewParts& parts);

}  // namespace trolley

#endif  // TROLLEY_TREE_VIEWS_STUDIES_VIEW_H_
