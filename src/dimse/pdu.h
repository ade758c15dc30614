#ifndef TROLLEY_DIMSE_PDU_H_
#define TROLLEY_DIMSE_PDU_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace trolley::internal {

// The protocol data units of the DICOM upper layer (PS3.8 §9.3): bytes to values and back, nothing else. DCMTK's upper
// layer is not used: it waits in name resolution and connect() with time-outs that are the whole process's and cannot
// be interrupted, and a response that names a context nobody proposed makes it read memory that was never set.

enum class PduType : uint8_t {
  kAssociateRq = 1,
  kAssociateAc = 2,
  kAssociateRj = 3,
  kData = 4,
  kReleaseRq = 5,
  kReleaseRp = 6,
  kAbort = 7,
};

inline constexpr size_t kPduHeader = 6;  // type, reserved, length (4, big endian)
inline constexpr size_t kPdvHeader = 6;  // length (4, big endian), context, control
inline constexpr uint8_t kPdvCommand = 1;
inline constexpr uint8_t kPdvLast = 2;
inline constexpr size_t kMaxNegotiationPdu = size_t{1} << 20;  // no honest one of any type but P-DATA-TF is longer

uint32_t ReadBigEndian32(std::string_view bytes);  // of the first four

struct PduContext {
  uint8_t id = 0;
  uint8_t result = 0;  // in a response: 0 is acceptance
  std::string abstract_syntax = {};
  std::vector<std::string> transfer_syntaxes = {};
};

struct PduRole {
  bool scu = false;
  bool scp = false;
};

struct PduUserIdentity {
  std::string name;
  std::optional<std::string> passcode;
};

// A-ASSOCIATE-RQ and A-ASSOCIATE-AC.
struct AssociatePdu {
  std::string called_aet;
  std::string calling_aet;
  std::vector<PduContext> contexts;
  uint32_t max_pdu = 0;  // 0: unlimited
  std::map<std::string, PduRole> roles = {};
  std::map<std::string, std::string> extended = {};  // SOP class -> information
  std::optional<PduUserIdentity> user = {};
};

std::string EncodeAssociate(PduType type, const AssociatePdu& pdu);
// `body` is what follows the header. Throws kProtocol.
AssociatePdu ParseAssociate(PduType type, std::string_view body);

// A-ASSOCIATE-RJ: {result, source, reason}; A-ABORT: {0, source, reason}; the release PDUs: zeros.
std::string EncodeShort(PduType type, uint8_t result = 0, uint8_t source = 0, uint8_t reason = 0);

// Adds `bytes` as P-DATA-TF PDUs of at most `max_pdu` bytes each, one value in each; the last one is marked so.
void AppendData(std::string& out, uint8_t context_id, bool command, std::string_view bytes, size_t max_pdu);

}  // namespace trolley::internal

#endif  // TROLLEY_DIMSE_PDU_H_
