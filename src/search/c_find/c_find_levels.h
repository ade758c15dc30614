#ifndef TROLLEY_SEARCH_C_FIND_C_FIND_LEVELS_H_
#define TROLLEY_SEARCH_C_FIND_C_FIND_LEVELS_H_

#include <array>

#include "trolley/query.h"
#include "trolley/tag.h"

// The levels of C-FIND's information models, PS3.4 §C.6, and the attributes of each.
namespace trolley {

// The attributes that are requested at each level besides those that the query includes: those that name and sort
// things. Few for instances, because archives read their files for more.
inline constexpr std::array kOfPatients = {tag::kPatientName, tag::kPatientID, tag::kPatientBirthDate, Tag{0x00100040}};
inline constexpr std::array kOfStudies = {tag::kStudyDate,
                                          tag::kStudyTime,
                                          tag::kAccessionNumber,
                                          tag::kModalitiesInStudy,
                                          Tag{0x00080090},
                                          tag::kStudyDescription,
                                          tag::kStudyInstanceUID,
                                          tag::kStudyID,
                                          tag::kNumberOfStudyRelatedSeries,
                                          tag::kNumberOfStudyRelatedInstances};
inline constexpr std::array kOfSeries = {tag::kModality, tag::kSeriesDescription, tag::kSeriesInstanceUID,
                                         tag::kSeriesNumber, tag::kNumberOfSeriesRelatedInstances};
inline constexpr std::array kOfInstances = {tag::kSOPInstanceUID, tag::kInstanceNumber};

enum class CFindStep { kPatient, kStudy, kSeries, kImage };

// "SERIES", for (0008,0052) QueryRetrieveLevel.
const char* StepName(CFindStep step);
Tag UniqueKey(CFindStep step);
CFindStep StepOf(Level level);
// In the Patient Root model. In the Study Root model the attributes of a patient are those of the studies.
bool IsPatientAttribute(Tag tag);

}  // namespace trolley

#endif  // TROLLEY_SEARCH_C_FIND_C_FIND_LEVELS_H_
