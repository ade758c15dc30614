#ifndef TROLLEY_DICOM_ELEMENT_TEXT_H_
#define TROLLEY_DICOM_ELEMENT_TEXT_H_

#include <optional>
#include <string>
#include <string_view>

#include "trolley/tag.h"

namespace trolley {

// Whether values of this VR are kept in Attributes: texts and numbers, not bulk data and sequences.
bool HasText(std::string_view vr);

// An element's value as Attributes hold it: UTF-8, padding removed, numbers in decimal, values joined by "\". nullopt
// when it is a long list of numbers (a lookup table), or its length does not fit the VR. `fallback`: see DecodeText.
std::optional<std::string> ElementText(Tag tag, std::string_view vr, std::string_view bytes, bool big_endian,
                                       std::string_view specific_character_set,
                                       std::string_view fallback = "ISO_IR 100");

}  // namespace trolley

#endif  // TROLLEY_DICOM_ELEMENT_TEXT_H_
