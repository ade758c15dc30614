#include "trolley/references.h"

#include "base/text.h"

namespace trolley {

std::string ToString(const Reference& reference) {
  if (const auto* study = std::get_if<StudyReference>(&reference)) {
    return study->study.str();
  }
  if (const auto* series = std::get_if<SeriesReference>(&reference)) {
    return StrCat(series->study.str(), "/", series->series.str());
  }
  const auto& instance = std::get<InstanceReference>(reference);
  return StrCat(instance.study.str(), "/", instance.series.str(), "/", instance.instance.str());
}

}  // namespace trolley
