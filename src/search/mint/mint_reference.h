#ifndef TROLLEY_SEARCH_MINT_MINT_REFERENCE_H_
#define TROLLEY_SEARCH_MINT_MINT_REFERENCE_H_

#include <memory>
#include <vector>

#include "search/mint/mint_client.h"
#include "trolley/attributes.h"
#include "trolley/context.h"
#include "trolley/query.h"
#include "trolley/searchers.h"

namespace trolley {

// How a dialect of MINT runs one query: all rows that match, in the archive's order; fewer than limit and offset
// together ask for only when there are no more. Thread-safe.
class MintDialectSearcher {
 public:
  virtual ~MintDialectSearcher() = default;
  virtual std::vector<Attributes> Collect(const Query& query, const Context& context) = 0;
};

// The reference server: pages of UUIDs, then each study's metadata. `options` and `client` live longer.
std::unique_ptr<MintDialectSearcher> MakeMintReferenceSearcher(const MintOptions& options, MintClient& client);

}  // namespace trolley

#endif  // TROLLEY_SEARCH_MINT_MINT_REFERENCE_H_
