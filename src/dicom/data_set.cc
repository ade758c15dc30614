#include "dicom/data_set.h"

namespace trolley {

std::string_view FirstValue(const DataSet& data_set, Tag tag) {
  const auto at = data_set.find(tag);
  return at == data_set.end() || at->second.values.empty() ? std::string_view() : at->second.values.front();
}

}  // namespace trolley
