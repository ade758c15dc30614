#ifndef TROLLEY_DICOM_CHARSET_H_
#define TROLLEY_DICOM_CHARSET_H_

#include <optional>
#include <string>
#include <string_view>

#include "trolley/tag.h"

namespace trolley {

// Decodes a text of a data set to UTF-8 (PS3.3 §C.12.1.1.2, PS3.5 §6.1 and annexes H, I, J): single-byte sets, ISO 2022
// code extensions (Japanese, Korean, Chinese), ISO_IR 192, GB18030, GBK. `specific_character_set` is the value of
// (0008,0005), several values joined by "\". Never fails: what does not decode is read as UTF-8 when valid, else with
// `fallback` (a defined term, default Latin-1), else as "?" per byte. Escape sequences are understood also when the set
// they choose is not declared, as many devices forget it. Thread-safe.
std::string DecodeText(std::string_view text, std::string_view specific_character_set, Tag tag,
                       std::string_view fallback = "ISO_IR 100");

// The opposite, for writing: UTF-8 as a text of a data set in that character set; nullopt when the set cannot express
// it. Of several values, the last that can is used (with its escape sequences). Thread-safe.
std::optional<std::string> EncodeText(std::string_view utf8, std::string_view specific_character_set);

}  // namespace trolley

#endif  // TROLLEY_DICOM_CHARSET_H_
