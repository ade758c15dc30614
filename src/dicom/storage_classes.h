#ifndef TROLLEY_DICOM_STORAGE_CLASSES_H_
#define TROLLEY_DICOM_STORAGE_CLASSES_H_

#include <string>
#include <string_view>
#include <vector>

namespace trolley {

// The storage SOP classes that DCMTK knows, PS3.4 §B.5; common ones first.
const std::vector<std::string>& StorageClasses();
// Those that series of a modality, (0008,0060), are usually of; empty when it is not known.
std::vector<std::string> StorageClassesOf(std::string_view modality);
// For messages: "CTImageStorage (1.2.840.10008.5.1.4.1.1.2)"; what is unknown stands for itself.
std::string SopClassForLog(const std::string& sop_class);

}  // namespace trolley

#endif  // TROLLEY_DICOM_STORAGE_CLASSES_H_
