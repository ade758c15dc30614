#include "search/c_find/c_find_levels.h"

#include <algorithm>
#include <cstddef>

namespace trolley {

bool IsPatientAttribute(Tag tag) {
  constexpr Tag kPatientAge{0x00101010};
  constexpr Tag kPatientSize{0x00101020};
  constexpr Tag kPatientWeight{0x00101030};
  constexpr std::array kCounts = {Tag{0x00201200}, Tag{0x00201202}, Tag{0x00201204}};
  return (tag.group() == 0x0010 && tag != kPatientAge && tag != kPatientSize && tag != kPatientWeight) ||
         std::find(kCounts.begin(), kCounts.end(), tag) != kCounts.end();
}

const char* StepName(CFindStep step) {
  constexpr std::array kNames = {"PATIENT", "STUDY", "SERIES", "IMAGE"};
  return kNames[static_cast<size_t>(step)];
}

Tag UniqueKey(CFindStep step) {
  constexpr std::array kKeys = {tag::kPatientID, tag::kStudyInstanceUID, tag::kSeriesInstanceUID, tag::kSOPInstanceUID};
  return kKeys[static_cast<size_t>(step)];
}

CFindStep StepOf(Level level) {
  return level == Level::kStudy ? CFindStep::kStudy : level == Level::kSeries ? CFindStep::kSeries : CFindStep::kImage;
}

}  // namespace trolley
