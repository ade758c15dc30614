#ifndef TROLLEY_DIMSE_ASSOCIATION_STREAM_H_
#define TROLLEY_DIMSE_ASSOCIATION_STREAM_H_

#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/unique_fd.h"
#include "trolley/context.h"
#include "trolley/dicom_peer.h"

namespace trolley::internal {

// A channel's response to one attempt that does not wait.
struct Attempt {
  enum State { kDone, kWantsToRead, kWantsToWrite, kEnd };
  State state = kDone;
  size_t bytes = 0;
  std::string problem = {};  // with kEnd: empty when the peer closed in order
};

// How bytes go through a connected, non-blocking socket: as they are, or encrypted.
class Channel {
 public:
  virtual ~Channel() = default;
  virtual Attempt Handshake() = 0;
  virtual Attempt Read(std::span<std::byte> room) = 0;
  virtual Attempt Write(std::string_view bytes) = 0;
  virtual bool HasBuffered() = 0;  // something can be read although the socket is silent
};

// TLS to the peer, PS3.15 annex B. Throws kUnavailable or kInvalidArgument for files that cannot be used.
std::unique_ptr<Channel> MakeTlsChannel(int socket, const DicomPeer& peer);

// The connection under an association. Each wait ends with Error: kCancelled, kTimedOut (deadline, or silence for
// stall_timeout), kUnavailable (closed or lost); messages begin with what is being done, "Cannot <doing>: ".
class AssociationStream {
 public:
  AssociationStream(const DicomPeer& peer, const Context& context);  // resolves, connects, shakes hands

  // On a connection that a peer opened; `name` is the peer's, for messages.
  AssociationStream(UniqueFd connection, std::string name, std::chrono::milliseconds stall_timeout);

  // At least one byte. Looks at the context first: a peer that never pauses must not keep us.
  size_t Read(std::span<std::byte> room, const Context& context, const char* doing);
  // Bytes that fit without waiting are sent even if the context has ended; an abort needs that.
  void Write(std::string_view bytes, const Context& context, const char* doing);
  // Waits until there is something to read; it may be the connection's end.
  void WaitReadable(const Context& context, const char* doing);
  bool Readable();
  Clock::duration RoundTrip() const;            // as the kernel has measured it
  std::string Cannot(const char* doing) const;  // "Cannot <doing> (VNA@host:104): "

 private:
  void Check(const Context& context, const char* doing) const;
  void Await(short events, const Context& context, Clock::duration patience, const char* doing) const;
  void Await(const Attempt& attempt, const Context& context, Clock::duration patience, const char* doing) const;
  void AcknowledgeAtOnce() const;

  const std::string name_;
  const std::chrono::milliseconds stall_timeout_;
  UniqueFd socket_;
  std::unique_ptr<Channel> channel_;
};

// A connected, non-blocking socket. Throws kUnavailable, kTimedOut, kCancelled.
UniqueFd ConnectTcp(const DicomPeer& peer, const Context& context);

}  // namespace trolley::internal

#endif  // TROLLEY_DIMSE_ASSOCIATION_STREAM_H_
