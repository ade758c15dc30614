#include "search/find_study.h"

#include "base/text.h"
#include "trolley/error.h"

namespace trolley {

Study FindStudy(Searcher& searcher, const Query& query, const Context& context) {
  const SearchResult result = searcher.Find(query, context);
  if (result->size() != 1) {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat("Cannot find the study (", query.Describe(), "): expected exactly one study, found ",
                       result->empty() ? "none" : std::to_string(result->size())));
  }
  return result->front();
}

Study FindStudyById(Searcher& searcher, const Uid& study, Level level, const Context& context) {
  return FindStudy(searcher, Query::ForStudy({study}, level), context);
}

}  // namespace trolley
