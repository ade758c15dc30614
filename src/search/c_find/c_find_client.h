#ifndef TROLLEY_SEARCH_C_FIND_C_FIND_CLIENT_H_
#define TROLLEY_SEARCH_C_FIND_C_FIND_CLIENT_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dimse/association_pool.h"
#include "trolley/attributes.h"
#include "trolley/context.h"
#include "trolley/query.h"
#include "trolley/searchers.h"

namespace trolley {

// One C-FIND request, at one level.
struct CFindRequest {
  std::string_view level;               // PATIENT, STUDY, SERIES or IMAGE
  Tag unique;                           // the level's unique key
  Query keys;                           // the level's and its parents' unique ones
  std::vector<Tag> returned;            // requested besides the keys
  std::optional<uint64_t> enough = {};  // this number of rows is sufficient
  std::optional<Tag> unchecked = {};    // rows may lack this key
  std::optional<Tag> parent = {};       // a key that is known to hold, besides the parents' UIDs
};

// Sends C-FIND requests. Thread-safe.
class CFindClient {
 public:
  CFindClient(const CFindOptions& options, std::shared_ptr<AssociationPool> pool);

  // The rows that do not contradict the request, each unique key once. Throws as Searcher::Find does.
  std::vector<Attributes> Send(const CFindRequest& request, const Context& context);
  // Whether the archive agreed to relational queries, or to fuzzy matching, PS3.4 §C.5.1.1.
  bool AgreesToRelational(const Context& context);
  bool AgreesToFuzzy(const Context& context);

 private:
  class Exchange;

  AssociationRequest Request(bool extended) const;
  bool Agrees(size_t byte, const Context& context);

  const CFindOptions options_;
  const std::shared_ptr<AssociationPool> pool_;
  const std::string sop_class_;
};

}  // namespace trolley

#endif  // TROLLEY_SEARCH_C_FIND_C_FIND_CLIENT_H_
