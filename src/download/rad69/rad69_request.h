#ifndef TROLLEY_DOWNLOAD_RAD69_RAD69_REQUEST_H_
#define TROLLEY_DOWNLOAD_RAD69_RAD69_REQUEST_H_

#include <span>
#include <string_view>

#include "trolley/downloaders.h"
#include "trolley/http_client.h"
#include "trolley/references.h"

namespace trolley {

// RetrieveImagingDocumentSetRequest as SOAP 1.2 with WS-Addressing, IHE RAD TF-2 §4.69.4.1: one StudyRequest for each
// study and one SeriesRequest for each series, in order of appearance; every transfer syntax listed, so that the server
// sends what it stores. Not those of JPIP, whose instances come without pixels. `id` is unique, of letters and digits
// in groups ("-" between them).
HttpRequest MakeRad69Request(const Rad69Options& options, std::span<const InstanceReference> instances,
                             std::string_view id);

}  // namespace trolley

#endif  // TROLLEY_DOWNLOAD_RAD69_RAD69_REQUEST_H_
