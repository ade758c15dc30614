#ifndef TROLLEY_SEARCH_ASSEMBLE_H_
#define TROLLEY_SEARCH_ASSEMBLE_H_

#include <vector>

#include "trolley/attributes.h"
#include "trolley/query.h"
#include "trolley/study.h"
#include "trolley/tag.h"

namespace trolley {

// The level that an attribute describes, as archives model it (PS3.3 §A.1.2, PS3.4 §C.6.2.1); the patient's attributes
// belong to the study. What is not known to describe a study or a series belongs to the instance.
Level LevelOf(Tag tag);

// Turns the flat rows of a response into Study > Series > Instance, for every searcher: leaves out rows that contradict
// the query, takes parents' UIDs that a row does not repeat from the query's keys, merges rows with the same UID (first
// one wins, missing attributes are added), and moves attributes to the level they belong to. What only serves the
// transport (URLs of the archive, the character set, which was decoded already) is left out unless the query includes
// it. Throws kProtocol for a row without the UID of its level, or with an invalid one.
SearchResult Assemble(const Query& query, std::vector<Attributes> rows);

}  // namespace trolley

#endif  // TROLLEY_SEARCH_ASSEMBLE_H_
