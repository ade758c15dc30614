#ifndef TROLLEY_DICOM_MATCHING_H_
#define TROLLEY_DICOM_MATCHING_H_

#include <string_view>

#include "trolley/attributes.h"
#include "trolley/query.h"

namespace trolley {

// Universal matching, PS3.4 C.2.2.2.3: empty or "*" alone matches everything.
bool IsUniversal(std::string_view pattern);
// The UID of a study, series or instance.
bool IsHierarchyUid(Tag tag);

// Whether one value pattern matches one attribute's text (all its values; one that matches is enough), PS3.4 C.2.2.2:
// - UID lists; numbers by their value;
// - dates and times, single or ranges with an open end allowed: an absent or empty date matches none. What is known
//   less precisely matches where it overlaps: StudyTime "10-11" takes in 11:59;
// - wildcards "*" and "?"; "*" alone matches also what is empty or absent;
// - person names without regard to case (of Latin, Greek and Cyrillic letters), accents stay significant, trailing "^"
//   and component-group padding do not; a pattern without "=" matches any of the groups;
// - CS and other text case-sensitive, as the standard has it, without leading and trailing blanks.
// An unknown `tag` is matched as text.
bool MatchesValue(Tag tag, std::string_view pattern, std::string_view text);

// For our own searching (the folder archive): every key must match; an absent attribute matches only "*".
bool Matches(const Query& query, const Attributes& row);

// For checking an archive's result against the query: true only when the row contradicts the query in an attribute
// that it returned. Absent attributes are not held against it; nor are an archive's wider ideas of what is the same
// text: case, accents, "?" for characters that it could not decode, names matched fuzzily when the query asks for it.
// An empty value contradicts any key but "*".
bool Contradicts(const Query& query, const Attributes& row);

}  // namespace trolley

#endif  // TROLLEY_DICOM_MATCHING_H_
