#ifndef TROLLEY_DIMSE_ASSOCIATION_IMPL_H_
#define TROLLEY_DIMSE_ASSOCIATION_IMPL_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dimse/association.h"
#include "dimse/association_negotiation.h"
#include "dimse/association_stream.h"
#include "dimse/pdu.h"

namespace trolley {

// The state of an association, shared by three files: association.cc has the public calls, association_lifecycle.cc
// opens and ends it, association_messages.cc sends and receives. One thread uses it; it has no locks.
//
// PDUs are read from a buffer that is filled as bytes arrive. The remaining bytes of the current PDU and of the current
// value in it are counted down, so that a cancelled wait loses nothing.
class Association::Impl {
 public:
  // Abort sources, PS3.8 §9.3.8.
  static constexpr uint8_t kServiceUser = 0;
  static constexpr uint8_t kServiceProvider = 2;

  // Calls the peer.
  Impl(const DicomPeer& peer, AssociationRequest request, const Context& context);
  // A peer called us.
  Impl(UniqueFd connection, const AssociationAcceptor& acceptor, const Context& context);

  const AssociationRequest& request() const { return request_; }
  const std::string& calling_aet() const { return calling_aet_; }
  const internal::Negotiated& negotiated() const { return negotiated_; }
  bool broken() const { return broken_; }
  uint16_t NextMessageId() { return message_id_ = static_cast<uint16_t>(message_id_ % 0xFFFF + 1); }

  void Send(uint8_t context_id, CommandSet command, const std::string_view* data_set, const Context& context);
  DimseMessage ReceiveCommand(const Context& context);
  void ReceiveDataSet(const std::function<void(std::span<const std::byte>)>& take, const Context& context);
  void WaitForResponse(const Context& context);
  // Reads the header of the next P-DATA-TF.
  void CheckAlive(const Context& context);
  Clock::duration RoundTrip() const { return stream_.RoundTrip(); }
  bool Readable() { return begin_ < end_ || stream_.Readable(); }

  void Release() noexcept;
  void Abort(uint8_t source) noexcept;

 private:
  static constexpr std::chrono::seconds kReleaseTime{2};
  static constexpr const char* kReceiving = "receive from";
  static constexpr const char* kSending = "send to";

  struct Header {
    internal::PduType type;
    size_t length;
  };
  // A piece of a P-DATA value, in the buffer.
  struct Fragment {
    uint8_t context_id;
    bool command;
    bool last;  // it ends a command or a data set
    std::string_view bytes;
  };

  void Negotiate(const DicomPeer& peer, const Context& context);
  void AcceptRequest(const AssociationAcceptor& acceptor, const Context& context);
  void Agree(internal::Negotiated negotiated);
  // Handles a PDU that is not data.
  [[noreturn]] void EndedBy(const Header& header, const Context& context);
  [[noreturn]] void Fail(const char* what);

  // Aborts on failure: a message that was sent in part cannot be taken back.
  void Write(std::string_view bytes, const Context& context);
  void CheckUsable() const;
  // A cancelled or timed out wait can go on; any other failure ends the association.
  void NoteFailure(const Error& error);
  // At least `count` bytes in the buffer.
  void Need(size_t count, const Context& context);
  std::string_view Buffered() const { return {reinterpret_cast<const char*>(buffer_.data()) + begin_, end_ - begin_}; }
  Header ReadHeader(const Context& context);
  std::string ReadBody(size_t length, const Context& context);
  void Skip(size_t length, const Context& context);
  void NextPdu(const Context& context);
  Fragment NextFragment(const Context& context);
  void Consume(const Fragment& fragment);

  const AssociationRequest request_;
  std::string calling_aet_;
  internal::AssociationStream stream_;
  internal::Negotiated negotiated_;
  size_t max_sent_ = 0;
  uint16_t message_id_ = 0;
  bool broken_ = false;

  std::vector<std::byte> buffer_;
  size_t begin_ = 0;  // the unused bytes in the buffer
  size_t end_ = 0;
  size_t pdu_left_ = 0;     // of the current P-DATA-TF
  size_t pdv_left_ = 0;     // of the current value in it
  bool pdv_begun_ = false;  // its header was read and it is not used up; true also for an empty one
  uint8_t pdv_context_ = 0;
  uint8_t pdv_control_ = 0;
  std::string command_;       // the part of the current command that has arrived
  uint8_t data_context_ = 0;  // of the latest command
  bool data_due_ = false;     // its data set has not ended
};

}  // namespace trolley

#endif  // TROLLEY_DIMSE_ASSOCIATION_IMPL_H_
