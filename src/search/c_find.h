#ifndef TROLLEY_SEARCH_C_FIND_H_
#define TROLLEY_SEARCH_C_FIND_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "net/association_pool.h"
#include "search/searcher.h"

namespace trolley {

struct CFindOptions {
  bool patient_root = false;                       // Patient Root information model: PATIENT level is walked, too
  bool relational = false;                         // ask below without the parents' UIDs, where the peer agrees to it
  uint32_t max_rows = 1000000;                     // more: kTooMany
  std::chrono::milliseconds query_timeout{60000};  // for one Find
  std::string query_charset = "ISO_IR 192";        // for values that are not ASCII; a defined term of (0008,0005)
  std::string fallback_charset = "ISO_IR 100";     // of answers that have 8-bit bytes and name no character set
  // Server kinds (research: Orthanc's "manufacturers" GenericNoWildcardInDates, GenericNoUniversalWildcard, GE).
  bool wildcard_in_dates = true;     // false: a date or time that is "*" is sent empty
  bool universal_wildcard = true;    // false: "*" alone is sent empty in any key
  bool star_for_empty_uids = false;  // true: UIDs that are asked for are sent as "*" instead of empty
};

// C-FIND, PS3.4 annex C, Study Root (or Patient Root) information model: walks STUDY, SERIES, IMAGE with the parents'
// unique keys, each key at the level that it belongs to.
std::unique_ptr<Searcher> MakeCFindSearcher(CFindOptions options, std::shared_ptr<AssociationPool> pool);

}  // namespace trolley

#endif  // TROLLEY_SEARCH_C_FIND_H_
