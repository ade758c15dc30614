#ifndef TROLLEY_ORTHANC_ORTHANC_DOWNLOADER_H_
#define TROLLEY_ORTHANC_ORTHANC_DOWNLOADER_H_

#include <memory>

#include "download/downloader.h"
#include "http/http_client.h"
#include "orthanc/orthanc_rest.h"

namespace trolley {

// Downloads single instances through Orthanc's own REST interface, /instances/{id}/file, which costs the server a
// hundredth of what DICOMweb does; many of a series, and everything where that interface is not to be reached, by
// `dicom_web` (a WADO-RS downloader). Orthanc's identifiers are those that `rest` remembers from listings, or looked
// up.
std::unique_ptr<Downloader> MakeOrthancDownloader(std::shared_ptr<OrthancRest> rest, std::shared_ptr<HttpClient> http,
                                                  std::unique_ptr<Downloader> dicom_web);

}  // namespace trolley

#endif  // TROLLEY_ORTHANC_ORTHANC_DOWNLOADER_H_
