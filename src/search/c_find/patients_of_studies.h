#ifndef TROLLEY_SEARCH_C_FIND_PATIENTS_OF_STUDIES_H_
#define TROLLEY_SEARCH_C_FIND_PATIENTS_OF_STUDIES_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/mutex.h"

namespace trolley {

// The PatientIDs of studies that were listed: the Patient Root model needs them to name a study. Bounded. Thread-safe.
class PatientsOfStudies {
 public:
  void Remember(std::string_view study, std::string_view patient) {
    const MutexLock lock(mutex_);
    if (patients_.size() < kMaxStudies) {
      patients_.insert_or_assign(std::string(study), patient);
    }
  }
  std::optional<std::string> Find(std::string_view study) const {
    const MutexLock lock(mutex_);
    const auto found = patients_.find(std::string(study));
    return found == patients_.end() ? std::nullopt : std::optional(found->second);
  }

 private:
  static constexpr size_t kMaxStudies = 100000;

  mutable Mutex mutex_;
  std::unordered_map<std::string, std::string> patients_ TROLLEY_GUARDED_BY(mutex_);
};

}  // namespace trolley

#endif  // TROLLEY_SEARCH_C_FIND_PATIENTS_OF_STUDIES_H_
