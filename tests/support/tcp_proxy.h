#ifndef TROLLEY_TESTS_SUPPORT_TCP_PROXY_H_
#define TROLLEY_TESTS_SUPPORT_TCP_PROXY_H_

#include <atomic>
#include <cstdint>
#include <list>
#include <thread>

#include "base/unique_fd.h"

namespace trolley {

// Stands between a client and a server of any protocol on 127.0.0.1 and makes trouble when told to; it holds for new
// bytes and connections from then on. (CountingProxy is the one that understands HTTP.) Thread-safe.
class TcpProxy {
 public:
  enum class Toward { kClient, kServer };

  explicit TcpProxy(int upstream_port, int port = 0);  // 0 picks one
  ~TcpProxy();
  TcpProxy(const TcpProxy&) = delete;
  TcpProxy& operator=(const TcpProxy&) = delete;

  int port() const { return port_; }
  int connections() const { return connections_; }

  // No more than `after_bytes` of what the server (or the client) sends on a connection come through, then nothing
  // more.
  void Hang(uint64_t after_bytes, Toward toward = Toward::kClient) { Set(Trouble::kHang, after_bytes, toward); }
  // After so many the connection is reset.
  void Cut(uint64_t after_bytes, Toward toward = Toward::kClient) { Set(Trouble::kCut, after_bytes, toward); }
  // Connections are reset at once.
  void Refuse() { Set(Trouble::kRefuse, 0); }
  void Pass() { Set(Trouble::kNone, 0); }

 private:
  enum class Trouble { kNone, kHang, kCut, kRefuse };
  struct Connection {
    UniqueFd client;
    UniqueFd server;
    uint64_t answered = 0;
    uint64_t asked = 0;
  };

  void Set(Trouble trouble, uint64_t after_bytes, Toward toward = Toward::kClient);
  void Serve();
  void Accept();
  bool Forward(Connection& connection, bool from_server);

  const int upstream_port_;
  UniqueFd listener_;
  UniqueFd wake_;
  UniqueFd never_;  // stays silent
  int port_ = 0;
  std::atomic<bool> stop_{false};
  std::atomic<int> connections_{0};
  std::atomic<Trouble> trouble_{Trouble::kNone};
  std::atomic<uint64_t> after_bytes_{0};
  std::atomic<Toward> toward_{Toward::kClient};
  std::list<Connection> open_;
  std::thread thread_;
};

}  // namespace trolley

#endif  // TROLLEY_TESTS_SUPPORT_TCP_PROXY_H_
