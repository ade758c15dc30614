#ifndef TROLLEY_ORTHANC_ORTHANC_SEARCHER_H_
#define TROLLEY_ORTHANC_ORTHANC_SEARCHER_H_

#include <memory>

#include "orthanc/orthanc_rest.h"
#include "search/searcher.h"

namespace trolley {

// Lists the instances of a series by Orthanc's own REST interface, where the question is no more than that: which there
// are, their sizes and numbers (see Query::IncludeSize). DICOMweb makes Orthanc open every file for it. Everything else
// is `searcher`'s, and whatever of Orthanc's answer leaves a doubt; also that a series does not exist is for it to say.
// Instance::size of what it finds is filled with exact sizes, a whole series in one request; on a guess
// (OrthancRest::is_guess) only where the question includes sizes. A search never fails because of all this: without it
// (logged) it is what `searcher` answered. To be wrapped in a CachingSearcher, not the other way round.
std::unique_ptr<Searcher> MakeOrthancSizesSearcher(std::unique_ptr<Searcher> searcher,
                                                   std::shared_ptr<OrthancRest> rest);

}  // namespace trolley

#endif  // TROLLEY_ORTHANC_ORTHANC_SEARCHER_H_
