#ifndef TROLLEY_DICOM_PART10_WRITER_H_
#define TROLLEY_DICOM_PART10_WRITER_H_

#include <string>

#include "dicom/data_set.h"

namespace trolley {

// A Part-10 file (PS3.10 §7) of the data set without pixel data: Explicit VR Little Endian, texts in UTF-8
// (SpecificCharacterSet is ISO_IR 192 whatever the data set says). Elements that cannot be written legally (numbers
// that are none) are left out. Throws kProtocol when the data set has no valid SOPInstanceUID.
std::string WritePart10(const DataSet& data_set);

}  // namespace trolley

#endif  // TROLLEY_DICOM_PART10_WRITER_H_
