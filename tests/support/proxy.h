#ifndef TROLLEY_TESTS_SUPPORT_PROXY_H_
#define TROLLEY_TESTS_SUPPORT_PROXY_H_

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/unique_fd.h"
#include "support/http_fake.h"

namespace trolley {

// Stands between a client and a real HTTP server on 127.0.0.1, passes bytes on as they come, keeps a log of the
// requests, and makes trouble when told to. Thread-safe.
class CountingProxy {
 public:
  explicit CountingProxy(int upstream_port);
  ~CountingProxy();
  CountingProxy(const CountingProxy&) = delete;
  CountingProxy& operator=(const CountingProxy&) = delete;

  int port() const { return port_; }
  std::string Url(std::string_view path = "") const;  // "http://127.0.0.1:PORT" + path

  std::vector<ReceivedRequest> Requests() const;
  std::vector<std::string> Targets() const;
  // Those whose target contains `part` (and not `without`, when given).
  size_t CountRequests(std::string_view part = "", std::string_view without = "") const;
  void ForgetRequests();
  bool WaitForRequests(size_t count, std::string_view part = "",
                       std::chrono::milliseconds timeout = std::chrono::seconds(60)) const;
  // Bytes that servers sent so far, heads included.
  uint64_t BytesInResponses() const;

  // What follows holds for requests whose target contains `part`, until Pass().
  // No more than `after_bytes` of the response come through, then nothing more. With 0 the server gets no request.
  void Hang(std::string_view part = "", uint64_t after_bytes = 0);
  // After `after_bytes` of the response (its head counts) the connection is reset; at most `times` responses.
  void Cut(uint64_t after_bytes, std::string_view part = "", size_t times = SIZE_MAX);
  // Connections are refused, open ones reset.
  void Refuse();
  // All is well again; what hangs goes on.
  void Pass();

 private:
  struct Trouble {
    bool hang = false;
    std::string part;
    uint64_t after_bytes = 0;
    size_t times = 0;
    uint64_t generation = 0;
  };
  class Connection;

  void Open();
  void Close();
  void Accept();
  // Logs the request; the trouble that is meant for it, if any.
  std::optional<Trouble> Meet(const ReceivedRequest& request);
  bool Current(const Trouble& trouble) const;
  size_t CountLocked(std::string_view part, std::string_view without) const;

  const int upstream_port_;
  int port_ = 0;
  UniqueFd listener_;
  UniqueFd stop_;
  std::thread acceptor_;
  std::list<std::thread> workers_;
  mutable std::mutex mutex_;
  mutable std::condition_variable arrived_;
  std::vector<ReceivedRequest> requests_;
  std::optional<Trouble> trouble_;
  uint64_t generation_ = 0;
  uint64_t bytes_answered_ = 0;
};

}  // namespace trolley

#endif  // TROLLEY_TESTS_SUPPORT_PROXY_H_
