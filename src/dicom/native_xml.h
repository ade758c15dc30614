#ifndef TROLLEY_DICOM_NATIVE_XML_H_
#define TROLLEY_DICOM_NATIVE_XML_H_

#include <string_view>

#include "dicom/data_set.h"

namespace trolley {

// Reads a Native DICOM Model document, PS3.19 2024d §A.1. BulkData is left out. Throws kProtocol, "Cannot read the
// Native DICOM Model: ...".
DataSet ParseNativeXml(std::string_view xml);

}  // namespace trolley

#endif  // TROLLEY_DICOM_NATIVE_XML_H_
