#ifndef TROLLEY_DICOM_IMPLICIT_ELEMENTS_H_
#define TROLLEY_DICOM_IMPLICIT_ELEMENTS_H_

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "dicom/tag.h"

namespace trolley {

// The top-level elements of a small data set as the identifiers of retrievals are: keys and UIDs, no sequences.
using RawElements = std::map<Tag, std::string>;

// In Implicit VR Little Endian, PS3.5 §7.1.3, which every peer takes. Values are padded to even length.
std::string EncodeImplicit(const RawElements& elements);
// Values without padding; sequences are left out. nullopt: malformed.
std::optional<RawElements> ParseImplicit(std::string_view data_set);

}  // namespace trolley

#endif  // TROLLEY_DICOM_IMPLICIT_ELEMENTS_H_
