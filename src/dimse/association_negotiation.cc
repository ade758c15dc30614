#include "dimse/association_negotiation.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "trolley/error.h"

namespace trolley {

std::string PeerForLog(const DicomPeer& peer) {
  const bool v6 = peer.host.find(':') != std::string::npos;
  return StrCat(Trim(peer.called_aet), "@", v6 ? "[" : "", peer.host, v6 ? "]" : "", ":", peer.port);
}

namespace internal {
namespace {

constexpr size_t kMaxContexts = 128;
constexpr uint8_t kTransient = 2;
constexpr uint8_t kUser = 1;
constexpr uint8_t kPresentation = 3;

// VR AE, PS3.5 §6.2
void CheckTitle(const std::string& title, const char* which) {
  const std::string_view trimmed = Trim(title);
  const bool printable =
      std::all_of(title.begin(), title.end(), [](char c) { return c >= ' ' && c <= '~' && c != '\\'; });
  if (trimmed.empty() || title.size() > 16 || !printable) {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat("Cannot use the ", which, " AE title: it must have 1 to 16 characters of ASCII without \"\\\""));
  }
}

uint8_t ContextId(size_t index) {
  return static_cast<uint8_t>(2 * index + 1);
}

// PS3.8 §9.3.4, for the reasons that a service user or the presentation layer gives.
std::string ReasonText(const DicomPeer& peer, uint8_t source, uint8_t reason) {
  if (source == kUser) {
    switch (reason) {
      case 3:
        return StrCat("the calling AE title ", peer.calling_aet,
                      " is not recognised; enter it at the archive, or check our own AE title in the configuration");
      case 7:
        return StrCat("the called AE title ", peer.called_aet,
                      " is not recognised; check the archive's AE title in the configuration");
      case 2:
        return "the application context is not supported";
      default:
        return StrCat("no reason given; check whether the archive knows the calling AE title ", peer.calling_aet,
                      " and the called AE title ", peer.called_aet, peer.user ? ", and the user" : "");
    }
  }
  if (source == kPresentation) {
    return reason == 1 ? "temporary congestion" : reason == 2 ? "local limit exceeded" : "congestion";
  }
  return reason == 2 ? "the protocol version is not supported" : "no reason given";
}

}  // namespace

AssociatePdu MakeProposal(const DicomPeer& peer, const AssociationRequest& request) {
  CheckTitle(peer.calling_aet, "calling");
  CheckTitle(peer.called_aet, "called");
  if (request.contexts.empty() || request.contexts.size() > kMaxContexts) {
    throw Error(ErrorCode::kInvalidArgument, StrCat("Cannot request an association: ", request.contexts.size(),
                                                    " presentation contexts; there can be 1 to ", kMaxContexts));
  }
  AssociatePdu proposal;
  proposal.called_aet = peer.called_aet;
  proposal.calling_aet = peer.calling_aet;
  proposal.max_pdu = peer.max_pdu;
  for (size_t i = 0; i < request.contexts.size(); ++i) {
    const ProposedContext& context = request.contexts[i];
    proposal.contexts.push_back({ContextId(i), 0, context.abstract_syntax, context.transfer_syntaxes});
    if (context.scp_role) {
      proposal.roles[context.abstract_syntax].scp = true;
    }
  }
  for (const ExtendedNegotiation& extended : request.extended) {
    proposal.extended[extended.sop_class] = extended.information;
  }
  if (peer.user) {
    proposal.user = PduUserIdentity{peer.user->name, std::nullopt};
    if (peer.user->passcode) {
      proposal.user->passcode = peer.user->passcode();
    }
  }
  return proposal;
}

void Wipe(AssociatePdu& proposal) {
  if (proposal.user && proposal.user->passcode) {
    std::fill(proposal.user->passcode->begin(), proposal.user->passcode->end(), '\0');
  }
}

Negotiated Evaluate(const AssociationRequest& request, const AssociatePdu& response) {
  Negotiated out;
  out.extended = response.extended;
  out.max_pdu = response.max_pdu;
  for (size_t i = 0; i < request.contexts.size(); ++i) {
    const ProposedContext& proposed = request.contexts[i];
    const auto found = std::find_if(response.contexts.begin(), response.contexts.end(),
                                    [&](const PduContext& context) { return context.id == ContextId(i); });
    if (found == response.contexts.end() || found->result != 0 || found->transfer_syntaxes.size() != 1) {
      continue;
    }
    const std::string& syntax = found->transfer_syntaxes.front();
    const auto& offered = proposed.transfer_syntaxes;
    if (std::find(offered.begin(), offered.end(), syntax) == offered.end()) {
      continue;
    }
    const auto role = response.roles.find(proposed.abstract_syntax);
    out.contexts.push_back({ContextId(i), proposed.abstract_syntax, syntax,
                            proposed.scp_role && role != response.roles.end() && role->second.scp});
  }
  return out;
}

AssociateReply MakeAssociateReply(const AssociatePdu& proposal, const AssociationAcceptor& acceptor) {
  constexpr uint8_t kAccepted = 0;
  constexpr uint8_t kAbstractSyntaxNotSupported = 3;
  AssociateReply response;
  response.pdu.called_aet = proposal.called_aet;
  response.pdu.calling_aet = proposal.calling_aet;
  response.pdu.max_pdu = acceptor.max_pdu;
  response.negotiated.max_pdu = proposal.max_pdu;
  for (const PduContext& proposed : proposal.contexts) {
    const std::string syntax = acceptor.choose(proposed.abstract_syntax, proposed.transfer_syntaxes);
    const uint8_t result = syntax.empty() ? kAbstractSyntaxNotSupported : kAccepted;
    response.pdu.contexts.push_back(
        {proposed.id, result, {}, {syntax.empty() ? std::string(kImplicitVrLittleEndian) : syntax}});
    if (result == kAccepted) {
      response.negotiated.contexts.push_back({proposed.id, proposed.abstract_syntax, syntax});
    }
  }
  return response;
}

void ThrowRejection(const DicomPeer& peer, std::string_view body) {
  if (body.size() < 4) {
    throw Error(ErrorCode::kProtocol, StrCat("Cannot understand ", PeerForLog(peer), ": a rejection that is cut off"));
  }
  const auto result = static_cast<uint8_t>(body[1]);
  const auto source = static_cast<uint8_t>(body[2]);
  const auto reason = static_cast<uint8_t>(body[3]);
  const std::string message =
      StrCat("Cannot open an association with ", PeerForLog(peer), ": rejected ",
             result == kTransient ? "for now: " : "for good: ", ReasonText(peer, source, reason));
  const bool about_titles = source == kUser && (reason == 3 || reason == 7);
  // Some peers call a limit that was reached permanent.
  if (source == kPresentation || (result == kTransient && !about_titles)) {
    throw CongestionError(message);
  }
  throw Error(ErrorCode::kAccessDenied, message);
}

std::string AbortText(std::string_view body) {
  constexpr std::array<const char*, 7> kReasons = {"no reason given",
                                                   "it does not know a message",
                                                   "it did not expect a message",
                                                   "no reason given",
                                                   "it does not know a parameter",
                                                   "it did not expect a parameter",
                                                   "a parameter had a wrong value"};
  const bool by_provider = body.size() >= 4 && body[2] == 2;
  const size_t reason = by_provider ? static_cast<uint8_t>(body[3]) : 0;
  return StrCat("the peer aborted the association: ", reason < kReasons.size() ? kReasons[reason] : kReasons[0]);
}

}  // namespace internal
}  // namespace trolley
