#ifndef TROLLEY_TREE_FILE_ATTRIBUTES_H_
#define TROLLEY_TREE_FILE_ATTRIBUTES_H_

#include <cstdint>
#include <string_view>

#include "trolley/attributes.h"

namespace trolley {

// Bytes that a Part-10 file of this instance probably has, from Rows, Columns, ...; never 0.
uint64_t EstimateSize(const Attributes& instance);
// Seconds since the epoch of DICOM date and time (PS3.5 §6.2 DA, TM), 0 when there is no valid date.
int64_t DicomTime(std::string_view date, std::string_view time, std::string_view timezone_offset);

}  // namespace trolley

#endif  // TROLLEY_TREE_FILE_ATTRIBUTES_H_
