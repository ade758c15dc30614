#ifndef TROLLEY_DICOM_LEVEL_H_
#define TROLLEY_DICOM_LEVEL_H_

namespace trolley {

// Query/Retrieve levels of the Study Root information model, PS3.4 C.6.2.1.
enum class Level { kStudy, kSeries, kInstance };

inline const char* LevelName(Level level) {
  switch (level) {
    case Level::kStudy:
      return "STUDY";
    case Level::kSeries:
      return "SERIES";
    case Level::kInstance:
      return "INSTANCE";
  }
  return "";
}

}  // namespace trolley

#endif  // TROLLEY_DICOM_LEVEL_H_
