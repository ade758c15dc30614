// Encodes and parses PDUs in memory; does no I/O. Input is untrusted: every length is checked before it is used.
#include "dimse/pdu.h"

#include <algorithm>

#include "base/text.h"
#include "dicom/file_meta_writer.h"
#include "trolley/error.h"

namespace trolley::internal {
namespace {

// Items, PS3.8 §9.3.2 and annex D, PS3.7 annex D.3.3.
constexpr uint8_t kApplicationContext = 0x10;
constexpr uint8_t kContextRq = 0x20;
constexpr uint8_t kContextAc = 0x21;
constexpr uint8_t kAbstractSyntax = 0x30;
constexpr uint8_t kTransferSyntax = 0x40;
constexpr uint8_t kUserInformation = 0x50;
constexpr uint8_t kMaximumLength = 0x51;
constexpr uint8_t kImplementationClass = 0x52;
constexpr uint8_t kRoleSelection = 0x54;
constexpr uint8_t kImplementationVersion = 0x55;
constexpr uint8_t kExtendedNegotiation = 0x56;
constexpr uint8_t kUserIdentity = 0x58;

constexpr std::string_view kApplicationContextName = "1.2.840.10008.3.1.1.1";
constexpr size_t kTitleLength = 16;

void Append16(std::string& out, size_t value) {
  out.push_back(static_cast<char>(value >> 8 & 0xFF));
  out.push_back(static_cast<char>(value & 0xFF));
}

void Append32(std::string& out, size_t value) {
  Append16(out, value >> 16 & 0xFFFF);
  Append16(out, value & 0xFFFF);
}

std::string Item(uint8_t type, std::string_view value) {
  if (value.size() > 0xFFFF) {
    throw Error(ErrorCode::kInvalidArgument, "Cannot request an association: too much is proposed");
  }
  std::string out{static_cast<char>(type), '\0'};
  Append16(out, value.size());
  out += value;
  return out;
}

std::string WithLength(std::string_view value) {
  std::string out;
  Append16(out, value.size());
  out += value;
  return out;
}

std::string Pdu(PduType type, std::string_view body) {
  std::string out{static_cast<char>(type), '\0'};
  Append32(out, body.size());
  out += body;
  return out;
}

std::string Title(std::string_view title) {
  std::string out(title.substr(0, kTitleLength));
  out.resize(kTitleLength, ' ');
  return out;
}

std::string EncodeContext(PduType type, const PduContext& context) {
  std::string value{static_cast<char>(context.id), '\0', static_cast<char>(context.result), '\0'};
  if (type == PduType::kAssociateRq) {
    value += Item(kAbstractSyntax, context.abstract_syntax);
  }
  for (const std::string& syntax : context.transfer_syntaxes) {
    value += Item(kTransferSyntax, syntax);
  }
  return Item(type == PduType::kAssociateRq ? kContextRq : kContextAc, value);
}

std::string EncodeUser(const PduUserIdentity& user) {
  std::string value{user.passcode ? '\2' : '\1', '\0'};  // no positive response is needed
  value += WithLength(user.name);
  value += WithLength(user.passcode.value_or(""));
  return Item(kUserIdentity, value);
}

// The sub-items are in ascending order of their type, which some peers rely on.
std::string EncodeUserInformation(const AssociatePdu& pdu) {
  std::string length;
  Append32(length, pdu.max_pdu);
  std::string value = Item(kMaximumLength, length);
  value += Item(kImplementationClass, kImplementationClassUid);
  for (const auto& [sop_class, role] : pdu.roles) {
    value += Item(kRoleSelection, StrCat(WithLength(sop_class), role.scu ? '\1' : '\0', role.scp ? '\1' : '\0'));
  }
  value += Item(kImplementationVersion, kImplementationVersionName);
  for (const auto& [sop_class, information] : pdu.extended) {
    value += Item(kExtendedNegotiation, WithLength(sop_class) + information);
  }
  if (pdu.user) {
    value += EncodeUser(*pdu.user);
  }
  return Item(kUserInformation, value);
}

[[noreturn]] void Malformed(const char* what) {
  throw Error(ErrorCode::kProtocol, StrCat("Cannot read the peer's association message: ", what));
}

class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}
  bool empty() const { return rest_.empty(); }
  std::string_view Take(size_t count) {
    if (count > rest_.size()) {
      Malformed("it is cut off");
    }
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }
  uint8_t Take8() { return static_cast<uint8_t>(Take(1)[0]); }
  size_t Take16() {
    const size_t high = Take8();
    return high << 8 | Take8();
  }
  // The item's type; its value to `value`.
  uint8_t TakeItem(std::string_view& value) {
    const uint8_t type = Take8();
    Take(1);
    value = Take(Take16());
    return type;
  }
  std::string_view Rest() const { return rest_; }

 private:
  std::string_view rest_;
};

std::string Uid(std::string_view bytes) {
  return std::string(Trim(bytes));
}

PduContext ParseContext(std::string_view bytes) {
  Reader reader(bytes);
  PduContext context;
  context.id = reader.Take8();
  reader.Take(1);
  context.result = reader.Take8();
  reader.Take(1);
  while (!reader.empty()) {
    std::string_view value;
    const uint8_t type = reader.TakeItem(value);
    if (type == kAbstractSyntax) {
      context.abstract_syntax = Uid(value);
    } else if (type == kTransferSyntax) {
      context.transfer_syntaxes.push_back(Uid(value));
    }
  }
  return context;
}

PduUserIdentity ParseUser(std::string_view bytes) {
  Reader reader(bytes);
  const uint8_t type = reader.Take8();
  reader.Take(1);
  PduUserIdentity user{std::string(reader.Take(reader.Take16())), std::nullopt};
  const std::string_view passcode = reader.Take(reader.Take16());
  if (type == 2) {
    user.passcode = passcode;
  }
  return user;
}

void ParseUserInformation(PduType pdu_type, std::string_view bytes, AssociatePdu& pdu) {
  Reader reader(bytes);
  while (!reader.empty()) {
    std::string_view value;
    const uint8_t type = reader.TakeItem(value);
    Reader item(value);
    if (type == kMaximumLength) {
      pdu.max_pdu = ReadBigEndian32(item.Take(4));
    } else if (type == kRoleSelection) {
      const std::string sop_class = Uid(item.Take(item.Take16()));
      const bool scu = item.Take8() != 0;
      pdu.roles[sop_class] = {scu, item.Take8() != 0};
    } else if (type == kExtendedNegotiation) {
      const std::string sop_class = Uid(item.Take(item.Take16()));
      pdu.extended[sop_class] = item.Rest();
    } else if (type == kUserIdentity && pdu_type == PduType::kAssociateRq) {
      pdu.user = ParseUser(value);
    }
  }
}

}  // namespace

uint32_t ReadBigEndian32(std::string_view bytes) {
  uint32_t value = 0;
  for (const char c : bytes.substr(0, 4)) {
    value = value << 8 | static_cast<uint8_t>(c);
  }
  return value;
}

std::string EncodeAssociate(PduType type, const AssociatePdu& pdu) {
  std::string body{'\0', '\1', '\0', '\0'};  // protocol version 1
  body += Title(pdu.called_aet);
  body += Title(pdu.calling_aet);
  body.append(32, '\0');
  body += Item(kApplicationContext, kApplicationContextName);
  for (const PduContext& context : pdu.contexts) {
    body += EncodeContext(type, context);
  }
  body += EncodeUserInformation(pdu);
  return Pdu(type, body);
}

AssociatePdu ParseAssociate(PduType type, std::string_view body) {
  Reader reader(body);
  AssociatePdu pdu;
  reader.Take(4);
  pdu.called_aet = Trim(reader.Take(kTitleLength));
  pdu.calling_aet = Trim(reader.Take(kTitleLength));
  reader.Take(32);
  while (!reader.empty()) {
    std::string_view value;
    const uint8_t item = reader.TakeItem(value);
    if (item == (type == PduType::kAssociateRq ? kContextRq : kContextAc)) {
      pdu.contexts.push_back(ParseContext(value));
    } else if (item == kUserInformation) {
      ParseUserInformation(type, value, pdu);
    }
  }
  return pdu;
}

std::string EncodeShort(PduType type, uint8_t result, uint8_t source, uint8_t reason) {
  const std::string body{'\0', static_cast<char>(result), static_cast<char>(source), static_cast<char>(reason)};
  return Pdu(type, body);
}

void AppendData(std::string& out, uint8_t context_id, bool command, std::string_view bytes, size_t max_pdu) {
  const size_t room = max_pdu - kPdvHeader;
  do {
    const std::string_view piece = bytes.substr(0, room);
    bytes.remove_prefix(piece.size());
    out.push_back(static_cast<char>(PduType::kData));
    out.push_back('\0');
    Append32(out, piece.size() + kPdvHeader);
    Append32(out, piece.size() + 2);
    out.push_back(static_cast<char>(context_id));
    out.push_back(static_cast<char>((command ? kPdvCommand : 0) | (bytes.empty() ? kPdvLast : 0)));
    out += piece;
  } while (!bytes.empty());
}

}  // namespace trolley::internal
