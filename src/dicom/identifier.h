#ifndef TROLLEY_DICOM_IDENTIFIER_H_
#define TROLLEY_DICOM_IDENTIFIER_H_

#include <map>
#include <string>
#include <string_view>

#include "trolley/attributes.h"
#include "trolley/tag.h"

namespace trolley {

// The data set of a query and of each of its results (PS3.4 C.4.1): small, of texts and numbers, in little endian.

// `values` are UTF-8; an empty one asks for the attribute to be returned. What is not ASCII is written in
// `specific_character_set`, which then is in the data set as well. Throws kUnsupported, naming the attribute, for a
// value that its VR or the character set cannot express.
std::string EncodeIdentifier(const std::map<Tag, std::string>& values, bool explicit_vr,
                             std::string_view specific_character_set);

// Top-level texts and numbers; private attributes, sequences and bulk data are passed over. `fallback_character_set` is
// that of 8-bit text that names none. Throws kProtocol for bytes that are no data set.
Attributes DecodeIdentifier(std::string_view bytes, bool explicit_vr, std::string_view fallback_character_set);

}  // namespace trolley

#endif  // TROLLEY_DICOM_IDENTIFIER_H_
