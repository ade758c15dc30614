#ifndef TROLLEY_DIMSE_ASSOCIATION_NEGOTIATION_H_
#define TROLLEY_DIMSE_ASSOCIATION_NEGOTIATION_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "dimse/association.h"
#include "dimse/pdu.h"
#include "trolley/dicom_peer.h"

namespace trolley::internal {

// The result of a negotiation.
struct Negotiated {
  std::vector<AcceptedContext> contexts;
  std::map<std::string, std::string> extended;
  uint32_t max_pdu = 0;  // that the peer takes; 0: any
};

// Throws kInvalidArgument for AE titles and contexts that no message can hold.
AssociatePdu MakeProposal(const DicomPeer& peer, const AssociationRequest& request);
// Overwrites its secret.
void Wipe(AssociatePdu& proposal);
// Ignores everything in the response that was not requested.
Negotiated Evaluate(const AssociationRequest& request, const AssociatePdu& response);

// Our response to a `proposal`, and the result of the negotiation.
struct AssociateReply {
  AssociatePdu pdu;
  Negotiated negotiated;
};
AssociateReply MakeAssociateReply(const AssociatePdu& proposal, const AssociationAcceptor& acceptor);

// `body` of an A-ASSOCIATE-RJ: kAccessDenied, or CongestionError when another try may help.
[[noreturn]] void ThrowRejection(const DicomPeer& peer, std::string_view body);
// "the peer aborted the association: unexpected PDU"
std::string AbortText(std::string_view body);

}  // namespace trolley::internal

#endif  // TROLLEY_DIMSE_ASSOCIATION_NEGOTIATION_H_
