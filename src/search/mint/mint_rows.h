#ifndef TROLLEY_SEARCH_MINT_MINT_ROWS_H_
#define TROLLEY_SEARCH_MINT_MINT_ROWS_H_

#include <vector>

#include "search/mint/mint_xml.h"
#include "trolley/attributes.h"
#include "trolley/query.h"

namespace trolley {

// The rows of the query's level that match, each study's and series' own attributes once. `filtered` are keys by which
// the server did not search: there, an absent attribute is no match. Throws kUnsupported when no row has the attribute
// of a key, so that nobody can tell whether it was searched by (`complete`: the server leaves out nothing that it has,
// and an absent attribute means that there is none); kProtocol when the response is not of the query's level.
std::vector<Attributes> MintRows(const Query& query, const std::vector<Tag>& filtered, bool complete,
                                 const std::vector<const MintNode*>& studies);

// Attributes that an archive counts or collects, when a study's metadata do not have them: ModalitiesInStudy, the
// numbers of series and instances. `study` is whole, down to its instances.
void AddComputedAttributes(MintNode& study);

}  // namespace trolley

#endif  // TROLLEY_SEARCH_MINT_MINT_ROWS_H_
