// ConnectTcp() of association_stream.h: resolves the peer's name on a thread of its own and tries the addresses in
// turn. Each wait ends at the deadline or a stop request.
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <thread>
#include <vector>

#include "base/text.h"
#include "base/wait.h"
#include "dimse/association_stream.h"
#include "trolley/error.h"

namespace trolley::internal {
namespace {

struct Address {
  int family = 0;
  socklen_t length = 0;
  sockaddr_storage storage{};
};

struct Resolution {
  int result = EAI_AGAIN;
  int os_error = 0;
  std::vector<Address> addresses;
};

Resolution LookUp(const std::string& host, uint16_t port, int flags) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV | flags;
  addrinfo* list = nullptr;
  Resolution out;
  out.result = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &list);
  out.os_error = errno;
  if (out.result == 0) {
    for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next) {
      Address address{entry->ai_family, entry->ai_addrlen, {}};
      std::memcpy(&address.storage, entry->ai_addr, entry->ai_addrlen);
      out.addresses.push_back(address);
    }
    freeaddrinfo(list);
  }
  return out;
}

[[noreturn]] void Fail(ErrorCode code, const DicomPeer& peer, std::string_view reason) {
  throw Error(code, StrCat("Cannot connect to ", PeerForLog(peer), ": ", reason));
}

void Await(int fd, short events, const DicomPeer& peer, const Context& context, Clock::time_point until) {
  switch (WaitFor(fd, events, context, until - Clock::now())) {
    case Waited::kReady:
      return;
    case Waited::kCancelled:
      Fail(ErrorCode::kCancelled, peer, "it was interrupted");
    case Waited::kDeadline:
      Fail(ErrorCode::kTimedOut, peer, "it took longer than allowed");
    case Waited::kNothing:
      Fail(ErrorCode::kTimedOut, peer, StrCat("no response within ", peer.connect_timeout.count(), " ms"));
  }
}

// Shared by the resolver's thread and its caller; the caller may end first.
struct Lookup {
  Resolution resolution;
  UniqueFd done{eventfd(0, EFD_CLOEXEC)};
};

// getaddrinfo() cannot be interrupted, so a detached thread waits for it.
Resolution Resolve(const DicomPeer& peer, const Context& context, Clock::time_point until) {
  Resolution numeric = LookUp(peer.host, peer.port, AI_NUMERICHOST);
  if (numeric.result == 0) {
    return numeric;
  }
  auto lookup = std::make_shared<Lookup>();
  std::thread([lookup, host = peer.host, port = peer.port] {
    lookup->resolution = LookUp(host, port, AI_ADDRCONFIG);
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = write(lookup->done.get(), &one, sizeof(one));
  }).detach();
  Await(lookup->done.get(), POLLIN, peer, context, until);
  uint64_t count = 0;
  [[maybe_unused]] const ssize_t read_bytes = read(lookup->done.get(), &count, sizeof(count));
  return std::move(lookup->resolution);
}

std::string SystemText(int os_error) {
  std::string text = std::generic_category().message(os_error);
  if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z') {
    text[0] = static_cast<char>(text[0] - 'A' + 'a');
  }
  return text;
}

// 0, or why not.
int TryAddress(const Address& address, UniqueFd& socket_fd, const DicomPeer& peer, const Context& context,
               Clock::time_point until) {
  socket_fd.Reset(socket(address.family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket_fd) {
    return errno;
  }
  // Small messages go at once; otherwise each waits 40 ms for the acknowledgement of the one before.
  const int on = 1;
  setsockopt(socket_fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  if (connect(socket_fd.get(), reinterpret_cast<const sockaddr*>(&address.storage), address.length) == 0) {
    return 0;
  }
  if (errno != EINPROGRESS) {
    return errno;
  }
  Await(socket_fd.get(), POLLOUT, peer, context, until);
  int error = 0;
  socklen_t length = sizeof(error);
  getsockopt(socket_fd.get(), SOL_SOCKET, SO_ERROR, &error, &length);
  return error;
}

}  // namespace

UniqueFd ConnectTcp(const DicomPeer& peer, const Context& context) {
  const Clock::time_point until = Clock::now() + peer.connect_timeout;
  const Resolution resolution = Resolve(peer, context, until);
  if (resolution.result != 0) {
    Fail(ErrorCode::kUnavailable, peer,
         resolution.result == EAI_SYSTEM ? SystemText(resolution.os_error)
                                         : std::string(gai_strerror(resolution.result)));
  }
  int error = ENOENT;
  auto left = static_cast<int>(resolution.addresses.size());
  for (const Address& address : resolution.addresses) {
    // An address that is silent must leave time for the next one.
    const Clock::time_point now = Clock::now();
    const Clock::time_point share = left > 1 ? now + (until - now) / left : until;
    --left;
    UniqueFd socket_fd;
    try {
      error = TryAddress(address, socket_fd, peer, context, share);
    } catch (const Error& silent) {
      if (silent.code() != ErrorCode::kTimedOut || left == 0 || Clock::now() >= context.deadline) {
        throw;
      }
      error = ETIMEDOUT;
    }
    if (error == 0) {
      return socket_fd;
    }
  }
  Fail(error == ETIMEDOUT ? ErrorCode::kTimedOut : ErrorCode::kUnavailable, peer, SystemText(error));
}

}  // namespace trolley::internal
