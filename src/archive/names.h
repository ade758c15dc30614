#ifndef TROLLEY_ARCHIVE_NAMES_H_
#define TROLLEY_ARCHIVE_NAMES_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "archive/config.h"
#include "dicom/study.h"

namespace trolley {

// File names made from what archives send: UTF-8, at most 255 bytes cut at a character, without "/", NUL, control, bidi
// and other invisible characters, "=" or a leading "."; never ".", "..", empty; runs of blanks are one blank. Stable:
// they depend on the object alone, not on the listing's order.

// `text` made fit to be (part of) a name; may be empty.
std::string CleanName(std::string_view text);

// "2020-03-01 CT Chest~3f9a2c", "004 CT AX 1.0 B30f~81c02a", "TB0001 Doe^John~5d1f00"; with Names::kUid bare UIDs (for
// patients: the percent-encoded PatientID). The suffix is a hash of the UID or PatientID.
std::string PatientDirectoryName(std::string_view patient_id, std::string_view patient_name,
                                 ArchiveConfig::Names style);
std::string StudyDirectoryName(const Study& study, ArchiveConfig::Names style);
std::string SeriesDirectoryName(const Series& series, ArchiveConfig::Names style);
// For all instances of a series at once, in the same order: "00012.dcm" where InstanceNumber is present and unique in
// the series, else "00012~3f9a2c.dcm" or "3f9a2c0d.dcm".
std::vector<std::string> InstanceFileNames(const Series& series, ArchiveConfig::Names style);

// "1.2.3" or "1.2.3.dcm" -> the Uid; nullopt for what is not a bare UID (no readable name is one: they contain "~" or
// are short numbers).
std::optional<Uid> ParseBareUid(std::string_view name, bool is_file);

// Names that desktops probe for in every directory (.Trash, .hidden, autorun.inf, desktop.ini, .git ...): never asked.
bool IsJunkName(std::string_view name);

}  // namespace trolley

#endif  // TROLLEY_ARCHIVE_NAMES_H_
