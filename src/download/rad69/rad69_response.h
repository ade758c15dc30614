#ifndef TROLLEY_DOWNLOAD_RAD69_RAD69_RESPONSE_H_
#define TROLLEY_DOWNLOAD_RAD69_RAD69_RESPONSE_H_

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "trolley/uid.h"

namespace trolley {

// <RegistryError>, ebRS 3.0 §6.9.5 with the codes of ITI TF-3 table 4.2.4.1-2 and of dcm4chee.
struct Rad69Error {
  std::string code;     // "XDSMissingDocument"
  std::string context;  // what the server says about it
  std::string location;
  bool warning = false;  // the document comes all the same
};

// The SOAP part of a response.
struct Rad69Response {
  // By the last word of the status' URI; kNone: there is no RegistryResponse.
  enum class Status { kNone, kSuccess, kPartialSuccess, kFailure } status = Status::kNone;
  std::vector<Rad69Error> errors;
  std::map<std::string, Uid> documents;               // Content-ID -> DocumentUniqueId
  std::vector<std::pair<Uid, std::string>> embedded;  // documents within it, decoded
  std::optional<std::string> fault;                   // a SOAP Fault: its code and reason
  bool damaged = false;                               // not well-formed: what could be made out
};

// Reads a SOAP envelope. Throws kProtocol, "Cannot read ...", when it is none. A server's XML that is not well-formed
// is searched for errors and Content-IDs.
Rad69Response ParseRad69Response(std::string xml);

// As both sides of a reference are compared: without "cid:", "<>" and percent-encoding.
std::string ContentId(std::string_view text);

}  // namespace trolley

#endif  // TROLLEY_DOWNLOAD_RAD69_RAD69_RESPONSE_H_
