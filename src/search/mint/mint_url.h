#ifndef TROLLEY_SEARCH_MINT_MINT_URL_H_
#define TROLLEY_SEARCH_MINT_MINT_URL_H_

#include <string>
#include <vector>

#include "trolley/query.h"
#include "trolley/searchers.h"
#include "trolley/tag.h"

namespace trolley {

// A query as MINT spells it: "name=value", percent-encoded, without limit and offset.
struct MintUrl {
  std::vector<std::string> terms;
  std::vector<Tag> filtered;  // keys that the server does not look at, or not as narrowly as was asked
};

// Throws kUnsupported for what Vitrea's search cannot express: keys that it does not know (those of series and
// instances are filtered here, when it returns them), ranges of other dates than StudyDate, fuzzy matching, fields that
// it does not return at the query's level. Either end of a range of StudyDate may be open: the server wants both and
// gets one that no study exceeds.
MintUrl MakeVitreaUrl(const Query& query, const MintOptions& options);

// For the reference server, which knows StudyInstanceUID, AccessionNumber and PatientID without wildcards, and ranges
// of StudyDate; the rest is filtered here, because the metadata have every attribute. Throws kUnsupported for keys of a
// level below the query's and for fuzzy matching.
MintUrl MakeReferenceUrl(const Query& query, const MintOptions& options);

}  // namespace trolley

#endif  // TROLLEY_SEARCH_MINT_MINT_URL_H_
