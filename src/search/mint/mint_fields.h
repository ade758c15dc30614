#ifndef TROLLEY_SEARCH_MINT_MINT_FIELDS_H_
#define TROLLEY_SEARCH_MINT_MINT_FIELDS_H_

#include "trolley/query.h"
#include "trolley/tag.h"

namespace trolley {

// Whether Vitrea Connection returns this attribute when it is named in IncludeFields of a query at that level:
// the lists of its manual (version 8.2). Attributes of the levels above are returned, too.
bool IsMintField(Tag tag, Level level);

}  // namespace trolley

#endif  // TROLLEY_SEARCH_MINT_MINT_FIELDS_H_
