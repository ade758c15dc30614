#ifndef TROLLEY_ORTHANC_ORTHANC_DETECTION_H_
#define TROLLEY_ORTHANC_ORTHANC_DETECTION_H_

#include <optional>
#include <string>
#include <string_view>

#include "trolley/context.h"
#include "trolley/http_client.h"

namespace trolley {

// The version of the Orthanc whose REST interface is at `url` (without trailing "/"), if it has the DICOMweb plugin.
// Two requests at most, which renew no credentials and follow no redirect. nullopt when something else is there. Throws
// as HttpClient does.
std::optional<std::string> DetectOrthanc(const std::string& url, HttpClient& http, const Context& context);

// The URL of Orthanc itself, when its DICOMweb plugin is at `dicom_web_url`: "http://host:8042/dicom-web" ->
// "http://host:8042". Throws kInvalidArgument when the URL has no last part to take off; then it has to be configured.
std::string OrthancRoot(std::string_view dicom_web_url);

}  // namespace trolley

#endif  // TROLLEY_ORTHANC_ORTHANC_DETECTION_H_
