#include "dicom/storage_classes.h"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dcuid.h>

#include <algorithm>

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

std::string SopClassForLog(const std::string& sop_class) {
  const char* name = dcmFindNameOfUID(sop_class.c_str());
  return name == nullptr ? sop_class : StrCat(name, " (", sop_class, ")");
}

}  // namespace trolley
