#ifndef TROLLEY_ORTHANC_ORTHANC_SEARCHER_H_
#define TROLLEY_ORTHANC_ORTHANC_SEARCHER_H_

#include <memory>

#include "orthanc/orthanc_rest.h"
#include "trolley/searcher.h"

namespace trolley {

// Uses Orthanc's own REST interface in two places; `searcher` (DICOMweb) does everything else.
//
// It lists the instances of a series when the query is only for that: instances, their sizes and numbers (see
// Query::IncludeSize). DICOMweb would make Orthanc open every file for it. A doubtful list is not used, and whether a
// series exists is left to DICOMweb.
//
// It adds exact sizes (Instance::size) to other results, a whole series in one request; with a detected Orthanc
// (OrthancRest::is_detected) only when the query includes sizes.
//
// A search never fails because of this interface: its failures are logged, and the result is that of `searcher`. To be
// wrapped in a CachingSearcher, not the other way round.
std::unique_ptr<Searcher> MakeOrthancSizesSearcher(std::unique_ptr<Searcher> searcher,
                                                   std::shared_ptr<OrthancRest> rest);

}  // namespace trolley

#endif  // TROLLEY_ORTHANC_ORTHANC_SEARCHER_H_
