#include "dimse/association.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "dimse/association_negotiation.h"
#include "dimse/association_stream.h"
#include "dimse/pdu.h"
#include "trolley/error.h"
#include "trolley/log.h"

namespace trolley {

using internal::PduType;

namespace {

constexpr size_t kBufferSize = 256 * 1024;
constexpr size_t kMaxCommand = 64 * 1024;
constexpr size_t kMaxSentPdu = 128 * 1024;
constexpr size_t kMinSentPdu = 16;  // room for a few bytes; a peer that takes less takes nothing
constexpr std::chrono::seconds kReleaseTime{2};
constexpr uint8_t kServiceUser = 0;
constexpr uint8_t kServiceProvider = 2;
constexpr const char* kReceiving = "receive from";
constexpr const char* kSending = "send to";

std::span<const std::byte> AsBytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

}  // namespace

// Reads PDUs from a buffer that is filled as bytes come. What is left of the present PDU and of the present value in it
// is counted down, so that a wait that was given up loses nothing.
class Association::Impl {
 public:
  Impl(const DicomPeer& peer, AssociationRequest request, const Context& context)
      : request_(std::move(request)), stream_(peer, context), buffer_(kBufferSize) {
    try {
      Negotiate(peer, context);
    } catch (...) {
      Abort(kServiceUser);
      throw;
    }
  }

  Impl(UniqueFd connection, const AssociationAcceptor& acceptor, const Context& context)
      : stream_(std::move(connection), "a peer that called", acceptor.stall_timeout), buffer_(kBufferSize) {
    try {
      AcceptRequest(acceptor, context);
    } catch (...) {
      Abort(kServiceUser);
      throw;
    }
  }

  const AssociationRequest& request() const { return request_; }
  const std::string& calling_aet() const { return calling_aet_; }
  const internal::Negotiated& negotiated() const { return negotiated_; }
  bool broken() const { return broken_; }
  uint16_t NextMessageId() { return message_id_ = static_cast<uint16_t>(message_id_ % 0xFFFF + 1); }

  void Send(uint8_t context_id, CommandSet command, const std::string_view* data_set, const Context& context) {
    command.SetNumber(dimse::kCommandDataSetType, data_set != nullptr ? 0x0001 : 0x0101);
    std::string bytes;
    internal::AppendData(bytes, context_id, true, command.Encode(), max_sent_);
    if (data_set != nullptr) {
      internal::AppendData(bytes, context_id, false, *data_set, max_sent_);
    }
    Write(bytes, context);
  }

  DimseMessage ReceiveCommand(const Context& context) {
    ReceiveDataSet([](std::span<const std::byte>) {}, context);
    for (;;) {
      const Fragment fragment = NextFragment(context);
      if (!fragment.command || (!command_.empty() && fragment.context_id != data_context_)) {
        Fail("data where a command was due");
      }
      data_context_ = fragment.context_id;
      if (command_.size() + fragment.bytes.size() > kMaxCommand) {
        Fail("a command of unreasonable length");
      }
      command_ += fragment.bytes;
      Consume(fragment);
      if (fragment.last) {
        break;
      }
    }
    DimseMessage message{data_context_, {}};
    const std::string bytes = std::exchange(command_, {});
    try {
      message.command = CommandSet::Parse(bytes);
    } catch (const Error&) {
      Abort(kServiceProvider);
      throw;
    }
    data_due_ = message.command.has_data_set();
    return message;
  }

  void ReceiveDataSet(const std::function<void(std::span<const std::byte>)>& take, const Context& context) {
    while (data_due_) {
      const Fragment fragment = NextFragment(context);
      if (fragment.command || fragment.context_id != data_context_) {
        Fail("something else where a data set was due");
      }
      data_due_ = !fragment.last;
      const std::string_view bytes = fragment.bytes;
      Consume(fragment);  // before `take`, which may throw; the bytes stay where they are until the next read
      if (!bytes.empty()) {
        take(AsBytes(bytes));
      }
    }
  }

  void WaitForAnswer(const Context& context) {
    if (begin_ == end_) {
      CheckUsable();
      stream_.WaitReadable(context, kReceiving);
    }
  }

  // Reads the header of the next P-DATA-TF.
  void CheckAlive(const Context& context) {
    CheckUsable();
    if (pdu_left_ == 0) {
      NextPdu(context);
    }
  }

  Clock::duration RoundTrip() const { return stream_.RoundTrip(); }

  bool Readable() { return begin_ < end_ || stream_.Readable(); }

  void Release() noexcept {
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

  void Abort(uint8_t source) noexcept {
    if (std::exchange(broken_, true)) {
      return;
    }
    try {
      stream_.Write(internal::EncodeShort(PduType::kAbort, 0, source, 0), Context::WithTimeout({}), kSending);
    } catch (const std::exception&) {  // it ends with the connection
    }
  }

 private:
  struct Header {
    PduType type;
    size_t length;
  };
  // A piece of a P-DATA value, in the buffer.
  struct Fragment {
    uint8_t context_id;
    bool command;
    bool last;  // it ends a command or a data set
    std::string_view bytes;
  };

  void Negotiate(const DicomPeer& peer, const Context& context) {
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

  void AcceptRequest(const AssociationAcceptor& acceptor, const Context& context) {
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
                    "answer");
      broken_ = true;
      throw Error(ErrorCode::kAccessDenied,
                  StrCat("Cannot accept an association: it is meant for another AE title than ", acceptor.called_aet));
    }
    internal::AssociateReply answer = internal::MakeAssociateReply(proposal, acceptor);
    calling_aet_ = proposal.calling_aet;
    Agree(std::move(answer.negotiated));
    stream_.Write(EncodeAssociate(PduType::kAssociateAc, answer.pdu), context, "answer");
  }

  void Agree(internal::Negotiated negotiated) {
    negotiated_ = std::move(negotiated);
    if (negotiated_.max_pdu != 0 && negotiated_.max_pdu < kMinSentPdu) {
      Fail("it takes no messages of any length");
    }
    max_sent_ = negotiated_.max_pdu == 0 ? kMaxSentPdu : std::min<size_t>(negotiated_.max_pdu, kMaxSentPdu);
  }

  // --- Sending ---

  // What was sent in part cannot be taken back.
  void Write(std::string_view bytes, const Context& context) {
    CheckUsable();
    try {
      stream_.Write(bytes, context, kSending);
    } catch (...) {
      Abort(kServiceUser);
      throw;
    }
  }

  // --- Receiving ---

  void CheckUsable() const {
    if (broken_) {
      throw Error(ErrorCode::kUnavailable, StrCat(stream_.Cannot("talk to"), "the association has ended"));
    }
  }

  // After a wait that was given up, it can go on.
  void NoteFailure(const Error& error) {
    if (error.code() != ErrorCode::kCancelled && error.code() != ErrorCode::kTimedOut) {
      broken_ = true;
    }
  }

  // At least `count` bytes in the buffer.
  void Need(size_t count, const Context& context) {
    if (end_ - begin_ >= count) {
      return;
    }
    if (begin_ > 0) {
      std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_),
                buffer_.begin() + static_cast<std::ptrdiff_t>(end_), buffer_.begin());
      end_ -= begin_;
      begin_ = 0;
    }
    while (end_ < count) {
      try {
        end_ += stream_.Read(std::span(buffer_).subspan(end_), context, kReceiving);
      } catch (const Error& error) {
        NoteFailure(error);
        throw;
      }
    }
  }

  std::string_view Buffered() const { return {reinterpret_cast<const char*>(buffer_.data()) + begin_, end_ - begin_}; }

  Header ReadHeader(const Context& context) {
    Need(internal::kPduHeader, context);
    const Header header{static_cast<PduType>(Buffered()[0]), internal::ReadBigEndian32(Buffered().substr(2))};
    if (header.type != PduType::kData && header.length > internal::kMaxNegotiationPdu) {
      Fail("it does not speak DICOM");
    }
    begin_ += internal::kPduHeader;
    return header;
  }

  std::string ReadBody(size_t length, const Context& context) {
    std::string body;
    while (body.size() < length) {
      Need(1, context);
      const std::string_view piece = Buffered().substr(0, length - body.size());
      body += piece;
      begin_ += piece.size();
    }
    return body;
  }

  void Skip(size_t length, const Context& context) {
    while (length > 0) {
      Need(1, context);
      const size_t piece = std::min(length, Buffered().size());
      begin_ += piece;
      length -= piece;
    }
  }

  void NextPdu(const Context& context) {
    const Header header = ReadHeader(context);
    if (header.type != PduType::kData) {
      EndedBy(header, context);
    }
    pdu_left_ = header.length;
  }

  Fragment NextFragment(const Context& context) {
    CheckUsable();
    while (pdv_left_ == 0 && !pdv_begun_) {
      if (pdu_left_ == 0) {
        NextPdu(context);
        continue;
      }
      if (pdu_left_ < internal::kPdvHeader) {
        Fail("a message that is cut off");
      }
      Need(internal::kPdvHeader, context);
      const size_t length = internal::ReadBigEndian32(Buffered());
      if (length < 2 || length > pdu_left_ - 4) {
        Fail("a message with a wrong length");
      }
      pdv_context_ = static_cast<uint8_t>(Buffered()[4]);
      pdv_control_ = static_cast<uint8_t>(Buffered()[5]);
      begin_ += internal::kPdvHeader;
      pdu_left_ -= internal::kPdvHeader;
      pdv_left_ = length - 2;
      pdv_begun_ = true;
    }
    if (pdv_left_ > 0) {
      Need(1, context);
    }
    const std::string_view bytes = Buffered().substr(0, pdv_left_);
    const bool last = (pdv_control_ & internal::kPdvLast) != 0 && bytes.size() == pdv_left_;
    return {pdv_context_, (pdv_control_ & internal::kPdvCommand) != 0, last, bytes};
  }

  void Consume(const Fragment& fragment) {
    begin_ += fragment.bytes.size();
    pdv_left_ -= fragment.bytes.size();
    pdu_left_ -= fragment.bytes.size();
    pdv_begun_ = pdv_left_ > 0;
  }

  [[noreturn]] void Fail(const char* what) {
    Abort(kServiceProvider);
    throw Error(ErrorCode::kProtocol, StrCat(stream_.Cannot("understand"), what));
  }

  // A PDU that is no data.
  [[noreturn]] void EndedBy(const Header& header, const Context& context) {
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

  const AssociationRequest request_;
  std::string calling_aet_;
  internal::AssociationStream stream_;
  internal::Negotiated negotiated_;
  size_t max_sent_ = 0;
  uint16_t message_id_ = 0;
  bool broken_ = false;

  std::vector<std::byte> buffer_;
  size_t begin_ = 0;  // what is in the buffer and not yet used
  size_t end_ = 0;
  size_t pdu_left_ = 0;     // of the present P-DATA-TF
  size_t pdv_left_ = 0;     // of the present value in it
  bool pdv_begun_ = false;  // its header was read and it is not used up; true also for an empty one
  uint8_t pdv_context_ = 0;
  uint8_t pdv_control_ = 0;
  std::string command_;       // of the present one, what has come
  uint8_t data_context_ = 0;  // of the latest command
  bool data_due_ = false;     // its data set has not ended
};

Association::Association(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

std::unique_ptr<Association> Association::Accept(UniqueFd connection, const AssociationAcceptor& acceptor,
                                                 const Context& context) {
  return std::unique_ptr<Association>(
      new Association(std::make_unique<Impl>(std::move(connection), acceptor, context)));
}

Association::~Association() {
  Abort();
}

std::unique_ptr<Association> Association::Open(const DicomPeer& peer, const AssociationRequest& request,
                                               const Context& context) {
  return std::unique_ptr<Association>(new Association(std::make_unique<Impl>(peer, request, context)));
}

const AssociationRequest& Association::request() const {
  return impl_->request();
}

const std::string& Association::calling_aet() const {
  return impl_->calling_aet();
}

const std::vector<AcceptedContext>& Association::contexts() const {
  return impl_->negotiated().contexts;
}

const AcceptedContext& Association::ContextFor(std::string_view abstract_syntax) const {
  const auto found = std::find_if(contexts().begin(), contexts().end(), [&](const AcceptedContext& accepted) {
    return accepted.abstract_syntax == abstract_syntax;
  });
  if (found == contexts().end()) {
    throw Error(ErrorCode::kUnsupported,
                StrCat("Cannot use the service ", abstract_syntax, ": the peer does not offer it to us"));
  }
  return *found;
}

const AcceptedContext* Association::FindContext(uint8_t id) const {
  const auto found = std::find_if(contexts().begin(), contexts().end(),
                                  [&](const AcceptedContext& accepted) { return accepted.id == id; });
  return found == contexts().end() ? nullptr : &*found;
}

std::string Association::Extended(std::string_view sop_class) const {
  const auto& extended = impl_->negotiated().extended;
  const auto found = extended.find(std::string(sop_class));
  return found == extended.end() ? std::string() : found->second;
}

uint16_t Association::NextMessageId() {
  return impl_->NextMessageId();
}

void Association::Send(uint8_t context_id, const CommandSet& command, const Context& context) {
  impl_->Send(context_id, command, nullptr, context);
}

void Association::Send(uint8_t context_id, const CommandSet& command, std::string_view data_set,
                       const Context& context) {
  impl_->Send(context_id, command, &data_set, context);
}

DimseMessage Association::ReceiveCommand(const Context& context) {
  return impl_->ReceiveCommand(context);
}

void Association::ReceiveDataSet(const std::function<void(std::span<const std::byte>)>& take, const Context& context) {
  impl_->ReceiveDataSet(take, context);
}

std::string Association::ReceiveDataSet(size_t max_bytes, const Context& context) {
  std::string all;
  impl_->ReceiveDataSet(
      [&](std::span<const std::byte> piece) {
        if (all.size() + piece.size() > max_bytes) {
          throw Error(ErrorCode::kProtocol, "Cannot read the peer's answer: it is unreasonably long");
        }
        all.append(reinterpret_cast<const char*>(piece.data()), piece.size());
      },
      context);
  return all;
}

void Association::WaitForAnswer(const Context& context) {
  impl_->WaitForAnswer(context);
}

void Association::CheckAlive(const Context& context) {
  impl_->CheckAlive(context);
}

bool Association::Readable() {
  return impl_->Readable();
}

void Association::SendCancel(uint8_t context_id, uint16_t message_id, const Context& context) {
  CommandSet cancel(dimse::kCCancelRq);
  cancel.SetNumber(dimse::kMessageIdBeingRespondedTo, message_id);
  impl_->Send(context_id, cancel, nullptr, context);
}

Clock::duration Association::RoundTrip() const {
  return impl_->RoundTrip();
}

bool Association::broken() const {
  return impl_->broken();
}

void Association::Release() noexcept {
  impl_->Release();
}

void Association::Abort() noexcept {
  impl_->Abort(kServiceUser);
}

}  // namespace trolley
