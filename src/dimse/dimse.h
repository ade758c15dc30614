#ifndef TROLLEY_DIMSE_DIMSE_H_
#define TROLLEY_DIMSE_DIMSE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace trolley {

// Command fields, PS3.7 §E.1-1. A response has the top bit set.
namespace dimse {
inline constexpr uint16_t kCStoreRq = 0x0001;
inline constexpr uint16_t kCStoreRsp = 0x8001;
inline constexpr uint16_t kCGetRq = 0x0010;
inline constexpr uint16_t kCGetRsp = 0x8010;
inline constexpr uint16_t kCFindRq = 0x0020;
inline constexpr uint16_t kCFindRsp = 0x8020;
inline constexpr uint16_t kCMoveRq = 0x0021;
inline constexpr uint16_t kCMoveRsp = 0x8021;
inline constexpr uint16_t kCEchoRq = 0x0030;
inline constexpr uint16_t kCEchoRsp = 0x8030;
inline constexpr uint16_t kCCancelRq = 0x0FFF;

// Elements of group 0000.
inline constexpr uint16_t kAffectedSopClassUid = 0x0002;
inline constexpr uint16_t kCommandField = 0x0100;
inline constexpr uint16_t kMessageId = 0x0110;
inline constexpr uint16_t kMessageIdBeingRespondedTo = 0x0120;
inline constexpr uint16_t kMoveDestination = 0x0600;
inline constexpr uint16_t kPriority = 0x0700;
inline constexpr uint16_t kCommandDataSetType = 0x0800;
inline constexpr uint16_t kStatus = 0x0900;
inline constexpr uint16_t kOffendingElement = 0x0901;
inline constexpr uint16_t kErrorComment = 0x0902;
inline constexpr uint16_t kAffectedSopInstanceUid = 0x1000;
inline constexpr uint16_t kRemainingSubOperations = 0x1020;
inline constexpr uint16_t kCompletedSubOperations = 0x1021;
inline constexpr uint16_t kFailedSubOperations = 0x1022;
inline constexpr uint16_t kWarningSubOperations = 0x1023;
inline constexpr uint16_t kMoveOriginatorAet = 0x1030;
inline constexpr uint16_t kMoveOriginatorMessageId = 0x1031;

inline constexpr uint16_t kSuccess = 0x0000;
inline constexpr uint16_t kCancel = 0xFE00;
inline constexpr uint16_t kPending = 0xFF00;
inline constexpr uint16_t kPendingWithWarning = 0xFF01;
}  // namespace dimse

inline constexpr std::string_view kImplicitVrLittleEndian = "1.2.840.10008.1.2";
inline constexpr std::string_view kExplicitVrLittleEndian = "1.2.840.10008.1.2.1";

// The command set of a DIMSE message (PS3.7 §6.3.1): the elements of group 0000, in implicit VR little endian.
class CommandSet {
 public:
  CommandSet() = default;
  explicit CommandSet(uint16_t command_field) { SetNumber(dimse::kCommandField, command_field); }

  CommandSet& SetNumber(uint16_t element, uint16_t value);        // VR US
  CommandSet& SetText(uint16_t element, std::string_view value);  // VR AE, LO
  CommandSet& SetUid(uint16_t element, std::string_view value);   // VR UI
  std::optional<uint16_t> Number(uint16_t element) const;         // nullopt: absent
  std::string Text(uint16_t element) const;                       // without padding; empty when absent

  uint16_t field() const { return Number(dimse::kCommandField).value_or(0); }
  uint16_t status() const;    // throws kProtocol when there is none
  bool has_data_set() const;  // (0000,0800) is not 0101H
  // "ErrorComment 'x', OffendingElement (gggg,eeee)": what the peer said besides the status, printable; empty: nothing.
  std::string Comment() const;

  std::string Encode() const;
  // Throws kProtocol for bytes that are no command set.
  static CommandSet Parse(std::string_view bytes);

 private:
  std::map<uint16_t, std::string> elements_;  // raw values
};

// "A700", for messages.
std::string StatusText(uint16_t status);

}  // namespace trolley

#endif  // TROLLEY_DIMSE_DIMSE_H_
