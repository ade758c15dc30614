// Association::Impl of association_impl.h: how an association begins (A-ASSOCIATE, on either side) and ends (A-RELEASE,
// A-ABORT; PS3.8 §7). Runs on the thread that uses the association. The end must not throw, and must not wait long.
#include <algorithm>
#include <utility>

#include "base/text.h"
#include "dimse/association_impl.h"
#include "trolley/error.h"
#include "trolley/log.h"

namespace trolley {

using internal::PduType;

namespace {

constexpr size_t kBufferSize = 256 * 1024;
constexpr size_t kMaxSentPdu = 128 * 1024;
constexpr size_t kMinSentPdu = 16;  // room for a few bytes; a peer that accepts less accepts nothing

}  // namespace

Association::Impl::Impl(const DicomPeer& peer, AssociationRequest request, const Context& context)
    : request_(std::move(request)), stream_(peer, context), buffer_(kBufferSize) {
  try {
    Negotiate(peer, context);
  } catch (...) {
    Abort(kServiceUser);
    throw;
  }
}

Association::Impl::Impl(UniqueFd connection, const AssociationAcceptor& acceptor, const Context& context)
    : stream_(std::move(connection), "a peer that called", acceptor.stall_timeout), buffer_(kBufferSize) {
  try {
    AcceptRequest(acceptor, context);
  } catch (...) {
    Abort(kServiceUser);
    throw;
  }
}

void Association::Impl::Negotiate(const DicomPeer& peer, const Context& context) {
  internal::AssociatePdu proposal = internal::MakeProposal(peer, request_);
  std::string bytes = EncodeAssociate(PduType::kAssociateRq, proposal);
  internal::Wipe(proposal);
  stream_.Write(bytes, context, "request an association from");
  std::fill(bytes.begin(), bytes.end(), '\0');  // it may hold a passcode
  const Header header = ReadHeader(context);
  if (header.type == PduType::kAssociateAc || header.type == PduType::kAssociateRj) {
    const std::string body = ReadBody(header.length, context);
    if (header.type == PduType::kAssociateRj) {
      broken_ = true;
      internal::ThrowRejection(peer, body);
    }
    Agree(internal::Evaluate(request_, ParseAssociate(header.type, body)));
    return;
  }
  EndedBy(header, context);
}

void Association::Impl::AcceptRequest(const AssociationAcceptor& acceptor, const Context& context) {
  const Header header = ReadHeader(context);
  if (header.type != PduType::kAssociateRq) {
    EndedBy(header, context);
  }
  internal::AssociatePdu proposal = ParseAssociate(header.type, ReadBody(header.length, context));
  internal::Wipe(proposal);
  if (!acceptor.called_aet.empty() && proposal.called_aet != acceptor.called_aet) {
    constexpr uint8_t kForGood = 1;
    constexpr uint8_t kByUser = 1;
    constexpr uint8_t kCalledTitleUnknown = 7;
    stream_.Write(internal::EncodeShort(PduType::kAssociateRj, kForGood, kByUser, kCalledTitleUnknown), context,
                  "respond to");
    broken_ = true;
    throw Error(ErrorCode::kAccessDenied,
                StrCat("Cannot accept an association: it is meant for another AE title than ", acceptor.called_aet));
  }
  internal::AssociateReply reply = internal::MakeAssociateReply(proposal, acceptor);
  calling_aet_ = proposal.calling_aet;
  Agree(std::move(reply.negotiated));
  stream_.Write(EncodeAssociate(PduType::kAssociateAc, reply.pdu), context, "respond to");
}

void Association::Impl::Agree(internal::Negotiated negotiated) {
  negotiated_ = std::move(negotiated);
  if (negotiated_.max_pdu != 0 && negotiated_.max_pdu < kMinSentPdu) {
    Fail("it takes no messages of any length");
  }
  max_sent_ = negotiated_.max_pdu == 0 ? kMaxSentPdu : std::min<size_t>(negotiated_.max_pdu, kMaxSentPdu);
}

void Association::Impl::EndedBy(const Header& header, const Context& context) {
  if (header.type == PduType::kAbort) {
    const std::string body = ReadBody(header.length, context);
    broken_ = true;
    throw Error(ErrorCode::kUnavailable, StrCat(stream_.Cannot(kReceiving), internal::AbortText(body)));
  }
  if (header.type == PduType::kReleaseRq) {
    Write(internal::EncodeShort(PduType::kReleaseRp), Context::WithTimeout(kReleaseTime, context.stop));
    broken_ = true;
    throw Error(ErrorCode::kUnavailable, StrCat(stream_.Cannot(kReceiving), "the peer released the association"));
  }
  Fail("a message that is not due, or it does not speak DICOM");
}

void Association::Impl::Fail(const char* what) {
  Abort(kServiceProvider);
  throw Error(ErrorCode::kProtocol, StrCat(stream_.Cannot("understand"), what));
}

void Association::Impl::Release() noexcept {
  if (broken_ || data_due_ || !command_.empty() || pdu_left_ > 0) {
    Abort(kServiceUser);
    return;
  }
  try {
    const Context context = Context::WithTimeout(kReleaseTime);
    stream_.Write(internal::EncodeShort(PduType::kReleaseRq), context, kSending);
    for (;;) {
      const Header header = ReadHeader(context);
      if (header.type == PduType::kReleaseRp || header.type == PduType::kAbort) {
        break;
      }
      Skip(header.length, context);
      if (header.type == PduType::kReleaseRq) {  // both at the same time, PS3.8 §7.2.2.7
        stream_.Write(internal::EncodeShort(PduType::kReleaseRp), context, kSending);
      }
    }
  } catch (const std::exception& error) {
    LogDebug(StrCat("An association was not released in order: ", error.what()));
  }
  broken_ = true;
}

void Association::Impl::Abort(uint8_t source) noexcept {
  if (std::exchange(broken_, true)) {
    return;
  }
  try {
    stream_.Write(internal::EncodeShort(PduType::kAbort, 0, source, 0), Context::WithTimeout({}), kSending);
  } catch (const std::exception&) {  // it ends with the connection
  }
}

}  // namespace trolley
