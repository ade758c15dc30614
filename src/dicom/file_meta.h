#ifndef TROLLEY_DICOM_FILE_META_H_
#define TROLLEY_DICOM_FILE_META_H_

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "trolley/uid.h"

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
inline constexpr size_t kMaxFileMeta = size_t{64} * 1024;
FileMetaPeek PeekFileMeta(std::span<const std::byte> prefix);

}  // namespace trolley

#endif  // TROLLEY_DICOM_FILE_META_H_
