#ifndef TROLLEY_FILE_HEADER_H_
#define TROLLEY_FILE_HEADER_H_

#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "trolley/attributes.h"

namespace trolley {

// Header of a DICOM file, read without its pixel data: all top-level text and number attributes up to (excluding)
// PixelData, decoded to UTF-8. Accepts files without preamble and meta group (as old archives hold) when the data set
// makes sense.
struct FileHeader {
  Attributes attributes;  // includes SOPInstanceUID, SeriesInstanceUID, StudyInstanceUID when present
  std::string transfer_syntax_uid;
};
// nullopt: the file is not DICOM (also: empty, a directory record file, without SOPInstanceUID or Study/Series UIDs).
// Throws kStorage when it cannot be read (permission, I/O error). Only long values that are cut off are skipped.
std::optional<FileHeader> ReadFileHeader(const std::filesystem::path& file);
// The same of a file's bytes in memory, such as FetchedInstance::bytes; a part suffices that reaches to the pixel data.
std::optional<FileHeader> ParseFileHeader(std::span<const std::byte> bytes);

}  // namespace trolley

#endif  // TROLLEY_FILE_HEADER_H_
