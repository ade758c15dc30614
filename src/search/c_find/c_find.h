#ifndef TROLLEY_SEARCH_C_FIND_C_FIND_H_
#define TROLLEY_SEARCH_C_FIND_C_FIND_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "dimse/association_pool.h"
#include "search/searcher.h"

namespace trolley {

struct CFindOptions {
  bool patient_root = false;                       // the Patient Root information model: PATIENT level is walked, too
  bool relational = false;                         // one question instead of a walk, where the archive agrees to it
  uint32_t max_rows = 1000000;                     // more: kTooMany
  std::chrono::milliseconds query_timeout{60000};  // for one Find
  std::string query_charset = "ISO_IR 192";        // for values that are not ASCII; defined terms of (0008,0005)
  std::string fallback_charset = "ISO_IR 100";     // of answers with 8-bit text that name no character set
  bool star_for_empty_uids = false;                // ask for UIDs with "*", as some GE archives want it
};

// C-FIND, PS3.4 annex C: walks STUDY, SERIES, IMAGE with the parents' unique keys, each key at the level that it
// belongs to. A value of "*" alone is sent empty, which means the same and is taken by all archives.
//
// ModalitiesInStudy is compared with the series when the archive does not return it; any other key that the archive
// does not return is kUnsupported, because nobody can say whether it was looked at. A limit ends the question with
// C-CANCEL. There is no offset in C-FIND: rows before it are received and dropped. Fuzzy matching is kUnsupported
// unless the archive agrees to it. A study's level cannot be searched by an attribute of its series: kUnsupported.
std::unique_ptr<Searcher> MakeCFindSearcher(CFindOptions options, std::shared_ptr<AssociationPool> pool);

}  // namespace trolley

#endif  // TROLLEY_SEARCH_C_FIND_C_FIND_H_
