#ifndef TROLLEY_ORTHANC_ORTHANC_LISTS_H_
#define TROLLEY_ORTHANC_ORTHANC_LISTS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "orthanc/orthanc_identifiers.h"
#include "orthanc/orthanc_instances.h"
#include "orthanc/orthanc_rest.h"
#include "trolley/study.h"

// What OrthancRest collects from Orthanc's descriptions of instances, one call of Add for each.
namespace trolley {

// Completes "Cannot <doing>: ...".
inline constexpr std::string_view kOrthancDoing = "use Orthanc's REST interface";

// Whether an identifier of Orthanc's is safe to put into the path of a URL.
bool IsOrthancIdentifier(std::string_view text);
// The response is not one of Orthanc's: throws kProtocol.
[[noreturn]] void NotOrthanc(std::string_view what);

// Sizes and identifiers of instances. One that is stored twice (under two PatientIDs) has no size: either may be meant.
struct OrthancStoredInstances {
  OrthancRest::Sizes sizes;
  OrthancIdentifiers::OfInstances ids;

  void Add(OrthancInstance instance);
};

// The listing of a series. It is doubtful when an instance is stored twice, belongs elsewhere or has no size.
struct OrthancSeriesList {
  std::vector<Instance> instances;
  OrthancIdentifiers::OfInstances ids;
  uint64_t bytes = 0;  // of the resource that is being read
  bool doubtful = false;

  // `series_id`: Orthanc's identifier of the series that is being read.
  void Add(OrthancInstance instance, const std::string& series_id);
};

}  // namespace trolley

#endif  // TROLLEY_ORTHANC_ORTHANC_LISTS_H_
