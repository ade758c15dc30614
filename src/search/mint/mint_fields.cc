#include "search/mint/mint_fields.h"

#include <initializer_list>
#include <set>
#include <string_view>

namespace trolley {
namespace {

using Fields = std::set<Tag>;

Fields Tags(std::initializer_list<std::string_view> keywords) {
  Fields tags;
  for (const std::string_view keyword : keywords) {
    if (const auto info = FindTag(keyword)) {
      tags.insert(info->tag);
    }
  }
  return tags;
}

const Fields& StudyFields() {
  static const Fields fields = Tags({"PatientID",
                                     "IssuerOfPatientID",
                                     "IssuerOfPatientIDQualifiersSequence",
                                     "PatientName",
                                     "PatientSex",
                                     "PatientBirthDate",
                                     "PatientBirthTime",
                                     "StudyInstanceUID",
                                     "AccessionNumber",
                                     "IssuerOfAccessionNumberSequence",
                                     "StudyID",
                                     "StudyDate",
                                     "StudyTime",
                                     "ModalitiesInStudy",
                                     "ReferringPhysicianName",
                                     "RequestedProcedureID",
                                     "StudyDescription",
                                     "InstanceAvailability",
                                     "InstitutionName",
                                     "00321000",  // StudyStatusID: dictionaries write retired keywords in two ways
                                     "00401008",  // ConfidentialityCode
                                     "ProcedureCodeSequence",
                                     "ReasonForPerformedProcedureCodeSequence",
                                     "OtherPatientIDsSequence",
                                     "InstitutionalDepartmentName",
                                     "NumberOfStudyRelatedSeries",
                                     "NumberOfStudyRelatedInstances",
                                     "SOPClassesInStudy",
                                     "CurrentPatientLocation",
                                     "00020016"});  // SourceApplicationEntityTitle
  return fields;
}

const Fields& SeriesFields() {
  static const Fields fields = Tags(
      {"SeriesInstanceUID", "Modality", "SeriesDate", "SeriesTime", "SeriesDescription", "Laterality",
       "AnatomicRegionSequence", "BodyPartExamined", "FrameOfReferenceUID", "PerformedProcedureStepDescription",
       "ProtocolName", "PerformingPhysicianName", "PerformedProcedureStepStartDate", "PerformedProcedureStepStartTime",
       "OperatorsName", "PerformedProcedureStepStatus", "PresentationIntentType", "SeriesNumber", "SeriesType",
       "SmallestPixelValueInSeries", "SpatialResolution", "NumberOfSeriesRelatedInstances",
       // Of instances, but returned where they are the same in the whole series.
       "Manufacturer", "ManufacturerModelName", "CorrectedImage", "DeviceSerialNumber", "InstitutionAddress",
       "SoftwareVersions", "StationName", "DateOfLastCalibration", "TimeOfLastCalibration"});
  return fields;
}

const Fields& InstanceFields() {
  static const Fields fields =
      Tags({"SOPInstanceUID", "SOPClassUID", "Rows", "Columns", "NumberOfFrames", "BitsAllocated", "ContentDate",
            "ContentTime", "ObservationDateTime", "ConceptNameCodeSequence", "ContentLabel", "ContentDescription",
            "PresentationCreationDate", "PresentationCreationTime", "ContentCreatorName", "RetrieveURI",
            "TransferSyntaxUID", "InstanceNumber", "PixelPaddingValue"});
  return fields;
}

}  // namespace

bool IsMintField(Tag tag, Level level) {
  return StudyFields().contains(tag) || (level != Level::kStudy && SeriesFields().contains(tag)) ||
         (level == Level::kInstance && InstanceFields().contains(tag));
}

}  // namespace trolley
