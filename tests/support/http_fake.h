#ifndef TROLLEY_TESTS_SUPPORT_HTTP_FAKE_H_
#define TROLLEY_TESTS_SUPPORT_HTTP_FAKE_H_

#include <chrono>
#include <condition_variable>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/unique_fd.h"

namespace trolley {

struct ReceivedRequest {
  std::string method;
  std::string target;                          // as received: path and query, not decoded
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
  std::string raw;        // every byte of it
  size_t number = 0;      // 0 for the first that the server got
  size_t connection = 0;  // 0 for the server's first connection

  std::string Header(const std::string& lower_case_name) const;  // "" when missing
};

// Takes the first complete request (with a body of Content-Length bytes) off `buffer`; nullopt when there is none yet.
std::optional<ReceivedRequest> TakeRequest(std::string& buffer);

// The response that a handler sends, byte by byte if it likes. All calls return at once when the client or the server
// goes away; those that return bool then give false.
class HttpReply {
 public:
  using Headers = std::vector<std::pair<std::string, std::string>>;

  HttpReply(UniqueFd& socket, int stop) : socket_(socket), stop_(stop) {}

  // A complete, correct response; the connection is kept.
  bool Respond(int status, const std::string& content_type, std::string_view body, const Headers& more = {});
  // Status line, headers and blank line, nothing added.
  bool Head(int status, const Headers& headers);
  // These bytes, whatever they are.
  bool Send(std::string_view bytes);
  // `piece` bytes at a time with a pause after each.
  bool Dribble(std::string_view bytes, size_t piece, std::chrono::milliseconds pause);
  // Waits for ever: until the client closes or the server goes away.
  void Hang();
  // Nothing for that long.
  bool Wait(std::chrono::milliseconds time);
  // Ends the connection: orderly (what was sent arrives), or with a reset.
  void Close() { socket_.Reset(); }
  void Cut();

 private:
  UniqueFd& socket_;
  int stop_;
};

// An HTTP/1.1 server on a free port of 127.0.0.1 whose responses the test makes. The handler runs on a thread for each
// connection, for many at the same time; a connection is kept until the handler closes it. Thread-safe.
class FakeHttpServer {
 public:
  using Handler = std::function<void(const ReceivedRequest&, HttpReply&)>;

  explicit FakeHttpServer(Handler handler = {});  // none: 404 to everything
  ~FakeHttpServer();
  FakeHttpServer(const FakeHttpServer&) = delete;
  FakeHttpServer& operator=(const FakeHttpServer&) = delete;

  int port() const { return port_; }
  std::string Url(std::string_view path = "") const;  // "http://127.0.0.1:PORT" + path

  // For requests that begin after this.
  void SetHandler(Handler handler);
  std::vector<ReceivedRequest> Requests() const;
  std::vector<std::string> Targets() const;
  // Those whose target contains `part`.
  size_t CountRequests(std::string_view part = "") const;
  size_t CountConnections() const;
  // Until `count` requests contain `part`; false when that takes too long.
  bool WaitForRequests(size_t count, std::string_view part = "",
                       std::chrono::milliseconds timeout = std::chrono::seconds(60)) const;

 private:
  void Accept();
  void Serve(UniqueFd socket, size_t connection);
  size_t CountLocked(std::string_view part) const;

  UniqueFd listener_;
  int port_;
  UniqueFd stop_;
  mutable std::mutex mutex_;
  mutable std::condition_variable arrived_;
  Handler handler_;
  std::vector<ReceivedRequest> requests_;
  size_t connections_ = 0;
  std::list<std::thread> workers_;
  std::thread acceptor_;
};

}  // namespace trolley

#endif  // TROLLEY_TESTS_SUPPORT_HTTP_FAKE_H_
