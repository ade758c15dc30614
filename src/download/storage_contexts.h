#ifndef TROLLEY_DOWNLOAD_STORAGE_CONTEXTS_H_
#define TROLLEY_DOWNLOAD_STORAGE_CONTEXTS_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "dimse/association.h"

namespace trolley {

// How the transfer syntaxes of a storage class are proposed.
//   ""                        each in a context of its own: the archive sends what it stores
//   Explicit VR LE            one context for uncompressed, for archives that use only one context of a class
//   any other                 that syntax alone
using SyntaxChoice = std::string;
inline constexpr std::string_view kEachSyntax = "";
inline constexpr std::string_view kUncompressed = kExplicitVrLittleEndian;

// Contexts on which we receive `classes` by C-GET, at most 127 (one is left for the request); rare syntaxes are left
// out when they are too many.
std::vector<ProposedContext> StorageContexts(const std::vector<std::string>& classes, std::string_view choice);

// Further choices to try, in this order, when the archive fails instances although each syntax was proposed: it may use
// only one context of a class. `accepted`: the syntaxes that it accepted.
std::vector<SyntaxChoice> NarrowerChoices(const std::vector<std::string>& accepted);

// All known storage classes, common ones first, in groups that fit into one association with the common syntaxes each:
// for archives that do not tell an instance's class.
std::vector<std::vector<std::string>> StorageClassGroups();

}  // namespace trolley

#endif  // TROLLEY_DOWNLOAD_STORAGE_CONTEXTS_H_
