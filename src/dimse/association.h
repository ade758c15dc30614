#ifndef TROLLEY_DIMSE_ASSOCIATION_H_
#define TROLLEY_DIMSE_ASSOCIATION_H_

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.h"
#include "dimse/dimse.h"
#include "trolley/context.h"
#include "trolley/dicom_peer.h"
#include "trolley/error.h"

namespace trolley {

// One presentation context that is proposed.
struct ProposedContext {
  std::string abstract_syntax;
  std::vector<std::string> transfer_syntaxes;
  bool scp_role = false;  // we receive C-STORE on it (C-GET): SCP/SCU role selection
  auto operator<=>(const ProposedContext&) const = default;
};

// SOP class extended negotiation, PS3.7 §D.3.3.5; e.g. "\x01" for relational queries of a FIND class.
struct ExtendedNegotiation {
  std::string sop_class;
  std::string information;
  auto operator<=>(const ExtendedNegotiation&) const = default;
};

struct AssociationRequest {
  std::vector<ProposedContext> contexts;  // at most 128
  std::vector<ExtendedNegotiation> extended = {};
  auto operator<=>(const AssociationRequest&) const = default;
};

struct AcceptedContext {
  uint8_t id = 0;
  std::string abstract_syntax;
  std::string transfer_syntax;
  bool scp_role = false;  // the peer agreed that we are the SCP
};

// "Rejected, transient": local limit exceeded, temporary congestion and the like. Worth another try a little later.
class CongestionError : public Error {
 public:
  explicit CongestionError(const std::string& message) : Error(ErrorCode::kUnavailable, message) {}
};

struct DimseMessage {
  uint8_t context_id = 0;
  CommandSet command;
};

// How we respond to a peer that calls us.
struct AssociationAcceptor {
  uint32_t max_pdu = 131072;                       // bytes of a P-DATA-TF PDU that we accept
  std::chrono::milliseconds stall_timeout{60000};  // no byte in either direction during it: kTimedOut
  std::string called_aet = {};                     // a peer that calls another title is rejected; empty: any will do
  // Returns the one of the `proposed` transfer syntaxes that we accept for `abstract_syntax`; empty: none.
  std::function<std::string(const std::string& abstract_syntax, const std::vector<std::string>& proposed)> choose;
};

// One association with a peer that we called, or that called us; not thread-safe. Every call ends with
// Error: kCancelled as soon as stop is requested, kTimedOut (the context's deadline, or no byte within stall_timeout),
// kUnavailable (connection lost, aborted or released by the peer), kProtocol (not DICOM). After kCancelled and
// kTimedOut while receiving it may go on where it was: broken() tells.
class Association {
 public:
  // Connects and negotiates. Throws kUnavailable (no connection, TLS refused; CongestionError), kAccessDenied
  // (rejected for good; the message names the AE title to check), kTimedOut, kCancelled. Success may come with any
  // number of contexts accepted, also none.
  static std::unique_ptr<Association> Open(const DicomPeer& peer, const AssociationRequest& request,
                                           const Context& context);
  // Responds to the request that a peer makes on a `connection` that it opened. Errors as above; kAccessDenied: we
  // rejected it.
  static std::unique_ptr<Association> Accept(UniqueFd connection, const AssociationAcceptor& acceptor,
                                             const Context& context);
  ~Association();  // aborts, unless released
  Association(const Association&) = delete;
  Association& operator=(const Association&) = delete;

  const AssociationRequest& request() const;             // empty when the peer called us
  const std::string& calling_aet() const;                // of the peer that called us; else empty
  const std::vector<AcceptedContext>& contexts() const;  // in the order of the request
  // The first accepted context of that abstract syntax; throws kUnsupported when the peer accepted none.
  const AcceptedContext& ContextFor(std::string_view abstract_syntax) const;
  const AcceptedContext* FindContext(uint8_t id) const;  // null: not accepted
  // The peer's response to an extended negotiation; empty: nothing.
  std::string Extended(std::string_view sop_class) const;
  uint16_t NextMessageId();

  // Sends a message. CommandDataSetType is set here. A data set is encoded in the context's transfer syntax.
  void Send(uint8_t context_id, const CommandSet& command, const Context& context);
  void Send(uint8_t context_id, const CommandSet& command, std::string_view data_set, const Context& context);

  // The next command. The rest of the previous message's data set is read and dropped first.
  DimseMessage ReceiveCommand(const Context& context);
  // Gives the data set of the command received last to `take` as it arrives, in constant memory, byte for byte.
  // Exceptions of `take` pass through.
  void ReceiveDataSet(const std::function<void(std::span<const std::byte>)>& take, const Context& context);
  // The whole data set; over `max_bytes`: kProtocol.
  std::string ReceiveDataSet(size_t max_bytes, const Context& context);
  // Waits until bytes arrive or the connection ends.
  void WaitForResponse(const Context& context);
  // Bytes have arrived or the connection has ended; does not wait.
  bool Readable();
  // Throws when what arrives next is the end of the association; waits for its first bytes.
  void CheckAlive(const Context& context);

  // Asks the peer to end the operation (C-CANCEL); responses still come until its final one.
  void SendCancel(uint8_t context_id, uint16_t message_id, const Context& context);

  // The round trip of a packet, as measured by TCP.
  Clock::duration RoundTrip() const;

  bool broken() const;  // it has ended; no call can succeed
  // Ends it with A-RELEASE. Failures are only logged. Waits two seconds at most.
  void Release() noexcept;
  void Abort() noexcept;

 private:
  class Impl;
  explicit Association(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace trolley

#endif  // TROLLEY_DIMSE_ASSOCIATION_H_
