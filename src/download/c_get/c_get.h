#ifndef TROLLEY_DOWNLOAD_C_GET_C_GET_H_
#define TROLLEY_DOWNLOAD_C_GET_C_GET_H_

#include <chrono>
#include <cstdint>
#include <memory>

#include "download/downloader.h"

namespace trolley {

class AssociationPool;

struct CGetOptions {
  bool patient_root = false;       // the Patient Root information model instead of the Study Root one
  uint32_t batch = 200;            // instances of a series that one request asks for
  uint32_t whole_series_from = 0;  // so many wanted instances of a series are fetched as the whole series, for archives
                                   // that take no lists of UIDs; 0: never
  std::chrono::milliseconds long_way{5};  // a round trip beyond which lists are shared out among associations, and one
                                          // within which a series that is wanted for the most part comes as a whole
};

// C-GET of DICOM, PS3.4 §C.4.3: instances come over the association that asked for them. Bit-preserving: each (storage
// class, transfer syntax) is a presentation context of its own, so that the archive has no reason to convert, and the
// data set is handed on as it arrived, behind a File Meta Information of our own (the protocol carries none). Lengths
// are not known before the end.
std::unique_ptr<Downloader> MakeCGetDownloader(CGetOptions options, std::shared_ptr<AssociationPool> pool);

}  // namespace trolley

#endif  // TROLLEY_DOWNLOAD_C_GET_C_GET_H_
