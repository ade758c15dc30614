#include "dicom/storage_classes.h"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dcuid.h>

#include <algorithm>
#include <map>

#include "base/text.h"

namespace trolley {

const std::vector<std::string>& StorageClasses() {
  static const std::vector<std::string> classes = [] {
    std::vector<std::string> all = {
        UID_CTImageStorage,
        UID_MRImageStorage,
        UID_SecondaryCaptureImageStorage,
        UID_ComputedRadiographyImageStorage,
        UID_DigitalXRayImageStorageForPresentation,
        UID_UltrasoundImageStorage,
        UID_UltrasoundMultiframeImageStorage,
        UID_BasicTextSRStorage,
        UID_EnhancedSRStorage,
        UID_ComprehensiveSRStorage,
        UID_GrayscaleSoftcopyPresentationStateStorage,
        UID_KeyObjectSelectionDocumentStorage,
        UID_PositronEmissionTomographyImageStorage,
        UID_EncapsulatedPDFStorage,
        UID_DigitalMammographyXRayImageStorageForPresentation,
        UID_EnhancedCTImageStorage,
        UID_EnhancedMRImageStorage,
        UID_XRayAngiographicImageStorage,
        UID_XRayRadiofluoroscopicImageStorage,
        UID_NuclearMedicineImageStorage,
        UID_XRayRadiationDoseSRStorage,
        UID_RTImageStorage,
        UID_RTDoseStorage,
        UID_RTStructureSetStorage,
        UID_RTPlanStorage,
        UID_SegmentationStorage,
        UID_BreastTomosynthesisImageStorage,
        UID_RawDataStorage,
    };
    for (int i = 0; i < numberOfDcmAllStorageSOPClassUIDs; ++i) {
      if (std::find(all.begin(), all.end(), dcmAllStorageSOPClassUIDs[i]) == all.end()) {
        all.emplace_back(dcmAllStorageSOPClassUIDs[i]);
      }
    }
    return all;
  }();
  return classes;
}

std::vector<std::string> StorageClassesOf(std::string_view modality) {
  static const std::map<std::string_view, std::vector<std::string>> classes = {
      {"CT", {UID_CTImageStorage, UID_EnhancedCTImageStorage, UID_LegacyConvertedEnhancedCTImageStorage}},
      {"MR",
       {UID_MRImageStorage, UID_EnhancedMRImageStorage, UID_EnhancedMRColorImageStorage,
        UID_LegacyConvertedEnhancedMRImageStorage, UID_MRSpectroscopyStorage}},
      {"US",
       {UID_UltrasoundImageStorage, UID_UltrasoundMultiframeImageStorage, UID_EnhancedUSVolumeStorage,
        UID_RETIRED_UltrasoundImageStorage, UID_RETIRED_UltrasoundMultiframeImageStorage}},
      {"CR", {UID_ComputedRadiographyImageStorage, UID_DigitalXRayImageStorageForPresentation}},
      {"DX",
       {UID_DigitalXRayImageStorageForPresentation, UID_DigitalXRayImageStorageForProcessing,
        UID_ComputedRadiographyImageStorage}},
      {"MG",
       {UID_DigitalMammographyXRayImageStorageForPresentation, UID_DigitalMammographyXRayImageStorageForProcessing,
        UID_BreastTomosynthesisImageStorage}},
      {"XA",
       {UID_XRayAngiographicImageStorage, UID_EnhancedXAImageStorage, UID_XRay3DAngiographicImageStorage,
        UID_XRayRadiofluoroscopicImageStorage}},
      {"RF", {UID_XRayRadiofluoroscopicImageStorage, UID_EnhancedXRFImageStorage, UID_XRayAngiographicImageStorage}},
      {"NM", {UID_NuclearMedicineImageStorage, UID_RETIRED_NuclearMedicineImageStorage}},
      {"PT",
       {UID_PositronEmissionTomographyImageStorage, UID_EnhancedPETImageStorage,
        UID_LegacyConvertedEnhancedPETImageStorage}},
      {"SR",
       {UID_BasicTextSRStorage, UID_EnhancedSRStorage, UID_ComprehensiveSRStorage, UID_Comprehensive3DSRStorage,
        UID_XRayRadiationDoseSRStorage, UID_KeyObjectSelectionDocumentStorage}},
      {"KO", {UID_KeyObjectSelectionDocumentStorage}},
      {"PR",
       {UID_GrayscaleSoftcopyPresentationStateStorage, UID_ColorSoftcopyPresentationStateStorage,
        UID_PseudoColorSoftcopyPresentationStateStorage, UID_BlendingSoftcopyPresentationStateStorage}},
      {"SEG", {UID_SegmentationStorage, UID_SurfaceSegmentationStorage}},
      {"REG", {UID_SpatialRegistrationStorage, UID_DeformableSpatialRegistrationStorage}},
      {"DOC", {UID_EncapsulatedPDFStorage, UID_EncapsulatedCDAStorage}},
      {"OT",
       {UID_SecondaryCaptureImageStorage, UID_MultiframeGrayscaleByteSecondaryCaptureImageStorage,
        UID_MultiframeTrueColorSecondaryCaptureImageStorage, UID_EncapsulatedPDFStorage}},
      {"RTIMAGE", {UID_RTImageStorage}},
      {"RTDOSE", {UID_RTDoseStorage}},
      {"RTSTRUCT", {UID_RTStructureSetStorage}},
      {"RTPLAN", {UID_RTPlanStorage, UID_RTIonPlanStorage}},
      {"ES", {UID_VLEndoscopicImageStorage, UID_VideoEndoscopicImageStorage}},
      {"XC", {UID_VLPhotographicImageStorage, UID_VideoPhotographicImageStorage}},
      {"GM", {UID_VLMicroscopicImageStorage, UID_VideoMicroscopicImageStorage}},
      {"SM", {UID_VLWholeSlideMicroscopyImageStorage, UID_VLSlideCoordinatesMicroscopicImageStorage}},
      {"OP", {UID_OphthalmicPhotography8BitImageStorage, UID_OphthalmicPhotography16BitImageStorage}},
      {"OPT", {UID_OphthalmicTomographyImageStorage}},
      {"ECG", {UID_TwelveLeadECGWaveformStorage, UID_GeneralECGWaveformStorage, UID_AmbulatoryECGWaveformStorage}},
  };
  const auto found = classes.find(modality);
  return found == classes.end() ? std::vector<std::string>() : found->second;
}

std::string SopClassForLog(const std::string& sop_class) {
  const char* name = dcmFindNameOfUID(sop_class.c_str());
  return name == nullptr ? sop_class : StrCat(name, " (", sop_class, ")");
}

}  // namespace trolley
