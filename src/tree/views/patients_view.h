#ifndef TROLLEY_TREE_VIEWS_PATIENTS_VIEW_H_
#define TROLLEY_TREE_VIEWS_PATIENTS_VIEW_H_

#include "tree/view.h"

namespace trolley {

// patients/<patient>/: the patients whose studies `browse` finds, and all studies of each. A name that is a PatientID
// (percent-encoded where it has to be) is any patient of the archive.
TopLevelView MakePatientsView(const ViewParts& parts);

}  // namespace trolley

#endif  // TROLLEY_TREE_VIEWS_PATIENTS_VIEW_H_
