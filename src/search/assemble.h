#ifndef TROLLEY_SEARCH_ASSEMBLE_H_
#define TROLLEY_SEARCH_ASSEMBLE_H_

#include <vector>

#include "dicom/attributes.h"
#include "dicom/query.h"
#include "dicom/study.h"

namespace trolley {

// Turns the flat rows of an answer into Study > Series > Instance, for every searcher: leaves out rows that contradict
// the query, takes parents' UIDs that a row does not repeat from the query's keys, merges rows with the same UID (first
// one wins, missing attributes are added), and moves attributes to the level they belong to. Throws kProtocol for a row
// without the UID of its level, or with an invalid one.
Answer Assemble(const Query& query, std::vector<Attributes> rows);

}  // namespace trolley

#endif  // TROLLEY_SEARCH_ASSEMBLE_H_
