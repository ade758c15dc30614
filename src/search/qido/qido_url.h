#ifndef TROLLEY_SEARCH_QIDO_QIDO_URL_H_
#define TROLLEY_SEARCH_QIDO_QIDO_URL_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "search/qido/qido_profile.h"
#include "trolley/query.h"
#include "trolley/tag.h"

namespace trolley {

// A query as QIDO-RS spells it, PS3.18 2024d §10.6.1.
struct QidoUrl {
  std::string path;                // "/studies/1.2/series": hierarchical where the parents' UIDs are known
  std::vector<std::string> terms;  // "PatientName=Doe*", "includefield=PatientSex"
  std::vector<Tag> in_path;        // keys that the path holds; they are not among the terms
  std::vector<Tag> widened;  // keys sent less narrow than in the query, or not at all: the rows have to be filtered

  // With the terms and, where given, the window.
  std::string PathAndQuery(std::optional<uint64_t> limit, std::optional<uint64_t> offset) const;
};

// Whether a value holds what a query string must not hold as it is (RFC 3986 §3.4), so that it matters whether the
// server decodes.
bool NeedsPercentEncoding(const Query& query);

// `server_decodes` false: nothing is encoded, "?" and "*" are sent for what would have to be. Whatever the server, a
// comma of a value is sent as "?", because servers take it for a list (Orthanc does in every attribute). For a
// server without wildcards the keys that need one are left out, if anything else narrows the query. Matching keys that
// the archive does not return by default are included, so that the rows can be checked. Throws kUnsupported, naming
// the term, for what cannot be expressed: a key of a level below the query's, characters that a value representation
// without wildcards would have to have encoded, and what the profile excludes.
QidoUrl MakeQidoUrl(const Query& query, bool server_decodes,
                    const QidoProfile& profile = QidoProfileOf(ServerProfile::kGeneric));

}  // namespace trolley

#endif  // TROLLEY_SEARCH_QIDO_QIDO_URL_H_
