#ifndef TROLLEY_SEARCH_C_FIND_C_FIND_WALK_H_
#define TROLLEY_SEARCH_C_FIND_C_FIND_WALK_H_

#include <vector>

#include "search/c_find/c_find_client.h"
#include "search/c_find/patients_of_studies.h"
#include "trolley/attributes.h"
#include "trolley/context.h"
#include "trolley/query.h"
#include "trolley/searchers.h"

namespace trolley {

// Runs one query by C-FIND: a request for each step from the root of the information model down to the query's level,
// or one relational request where the archive agrees to it. The rows are in the query's window. Throws as
// Searcher::Find.
std::vector<Attributes> WalkCFind(const CFindOptions& options, CFindClient& client, PatientsOfStudies& patients,
                                  const Query& query, const Context& context);

}  // namespace trolley

#endif  // TROLLEY_SEARCH_C_FIND_C_FIND_WALK_H_
