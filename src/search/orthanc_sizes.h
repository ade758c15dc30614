#ifndef TROLLEY_SEARCH_ORTHANC_SIZES_H_
#define TROLLEY_SEARCH_ORTHANC_SIZES_H_

#include <memory>

#include "net/orthanc_rest.h"
#include "search/searcher.h"

namespace trolley {

// Fills Instance::size of what `searcher` finds with exact sizes, a whole series in one request. A search never fails
// because of sizes: without them (logged) it is what `searcher` answered. To be wrapped in a CachedSearcher, not the
// other way round.
std::unique_ptr<Searcher> MakeOrthancSizesSearcher(std::unique_ptr<Searcher> searcher,
                                                   std::shared_ptr<OrthancRest> rest);

}  // namespace trolley

#endif  // TROLLEY_SEARCH_ORTHANC_SIZES_H_
