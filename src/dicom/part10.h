#ifndef TROLLEY_DICOM_PART10_H_
#define TROLLEY_DICOM_PART10_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "dicom/attributes.h"
#include "dicom/uid.h"

namespace trolley {

// What the File Meta Information of a Part-10 file says, PS3.10 §7.1.
struct FileMeta {
  Uid sop_instance_uid;             // (0002,0003)
  std::string sop_class_uid;        // (0002,0002), may be empty
  std::string transfer_syntax_uid;  // (0002,0010), may be empty
};

// Looks at the first bytes of a file while it arrives. kNeedMore: cannot tell yet. kNotDicom: no preamble and "DICM",
// or a malformed group 0002. Never needs more than kMaxFileMeta bytes: past that it is kNotDicom.
struct FileMetaPeek {
  enum class Status { kOk, kNeedMore, kNotDicom } status = Status::kNeedMore;
  std::optional<FileMeta> meta;
};
inline constexpr size_t kMaxFileMeta = 64 * 1024;
FileMetaPeek PeekFileMeta(std::span<const std::byte> prefix);

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

}  // namespace trolley

#endif  // TROLLEY_DICOM_PART10_H_
