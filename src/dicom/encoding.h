#ifndef TROLLEY_DICOM_ENCODING_H_
#define TROLLEY_DICOM_ENCODING_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

// How data elements are encoded, PS3.5 §7, for what reads and writes them here.
namespace trolley {

inline constexpr size_t kPreambleSize = 128;  // PS3.10 §7.1
inline constexpr uint32_t kUndefinedLength = 0xFFFFFFFF;
// Items and delimiters, which have no VR. PS3.5 §7.5.
inline constexpr uint16_t kDelimiterGroup = 0xFFFE;
inline constexpr uint32_t kItem = 0xFFFEE000;
inline constexpr uint32_t kItemEnd = 0xFFFEE00D;
inline constexpr uint32_t kSequenceEnd = 0xFFFEE0DD;

// Transfer syntaxes, PS3.5 §10 and annex A.
inline constexpr std::string_view kImplicitLittleEndian = "1.2.840.10008.1.2";
inline constexpr std::string_view kExplicitLittleEndian = "1.2.840.10008.1.2.1";
inline constexpr std::string_view kDeflatedLittleEndian = "1.2.840.10008.1.2.1.99";
inline constexpr std::string_view kBigEndian = "1.2.840.10008.1.2.2";

// Two capital letters, whether the standard knows them or not.
bool IsVr(std::string_view text);
// PS3.5 §7.1.2: elements of these VRs have two reserved bytes and a 32-bit length.
bool HasLongLength(std::string_view vr);
bool IsOneOf(std::string_view vr, std::initializer_list<std::string_view> vrs);
bool IsAscii(std::string_view text);
// The lower `bytes` bytes of `value`, the least significant first.
void AppendLittleEndian(std::string& out, uint64_t value, size_t bytes);

}  // namespace trolley

#endif  // TROLLEY_DICOM_ENCODING_H_
