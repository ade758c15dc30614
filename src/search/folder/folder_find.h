#ifndef TROLLEY_SEARCH_FOLDER_FOLDER_FIND_H_
#define TROLLEY_SEARCH_FOLDER_FOLDER_FIND_H_

#include "search/folder/folder_index.h"
#include "trolley/context.h"
#include "trolley/query.h"
#include "trolley/study.h"

namespace trolley {

// Runs a query on the index. A study or series matches when one of its instances does, seen with the attributes of
// its series and study. Computed: ModalitiesInStudy, SOPClassesInStudy, NumberOfStudyRelatedSeries/Instances,
// NumberOfSeriesRelatedInstances. In order of UIDs.
SearchResult FindInFolder(const FolderIndex& index, const Query& query, const Context& context);

}  // namespace trolley

#endif  // TROLLEY_SEARCH_FOLDER_FOLDER_FIND_H_
