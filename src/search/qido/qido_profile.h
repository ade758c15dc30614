#ifndef TROLLEY_SEARCH_QIDO_QIDO_PROFILE_H_
#define TROLLEY_SEARCH_QIDO_QIDO_PROFILE_H_

#include <cstdint>
#include <string_view>

#include "trolley/query.h"
#include "trolley/server_profile.h"

namespace trolley {

// What is known of a kind of QIDO-RS server. The defaults are assumed of an unknown one; its responses show where they
// are wrong.
struct QidoProfile {
  std::string_view accept = "application/dicom+json, application/json";
  // The maximum number of rows that may be requested in one page; 0: not known. When known, the first request sends it,
  // because such servers give far fewer rows without a limit.
  uint32_t max_page = 0;            // of studies and series
  uint32_t max_instances_page = 0;  // of instances
  uint32_t max_rows = 0;            // a result with this number of rows may be cropped; 0: no such limit
  bool wildcards = true;            // else keys with wildcards are not sent but filtered by here
  bool fuzzy = true;                // does fuzzy matching, or says that it does not
  bool relational = true;           // searches series and instances without their parents
  bool default_attributes = true;   // returns the attributes of PS3.18 without includefield

  uint32_t MaxPage(Level level) const { return level == Level::kInstance ? max_instances_page : max_page; }
};

const QidoProfile& QidoProfileOf(ServerProfile profile);

}  // namespace trolley

#endif  // TROLLEY_SEARCH_QIDO_QIDO_PROFILE_H_
