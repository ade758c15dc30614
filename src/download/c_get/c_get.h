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
  uint32_t batch = 200;            // the most instances of a series in one request
  uint32_t whole_series_from = 0;  // from this number of wanted instances on the whole series is requested, for
                                   // archives that accept no lists of UIDs; 0: never
  // Round trip from which on the link counts as high-latency: lists are split among associations. Below it, a series of
  // which most instances are wanted is requested as a whole.
  std::chrono::milliseconds high_latency{5};
};

// C-GET of DICOM, PS3.4 §C.4.3: instances come over the association that asked for them. Bit-preserving: each (storage
// class, transfer syntax) is a presentation context of its own, so that the archive has no reason to convert, and the
// data set is handed on as it arrived, behind a File Meta Information of our own (the protocol carries none). Lengths
// are not known before the end.
std::unique_ptr<Downloader> MakeCGetDownloader(CGetOptions options, std::shared_ptr<AssociationPool> pool);

}  // namespace trolley

#endif  // TROLLEY_DOWNLOAD_C_GET_C_GET_H_
