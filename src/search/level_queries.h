#ifndef TROLLEY_SEARCH_LEVEL_QUERIES_H_
#define TROLLEY_SEARCH_LEVEL_QUERIES_H_

#include "trolley/query.h"
#include "trolley/references.h"

namespace trolley {

// The queries that list one level of the tree. Equal queries share one cached result, so everything that lists a study
// or a series asks with these.

// Adds the attributes that names and times of studies are made of.
void IncludeStudyAttributes(Query& query);
// The series of a study.
Query StudyQuery(const StudyReference& study);
// The instances of a series, with their exact sizes where the archive tells them.
Query SeriesQuery(const SeriesReference& series);

}  // namespace trolley

#endif  // TROLLEY_SEARCH_LEVEL_QUERIES_H_
