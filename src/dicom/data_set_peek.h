#ifndef TROLLEY_DICOM_DATA_SET_PEEK_H_
#define TROLLEY_DICOM_DATA_SET_PEEK_H_

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "trolley/uid.h"

namespace trolley {

// Looks for SOPInstanceUID (0008,0018) in the first bytes of a data set while it arrives. kNeedMore: cannot tell yet.
// kUnknown: it has none, it cannot be read, or it is compressed (Deflated Explicit VR). Never needs more than
// kMaxDataSetPeek bytes.
struct DataSetPeek {
  enum class Status { kOk, kNeedMore, kUnknown } status = Status::kNeedMore;
  std::optional<Uid> sop_instance_uid;
};
inline constexpr size_t kMaxDataSetPeek = size_t{64} * 1024;
DataSetPeek PeekDataSet(std::span<const std::byte> prefix, std::string_view transfer_syntax_uid);

}  // namespace trolley

#endif  // TROLLEY_DICOM_DATA_SET_PEEK_H_
