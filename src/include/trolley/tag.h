#ifndef TROLLEY_TAG_H_
#define TROLLEY_TAG_H_

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace trolley {

// An attribute's tag (group << 16 | element), PS3.6. A regular value, ordered as in a data set.
struct Tag {
  uint32_t value = 0;
  uint16_t group() const { return static_cast<uint16_t>(value >> 16); }
  uint16_t element() const { return static_cast<uint16_t>(value); }
  auto operator<=>(const Tag&) const = default;
};

// What PS3.6 says of an attribute. `vr` is two characters ("PN"); where the standard allows several, the first.
struct TagInfo {
  Tag tag;
  std::string keyword;
  std::array<char, 2> vr;
  std::string_view vr_text() const { return {vr.data(), 2}; }
};

// By DICOM keyword ("PatientName", case matters) or by 8 hex digits ("00100010"); nullopt when PS3.6 does not know it.
// From DCMTK's dictionary, without private attributes and repeating groups (50xx, 60xx). Thread-safe. Like all below
// that need the dictionary it throws kStorage when DCMTK did not find its dictionary file.
std::optional<TagInfo> FindTag(std::string_view keyword_or_hex);
std::optional<TagInfo> FindTag(Tag tag);
// FindTag for a keyword that has to be right: throws kInvalidArgument with the nearest known keyword otherwise.
TagInfo RequireTag(std::string_view keyword_or_hex);
// The VR by which FindTag knows it, without copying; "UN" when it does not know it.
std::string_view VrOf(Tag tag);
// The keyword, or "(gggg,eeee)" when there is none.
std::string TagName(Tag tag);
// "00100010", as in DICOM JSON (PS3.18 §F.2.2) and QIDO-RS.
std::string TagHex(Tag tag);
// The reverse, in either case: 8 hex digits, whether PS3.6 knows the tag or not; else nullopt.
std::optional<Tag> ParseTagHex(std::string_view text);
// The nearest known keyword for an error message; may be empty.
std::string NearestKeyword(std::string_view keyword);

namespace tag {
inline constexpr Tag kTransferSyntaxUID{0x00020010};
inline constexpr Tag kSpecificCharacterSet{0x00080005};
inline constexpr Tag kSOPClassUID{0x00080016};
inline constexpr Tag kSOPInstanceUID{0x00080018};
inline constexpr Tag kStudyDate{0x00080020};
inline constexpr Tag kSeriesDate{0x00080021};
inline constexpr Tag kContentDate{0x00080023};
inline constexpr Tag kStudyTime{0x00080030};
inline constexpr Tag kSeriesTime{0x00080031};
inline constexpr Tag kContentTime{0x00080033};
inline constexpr Tag kAccessionNumber{0x00080050};
inline constexpr Tag kModality{0x00080060};
inline constexpr Tag kModalitiesInStudy{0x00080061};
inline constexpr Tag kTimezoneOffsetFromUTC{0x00080201};
inline constexpr Tag kStudyDescription{0x00081030};
inline constexpr Tag kSeriesDescription{0x0008103E};
inline constexpr Tag kPatientName{0x00100010};
inline constexpr Tag kPatientID{0x00100020};
inline constexpr Tag kPatientBirthDate{0x00100030};
inline constexpr Tag kStudyInstanceUID{0x0020000D};
inline constexpr Tag kSeriesInstanceUID{0x0020000E};
inline constexpr Tag kStudyID{0x00200010};
inline constexpr Tag kSeriesNumber{0x00200011};
inline constexpr Tag kInstanceNumber{0x00200013};
inline constexpr Tag kNumberOfStudyRelatedSeries{0x00201206};
inline constexpr Tag kNumberOfStudyRelatedInstances{0x00201208};
inline constexpr Tag kNumberOfSeriesRelatedInstances{0x00201209};
inline constexpr Tag kSamplesPerPixel{0x00280002};
inline constexpr Tag kNumberOfFrames{0x00280008};
inline constexpr Tag kRows{0x00280010};
inline constexpr Tag kColumns{0x00280011};
inline constexpr Tag kBitsAllocated{0x00280100};
}  // namespace tag

}  // namespace trolley

#endif  // TROLLEY_TAG_H_
