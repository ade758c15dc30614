#ifndef TROLLEY_SEARCH_QIDO_QIDO_PROFILE_H_
#define TROLLEY_SEARCH_QIDO_QIDO_PROFILE_H_

#include <cstdint>
#include <string_view>

#include "trolley/query.h"
#include "trolley/server_profile.h"

namespace trolley {

// What is known of a kind of QIDO-RS server. The defaults are what is assumed of an unknown one; what that gets wrong
// shows in its answers.
struct QidoProfile {
  std::string_view accept = "application/dicom+json, application/json";
  // The most rows that may be asked for at a time, 0: not known. Where it is, the first request says so as well,
  // because such servers give far fewer of themselves.
  uint32_t max_page = 0;            // of studies and series
  uint32_t max_instances_page = 0;  // of instances
  uint32_t max_rows = 0;            // so many rows may be a cropped answer; 0: no such limit
  bool wildcards = true;            // else keys with wildcards are not sent but filtered by here
  bool fuzzy = true;                // fuzzy matching is done, or its absence is told
  bool relational = true;           // searches series and instances without their parents
  bool default_attributes = true;   // returns what PS3.18 says without being asked

  uint32_t MaxPage(Level level) const { return level == Level::kInstance ? max_instances_page : max_page; }
};

const QidoProfile& QidoProfileOf(ServerProfile profile);

}  // namespace trolley

#endif  // TROLLEY_SEARCH_QIDO_QIDO_PROFILE_H_
