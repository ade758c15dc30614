#include "support/sockets.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <mutex>
#include <random>
#include <stdexcept>
#include <string>

namespace trolley {
namespace {

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

}  // namespace

UniqueFd ListenOnLoopback(int port) {
  UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const sockaddr_in address = Loopback(port);
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 || listen(fd.get(), 1024) != 0) {
    throw std::runtime_error("Cannot listen on port " + std::to_string(port) + ": " + std::strerror(errno));
  }
  return fd;
}

int PortOf(int listening_fd) {
  sockaddr_in address{};
  socklen_t length = sizeof address;
  getsockname(listening_fd, reinterpret_cast<sockaddr*>(&address), &length);
  return ntohs(address.sin_port);
}

int FreePort() {
  // Below what the kernel gives to connections: tests that run at the same time make thousands, and one could get the
  // port before its server does.
  constexpr int kFirst = 15000;
  static const int end = [] {
    int low = 0;
    std::ifstream("/proc/sys/net/ipv4/ip_local_port_range") >> low;
    return low > kFirst ? low : 32768;
  }();
  static std::mt19937 random(std::random_device{}());
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  for (int attempts = 0; attempts < 1000; ++attempts) {
    const int port = std::uniform_int_distribution(kFirst, end - 1)(random);
    try {
      ListenOnLoopback(port);
      return port;
    } catch (const std::runtime_error&) {  // somebody has it
    }
  }
  return PortOf(ListenOnLoopback().get());
}

UniqueFd ConnectToLoopback(int port) {
  UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in address = Loopback(port);
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return UniqueFd();
  }
  const int on = 1;
  setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

bool SendAll(int fd, std::string_view bytes, int stop) {
  while (!bytes.empty()) {
    std::array<pollfd, 2> events = {{{fd, POLLOUT, 0}, {stop, POLLIN, 0}}};
    if (poll(events.data(), events.size(), -1) < 0 && errno != EINTR) {
      return false;
    }
    if (events[1].revents != 0) {
      return false;
    }
    if (events[0].revents == 0) {
      continue;
    }
    const ssize_t sent = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) {
      return false;
    }
    bytes.remove_prefix(sent > 0 ? static_cast<size_t>(sent) : 0);
  }
  return true;
}

void Reset(UniqueFd& fd) {
  const linger hard{1, 0};
  setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  fd.Reset();
}

}  // namespace trolley
