#ifndef TROLLEY_ORTHANC_ORTHANC_DETECTION_H_
#define TROLLEY_ORTHANC_ORTHANC_DETECTION_H_

#include <optional>
#include <string>

#include "trolley/context.h"
#include "trolley/http_client.h"

namespace trolley {

// The version of the Orthanc whose REST interface is at `url` (without trailing "/"), if it has the DICOMweb plugin.
// Two requests at most, which renew no credentials and follow no redirect. nullopt when something else is there. Throws
// as HttpClient does.
std::optional<std::string> DetectOrthanc(const std::string& url, HttpClient& http, const Context& context);

}  // namespace trolley

#endif  // TROLLEY_ORTHANC_ORTHANC_DETECTION_H_
