#ifndef TROLLEY_TREE_NAMES_H_
#define TROLLEY_TREE_NAMES_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "trolley/readable_storage.h"
#include "trolley/study.h"

namespace trolley {

// File names made from what archives send: UTF-8, at most 255 bytes cut at a character, without "/", NUL, control, bidi
// and other invisible characters, "=", what Windows and SMB forbid, a leading ".", "-" or "~", a trailing "." or blank;
// never ".", "..", empty; runs of blanks are one blank. Stable: they depend on the object alone, not on the listing's
// order. They must never change between versions: people keep paths.

// `text` made fit to be (part of) a name; may be empty.
std::string CleanName(std::string_view text);

// How much of the hash of a UID or PatientID ends a name. Only names that are equal otherwise, in one listing, get more
// than kShort.
enum class Suffix { kShort, kLong, kFull };

// "2020-03-01 CT Chest~3f9a2c", "004 CT AX 1.0 B30f~81c02a", "TB0001 Doe John~5d1f00"; with NameStyle::kUid bare UIDs
// (for patients: the PatientID, percent-encoded as far as needed).
std::string PatientDirectoryName(std::string_view patient_id, std::string_view patient_name, NameStyle style,
                                 Suffix suffix = Suffix::kShort);
// From the study's own attributes alone: which of its series a result has depends on the query.
std::string StudyDirectoryName(const Study& study, NameStyle style, Suffix suffix = Suffix::kShort);
std::string SeriesDirectoryName(const Series& series, NameStyle style, Suffix suffix = Suffix::kShort);
// For all instances of a series at once, in the same order, each different: "00012.dcm" where InstanceNumber is present
// and unique in the series, else "00012~3f9a2c.dcm" or "3f9a2c0d.dcm".
std::vector<std::string> InstanceFileNames(const Series& series, NameStyle style);

// "Doe^John^Q=..." -> "Doe John Q": the alphabetic group, or the first group that is not empty.
std::string ReadablePersonName(std::string_view person_name);

// "1.2.3" or, for files, "1.2.3.dcm" -> the Uid; nullopt for what is not a bare UID (no readable name is one: they
// contain "~" or are short numbers). A bare UID begins with a digit and contains a ".".
std::optional<Uid> ParseBareUid(std::string_view name, bool is_file);
// Whether this could be a name that the functions above make. Other names need no query to the archive.
bool MayBeDirectoryName(std::string_view name, NameStyle style);
bool MayBeFileName(std::string_view name, NameStyle style);

// Names that desktops probe for in every directory (.Trash, .hidden, autorun.inf, desktop.ini, .git ...): never looked
// up in the archive.
bool IsJunkName(std::string_view name);

}  // namespace trolley

#endif  // TROLLEY_TREE_NAMES_H_
