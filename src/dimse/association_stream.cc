// The socket under one association, on the thread that uses it. No call may block without watching the context.
#include "dimse/association_stream.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "base/text.h"
#include "base/wait.h"
#include "trolley/error.h"

namespace trolley::internal {
namespace {

class PlainChannel : public Channel {
 public:
  explicit PlainChannel(int socket) : socket_(socket) {}
  Attempt Handshake() override { return {}; }
  Attempt Read(std::span<std::byte> room) override { return Result(recv(socket_, room.data(), room.size(), 0), true); }
  Attempt Write(std::string_view bytes) override {
    return Result(send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL), false);
  }
  bool HasBuffered() override { return false; }

 private:
  static Attempt Result(ssize_t count, bool reading) {
    if (count > 0) {
      return {Attempt::kDone, static_cast<size_t>(count)};
    }
    if (count == 0) {
      return {Attempt::kEnd, 0};
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
      return {reading ? Attempt::kWantsToRead : Attempt::kWantsToWrite, 0};
    }
    return {Attempt::kEnd, 0, std::generic_category().message(errno)};
  }

  const int socket_;
};

[[noreturn]] void ThrowEnd(const std::string& cannot, const Attempt& attempt) {
  throw Error(ErrorCode::kUnavailable, attempt.problem.empty()
                                           ? StrCat(cannot, "the peer closed the connection")
                                           : StrCat(cannot, "the connection was lost: ", attempt.problem));
}

}  // namespace

AssociationStream::AssociationStream(const DicomPeer& peer, const Context& context)
    : name_(PeerForLog(peer)), stall_timeout_(peer.stall_timeout), socket_(ConnectTcp(peer, context)) {
  constexpr const char* kDoing = "connect to";
  if (!peer.tls) {
    channel_ = std::make_unique<PlainChannel>(socket_.get());
    return;
  }
  channel_ = MakeTlsChannel(socket_.get(), peer);
  const Clock::time_point until = Clock::now() + peer.connect_timeout;
  for (;;) {
    const Attempt attempt = channel_->Handshake();
    if (attempt.state == Attempt::kDone) {
      return;
    }
    if (attempt.state == Attempt::kEnd) {
      throw Error(ErrorCode::kUnavailable,
                  StrCat(Cannot(kDoing), "no TLS connection: ",
                         attempt.problem.empty() ? "the peer closed the connection; does it speak TLS on this port?"
                                                 : attempt.problem));
    }
    Await(attempt, context, until - Clock::now(), kDoing);
  }
}

AssociationStream::AssociationStream(UniqueFd connection, std::string name, std::chrono::milliseconds stall_timeout)
    : name_(std::move(name)), stall_timeout_(stall_timeout), socket_(std::move(connection)) {
  const int on = 1;
  setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  fcntl(socket_.get(), F_SETFL, fcntl(socket_.get(), F_GETFL) | O_NONBLOCK);
  channel_ = std::make_unique<PlainChannel>(socket_.get());
}

std::string AssociationStream::Cannot(const char* doing) const {
  return StrCat("Cannot ", doing, " ", name_, ": ");
}

void AssociationStream::Check(const Context& context, const char* doing) const {
  if (context.stop.stop_requested()) {
    throw Error(ErrorCode::kCancelled, StrCat(Cannot(doing), "it was interrupted"));
  }
  if (Clock::now() >= context.deadline) {
    throw Error(ErrorCode::kTimedOut, StrCat(Cannot(doing), "it took longer than allowed"));
  }
}

void AssociationStream::Await(short events, const Context& context, Clock::duration patience, const char* doing) const {
  switch (WaitFor(socket_.get(), events, context, patience)) {
    case Waited::kReady:
      return;
    case Waited::kCancelled:
      throw Error(ErrorCode::kCancelled, StrCat(Cannot(doing), "it was interrupted"));
    case Waited::kDeadline:
      throw Error(ErrorCode::kTimedOut, StrCat(Cannot(doing), "it took longer than allowed"));
    case Waited::kNothing:
      throw Error(ErrorCode::kTimedOut, StrCat(Cannot(doing), "the peer was silent for ",
                                               std::chrono::ceil<std::chrono::milliseconds>(patience).count(), " ms"));
  }
}

void AssociationStream::Await(const Attempt& attempt, const Context& context, Clock::duration patience,
                              const char* doing) const {
  Await(attempt.state == Attempt::kWantsToWrite ? POLLOUT : POLLIN, context, patience, doing);
}

size_t AssociationStream::Read(std::span<std::byte> room, const Context& context, const char* doing) {
  for (;;) {
    Check(context, doing);
    const Attempt attempt = channel_->Read(room);
    if (attempt.state == Attempt::kDone) {
      AcknowledgeAtOnce();
      return attempt.bytes;
    }
    if (attempt.state == Attempt::kEnd) {
      ThrowEnd(Cannot(doing), attempt);
    }
    Await(attempt, context, stall_timeout_, doing);
  }
}

void AssociationStream::Write(std::string_view bytes, const Context& context, const char* doing) {
  for (bool first = true; !bytes.empty(); first = false) {
    if (!first) {
      Check(context, doing);
    }
    const Attempt attempt = channel_->Write(bytes);
    if (attempt.state == Attempt::kEnd) {
      ThrowEnd(Cannot(doing), attempt);
    }
    if (attempt.state == Attempt::kDone) {
      bytes.remove_prefix(attempt.bytes);
    } else {
      Await(attempt, context, stall_timeout_, doing);
    }
  }
}

void AssociationStream::WaitReadable(const Context& context, const char* doing) {
  if (!channel_->HasBuffered()) {
    Await(POLLIN, context, stall_timeout_, doing);
  }
}

bool AssociationStream::Readable() {
  pollfd fd{socket_.get(), POLLIN, 0};
  return channel_->HasBuffered() || poll(&fd, 1, 0) != 0;
}

Clock::duration AssociationStream::RoundTrip() const {
  tcp_info info{};
  socklen_t length = sizeof(info);
  getsockopt(socket_.get(), IPPROTO_TCP, TCP_INFO, &info, &length);
  return std::chrono::microseconds(info.tcpi_rtt);
}

// A peer that leaves Nagle's algorithm on sends its next small message only after our acknowledgement, which the
// kernel would delay by 40 ms. The kernel forgets this option now and then.
void AssociationStream::AcknowledgeAtOnce() const {
  const int on = 1;
  setsockopt(socket_.get(), IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
}

}  // namespace trolley::internal
