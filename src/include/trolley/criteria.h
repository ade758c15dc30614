#ifndef TROLLEY_CRITERIA_H_
#define TROLLEY_CRITERIA_H_

#include <chrono>
#include <string>
#include <string_view>

#include "trolley/query.h"

namespace trolley {

// The grammar of search/<criteria>: Keyword=value[,Keyword=value...] with DICOM keywords and DICOM matching (PS3.4
// C.2.2.2); "," "/" "=" "%" in a value are percent-encoded. A list of UIDs is written with "%2C" between them.

// Whether a name in a search directory is meant as criteria (it has the form Keyword=...), as against a study's name.
bool LooksLikeCriteria(std::string_view name);

// Adds the criteria to `query`. The same key twice with different values is refused (it could not be true of one
// value). Dates may be "today", "yesterday" and "last 7 days" (weeks, months: from then on, with an open end), resolved
// against `now` in local time. Throws kInvalidArgument naming the term: an unknown keyword (with the nearest known
// one), a bad date, bad encoding. Keys of the series or instance level deepen the query's level, so that the archive
// can match them.
void AddCriteria(std::string_view criteria, Query& query,
                 std::chrono::system_clock::time_point now = std::chrono::system_clock::now());

// The canonical spelling of a query's keys as one criteria name; equal queries have equal names.
std::string FormatCriteria(const Query& query);

}  // namespace trolley

#endif  // TROLLEY_CRITERIA_H_
