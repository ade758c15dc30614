#ifndef TROLLEY_ORTHANC_ORTHANC_DOWNLOADER_H_
#define TROLLEY_ORTHANC_ORTHANC_DOWNLOADER_H_

#include <memory>

#include "orthanc/orthanc_rest.h"
#include "trolley/downloader.h"
#include "trolley/http_client.h"

namespace trolley {

// Downloads single instances by Orthanc's own REST interface, /instances/{id}/file, which costs the server a hundredth
// of what DICOMweb does. `dicom_web` (a WADO-RS downloader) downloads many instances of a series together, and
// everything when that interface is not available. `rest` remembers Orthanc's identifiers from listings, or looks them
// up.
std::unique_ptr<Downloader> MakeOrthancDownloader(std::shared_ptr<OrthancRest> rest, std::shared_ptr<HttpClient> http,
                                                  std::unique_ptr<Downloader> dicom_web);

}  // namespace trolley

#endif  // TROLLEY_ORTHANC_ORTHANC_DOWNLOADER_H_
