#ifndef TROLLEY_DOWNLOAD_C_MOVE_C_MOVE_H_
#define TROLLEY_DOWNLOAD_C_MOVE_C_MOVE_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "download/downloader.h"

namespace trolley {

class AssociationPool;

struct CMoveOptions {
  std::string move_aet;            // our AE title as the archive knows it: it sends instances to the host and port that
                                   // its administrator entered for this title
  uint16_t move_port = 0;          // where we listen for them; 0 picks a free one (for tests)
  std::string bind_address = "";   // numeric; empty: all interfaces
  bool patient_root = false;       // the Patient Root information model instead of the Study Root one
  uint32_t batch = 200;            // instances of a series that one request asks for
  uint32_t whole_series_from = 0;  // as in CGetOptions
  std::chrono::milliseconds late{
      5000};  // how long instances may still arrive after the archive said that all were sent
};

// C-MOVE of DICOM, PS3.4 §C.4.2: the archive sends instances to us over associations that it opens itself. Listens on
// move_port as long as it lives; throws kUnavailable when the port is in use. Takes every storage class and transfer
// syntax, and hands data sets on as they arrived, behind a File Meta Information of our own (the protocol carries
// none). Lengths are not known before the end.
std::unique_ptr<Downloader> MakeCMoveDownloader(CMoveOptions options, std::shared_ptr<AssociationPool> pool);

}  // namespace trolley

#endif  // TROLLEY_DOWNLOAD_C_MOVE_C_MOVE_H_
