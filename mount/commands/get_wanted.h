#ifndef TROLLEY_MOUNT_COMMANDS_GET_WANTED_H_
#define TROLLEY_MOUNT_COMMANDS_GET_WANTED_H_

#include <cstddef>
#include <istream>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "fetch/expand.h"
#include "trolley/error.h"
#include "trolley/query.h"

namespace trolley {

struct FromStandardInput {};
// The meaning of the arguments of `get`: everything that matches, objects by their UIDs, or the lines of standard
// input.
using Wanted = std::variant<Query, std::vector<Reference>, FromStandardInput>;

// Keyword=value[,Keyword=value...] arguments, all of which must hold; or UIDs; or "-". Throws kInvalidArgument for
// anything else, and for a mixture.
Wanted ParseWanted(const std::vector<std::string>& arguments);

// "1.2.3" (a study), "1.2.3/4.5", "1.2.3/4.5/6.7"; nullopt for anything else.
std::optional<Reference> ParseReference(std::string_view text);

// One line of a cohort: an accession number (a query for its studies), UIDs, or criteria.
struct CohortLine {
  size_t number = 0;  // from 1
  std::variant<Query, Reference, Error> wanted;
};
// Empty lines and those that begin with "#" are left out.
std::vector<CohortLine> ReadCohort(std::istream& in);

}  // namespace trolley

#endif  // TROLLEY_MOUNT_COMMANDS_GET_WANTED_H_
