#ifndef TROLLEY_MOUNT_COMMANDS_FIND_OUTPUT_H_
#define TROLLEY_MOUNT_COMMANDS_FIND_OUTPUT_H_

#include <cstddef>
#include <string>
#include <vector>

#include "trolley/attributes.h"
#include "trolley/query.h"
#include "trolley/study.h"
#include "trolley/tag.h"

namespace trolley {

enum class FindFormat { kTable, kJson, kCsv };

// A search result as flat rows of one level, each with the attributes of the levels above and all UIDs.
std::vector<Attributes> FlatRows(const Studies& studies, Level level);

// The columns of tables and CSV: the usual attributes of the level, then `include`, the UIDs last.
std::vector<Tag> FindColumns(Level level, const std::vector<Tag>& include);

// For people: aligned by display width, free of control characters; the columns that no row fills are left out. With a
// `width` other than 0 names and descriptions are cut first, then the lines.
std::string FormatTable(const std::vector<Attributes>& rows, const std::vector<Tag>& columns, size_t width);
// RFC 4180, a first line with the keywords. Control characters are replaced as in Printable(), and a text that a
// spreadsheet would take for a formula ("=", "+", "-", "@" before anything but a number) begins with "'".
std::string FormatCsv(const std::vector<Attributes>& rows, const std::vector<Tag>& columns);
// An array of objects {keyword: value} with all that was found: numbers for numeric attributes, else the text as DICOM
// has it; an array for several values; null for an attribute without a value. Characters that must not reach a
// terminal are escaped.
std::string FormatJson(const std::vector<Attributes>& rows);

}  // namespace trolley

#endif  // TROLLEY_MOUNT_COMMANDS_FIND_OUTPUT_H_
