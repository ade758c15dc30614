#ifndef TROLLEY_DICOM_DICOM_JSON_DATA_SET_H_
#define TROLLEY_DICOM_DICOM_JSON_DATA_SET_H_

#include <functional>
#include <string>
#include <string_view>

#include "dicom/data_set.h"

namespace trolley {

// Reads a DICOM JSON model response (PS3.18 2024d §F.2) with its sequences; `each` is given one data set after another,
// so that a long response is not in memory twice. Survives what servers really send, as ParseDicomJson does, and UN
// attributes with a Value that is illegal there: data sets become a sequence, texts stay. Attributes whose bytes are
// elsewhere (BulkDataURI) are left out, so are those whose value makes no sense. Throws kProtocol, "Cannot read DICOM
// JSON: ..." as ParseDicomJson does; what `each` throws passes.
void ParseDataSets(std::string_view json, const std::function<void(DataSet)>& each);

// The DICOM JSON model of a data set, an object.
std::string WriteDicomJson(const DataSet& data_set);

}  // namespace trolley

#endif  // TROLLEY_DICOM_DICOM_JSON_DATA_SET_H_
