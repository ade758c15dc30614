#include "support/tcp_proxy.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>
#include <vector>

#include "support/sockets.h"

namespace trolley {

TcpProxy::TcpProxy(int upstream_port, int port)
    : upstream_port_(upstream_port),
      listener_(ListenOnLoopback(port)),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      never_(eventfd(0, EFD_CLOEXEC)) {
  port_ = PortOf(listener_.get());
  thread_ = std::thread([this] { Serve(); });
}

TcpProxy::~TcpProxy() {
  stop_ = true;
  Set(Trouble::kNone, 0);
  thread_.join();
}

void TcpProxy::Set(Trouble trouble, uint64_t after_bytes, Toward toward) {
  toward_ = toward;
  after_bytes_ = after_bytes;
  trouble_ = trouble;
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wake_.get(), &one, sizeof(one));
}

void TcpProxy::Accept() {
  Connection connection{UniqueFd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)), UniqueFd(), 0, 0};
  if (trouble_ != Trouble::kRefuse) {
    connection.server = ConnectToLoopback(upstream_port_);
  }
  if (!connection.server) {
    Reset(connection.client);
    return;
  }
  ++connections_;
  open_.push_back(std::move(connection));
}

// False when the connection has ended.
bool TcpProxy::Forward(Connection& connection, bool from_server) {
  const UniqueFd& from = from_server ? connection.server : connection.client;
  const UniqueFd& to = from_server ? connection.client : connection.server;
  std::array<char, 65536> buffer;
  const ssize_t count = recv(from.get(), buffer.data(), buffer.size(), 0);
  if (count <= 0) {
    return false;
  }
  std::string_view bytes(buffer.data(), static_cast<size_t>(count));
  uint64_t& passed = from_server ? connection.answered : connection.asked;
  const bool limited =
      from_server == (toward_ == Toward::kClient) && (trouble_ == Trouble::kHang || trouble_ == Trouble::kCut);
  if (limited) {
    bytes = bytes.substr(0, after_bytes_ - std::min<uint64_t>(passed, after_bytes_));
  }
  passed += bytes.size();
  const bool sent = SendAll(to.get(), bytes, never_.get());
  if (limited && trouble_ == Trouble::kCut && passed >= after_bytes_) {
    Reset(connection.client);
    return false;
  }
  return sent || trouble_ == Trouble::kHang;
}

void TcpProxy::Serve() {
  while (!stop_) {
    if (trouble_ == Trouble::kRefuse) {
      for (Connection& connection : open_) {
        Reset(connection.client);
      }
      open_.clear();
    }
    std::vector<pollfd> fds = {{wake_.get(), POLLIN, 0}, {listener_.get(), POLLIN, 0}};
    for (const Connection& connection : open_) {
      fds.push_back({connection.client.get(), POLLIN, 0});
      fds.push_back({connection.server.get(), POLLIN, 0});
    }
    poll(fds.data(), fds.size(), -1);
    uint64_t count = 0;
    [[maybe_unused]] const ssize_t woken = read(wake_.get(), &count, sizeof(count));
    size_t at = 2;
    for (auto connection = open_.begin(); connection != open_.end(); at += 2) {
      const bool alive = (fds[at].revents == 0 || Forward(*connection, false)) &&
                         (fds[at + 1].revents == 0 || Forward(*connection, true));
      connection = alive ? std::next(connection) : open_.erase(connection);
    }
    if (fds[1].revents != 0) {
      Accept();
    }
  }
}

}  // namespace trolley
