#ifndef TROLLEY_DICOM_MATCHING_H_
#define TROLLEY_DICOM_MATCHING_H_

#include <string_view>

#include "dicom/attributes.h"
#include "dicom/query.h"

namespace trolley {

// Whether one value pattern matches one attribute's text (all its values; one that matches is enough), PS3.4 C.2.2.2:
// UID lists; date and time ranges (an open end allowed, an absent or empty date matches no range); wildcards; person
// names without regard to case, accents stay significant, trailing "^" and component-group padding do not; CS
// case-sensitive and without trailing blanks; other text case-sensitive as the standard has it, save that an archive's
// insensitive match of LO/SH/LT is tolerated by `MatchesAnswer`.
bool MatchesValue(Tag tag, std::string_view pattern, std::string_view text);

// For our own searching (the folder archive): every key must match; an absent attribute matches only "*".
bool Matches(const Query& query, const Attributes& row);

// For checking an archive's answer against the question: false only when the row contradicts the query in an attribute
// that it returned. Absent attributes are not held against it; case is never. An empty value contradicts a non-wildcard
// key.
bool Contradicts(const Query& query, const Attributes& row);

}  // namespace trolley

#endif  // TROLLEY_DICOM_MATCHING_H_
