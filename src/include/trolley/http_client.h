#ifndef TROLLEY_HTTP_CLIENT_H_
#define TROLLEY_HTTP_CLIENT_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "trolley/context.h"
#include "trolley/secret.h"

namespace trolley {

class Authenticator;
class RateLimiter;

// A header of one's own ("X-Api-Key"), with a value that is given or, when `secret` is set, read from there.
struct CustomHeader {
  std::string name;
  std::string value = {};
  SecretSource secret = {};
};

// The certificate that this client shows to servers that ask for one. PEM files.
struct ClientCertificate {
  // May hold the certificates of its authorities, too, if the server wants those. Empty: none.
  std::string certificate_file = {};
  std::string key_file = {};       // empty: in certificate_file
  SecretSource key_password = {};  // empty: the key is not encrypted
};

struct HttpOptions {
  std::chrono::milliseconds connect_timeout{5000};  // name resolution, TCP and TLS
  std::chrono::milliseconds stall_timeout{30000};   // no byte in either direction for this time: kTimedOut
  std::string ca_file = {};                         // PEM; empty: the system's
  std::string proxy = {};                           // empty: the environment's, as curl reads it
  // URLs of the archive. Credentials go to their origins only: those of `auth`, `headers`, the client certificate, and
  // Authorization and Cookie lines of requests. Empty: the origin of each request.
  std::vector<std::string> home = {};
  std::shared_ptr<Authenticator> auth = {};  // null: none
  std::vector<CustomHeader> headers = {};
  ClientCertificate client_certificate = {};
  // HTTP/2 where a server offers it within TLS, for servers and proxies that want it. Each call still has a connection
  // of its own: several calls on one connection would slow each other down, and the frames of HTTP/2 cost CPU time.
  bool http2 = false;
  std::string user_agent = "trolleyfs";
  std::shared_ptr<RateLimiter> rate_limiter = {};  // null: no limit
};

struct HttpRequest {  // every member has a default, so that callers can name just some
  std::string method = "GET";
  std::string url = {};
  std::vector<std::string> headers = {};  // "Accept: ..."
  std::string body = {};
  bool accept_gzip = false;  // for JSON; never for pixel data: it costs more than it saves
  bool follow_redirects = true;
  bool renew_credentials = true;  // when they are refused; false: a refusal here says nothing about them
};

// The status line and the headers of a response.
struct HttpHead {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case, values trimmed
  // The first header of that (lower-case) name; empty when absent.
  std::string_view Header(std::string_view lower_name) const;
  std::optional<uint64_t> content_length;  // nullopt: chunked, or ended by the connection's close, or encoded
};

struct HttpResponse {
  HttpHead head;
  std::string body;
};

// Receives a response as it arrives. What these functions throw aborts the transfer and leaves through
// HttpClient::Stream(). OnHead() is called once, for the final response: not for 100, not for a 401 that is retried,
// not for redirects that are followed.
class HttpSink {
 public:
  virtual ~HttpSink() = default;
  virtual void OnHead(const HttpHead& head) = 0;
  virtual void OnBody(std::span<const std::byte> piece) = 0;
};

// An HTTP(S) client that keeps connections alive. Thread-safe; each call uses one connection.
// Calls end with Error: kUnavailable (no connection, connection lost, TLS refused), kTimedOut (connect, stall,
// deadline), kCancelled (at once when stop is requested), kProtocol (not HTTP, a body shorter or longer than its
// Content-Length or chunking promised). A complete response is not an error here, whatever its status: see CheckStatus.
// A request on a kept connection that the server had closed meanwhile is sent once more on a fresh one, unless a line
// of a response had arrived. Redirects are followed (at most 5) for GET; credentials are never sent to an origin that
// is not home. A 401 lets the authenticator renew once; what its Headers() throws ends the call. Error messages name
// method and URL without user info and query values.
class HttpClient {
 public:
  explicit HttpClient(HttpOptions options);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // The whole body in memory; over `max_body` bytes: kTooMany.
  HttpResponse Fetch(const HttpRequest& request, const Context& context, size_t max_body = size_t{1} << 30);
  // The body to `sink` in constant memory. Returns when the response is complete.
  HttpHead Stream(const HttpRequest& request, HttpSink& sink, const Context& context);

  // The round-trip time to the server: the shortest TCP handshake so far. nullopt before the first one, and through a
  // proxy.
  std::optional<Clock::duration> RoundTrip() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace trolley

#endif  // TROLLEY_HTTP_CLIENT_H_
