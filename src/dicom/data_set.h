#ifndef TROLLEY_DICOM_DATA_SET_H_
#define TROLLEY_DICOM_DATA_SET_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "trolley/tag.h"

namespace trolley {

struct DataElement;

// A data set with its sequences, as metadata services tell it: no bulk data. In order of tags. A regular value.
using DataSet = std::map<Tag, DataElement>;

// One element. Texts are UTF-8; numbers and tags are texts as well ("1.5", "00100020"), a person name's groups are
// joined by "=". At most one of `values`, `bytes` and `items` is filled.
struct DataElement {
  std::string vr;                   // two capital letters
  std::vector<std::string> values;  // an empty one is "no value at this place"
  std::string bytes;                // as they stand in a data set in little endian
  std::vector<DataSet> items;       // vr is "SQ"
  bool operator==(const DataElement&) const = default;
};

// The first value; empty when there is none.
std::string_view FirstValue(const DataSet& data_set, Tag tag);

}  // namespace trolley

#endif  // TROLLEY_DICOM_DATA_SET_H_
