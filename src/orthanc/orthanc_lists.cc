#include "orthanc/orthanc_lists.h"

#include <cstddef>
#include <utility>

#include "base/text.h"
#include "trolley/error.h"

namespace trolley {
namespace {

constexpr size_t kMaxInstances = 1000000;  // more is for DICOMweb to crop

}  // namespace

bool IsOrthancIdentifier(std::string_view text) {
  return !text.empty() && text.size() <= 64 && text.find_first_not_of("0123456789abcdef-") == std::string_view::npos;
}

void NotOrthanc(std::string_view what) {
  throw Error(ErrorCode::kProtocol, StrCat("Cannot ", kOrthancDoing, ": ", what));
}

void OrthancStoredInstances::Add(OrthancInstance instance) {
  if (!instance.uid || !IsOrthancIdentifier(instance.id)) {
    NotOrthanc("an instance is described without its identifiers");
  }
  if (!ids.try_emplace(*instance.uid, std::move(instance.id)).second) {
    sizes.erase(*instance.uid);  // stored under two PatientIDs: either may be meant
  } else if (instance.size && *instance.size > 0) {
    sizes.emplace(*std::move(instance.uid), *instance.size);
  }
}

void OrthancSeriesList::Add(OrthancInstance instance, const std::string& series_id) {
  const bool here = instance.series_id.empty() || instance.series_id == series_id;
  if (!here || instances.size() >= kMaxInstances || !instance.uid || !IsOrthancIdentifier(instance.id) ||
      instance.size.value_or(0) == 0) {
    doubtful = true;
    return;
  }
  bytes += *instance.size;
  doubtful = doubtful || !ids.try_emplace(*instance.uid, std::move(instance.id)).second;
  Attributes attributes{{tag::kSOPInstanceUID, instance.uid->str()}};
  if (!instance.number.empty()) {
    attributes.Set(tag::kInstanceNumber, instance.number);
  }
  attributes.ShrinkToFit();
  instances.push_back({*std::move(instance.uid), std::move(attributes), instance.size});
}

}  // namespace trolley
