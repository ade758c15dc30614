#ifndef TROLLEY_SEARCH_FIND_STUDY_H_
#define TROLLEY_SEARCH_FIND_STUDY_H_

#include "trolley/context.h"
#include "trolley/query.h"
#include "trolley/searcher.h"
#include "trolley/study.h"
#include "trolley/uid.h"

namespace trolley {

// The one study that matches, with what the query's level asks for. Throws kInvalidArgument when none or more than one
// does ("expected exactly one study, found 3"): the query was not precise enough, or names something that is not
// there; and whatever the searcher throws.
Study FindStudy(Searcher& searcher, const Query& query, const Context& context);

// By its UID, down to `level`. Throws as FindStudy.
Study FindStudyById(Searcher& searcher, const Uid& study, Level level, const Context& context);

}  // namespace trolley

#endif  // TROLLEY_SEARCH_FIND_STUDY_H_
