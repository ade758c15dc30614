#ifndef TROLLEY_HTTP_HTTP_CLIENT_H_
#define TROLLEY_HTTP_HTTP_CLIENT_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/context.h"
#include "http/auth/authenticator.h"

namespace trolley {

class RateLimiter;

// What this client shows of itself to servers that ask for a certificate. PEM files.
struct ClientCertificate {
  std::string certificate_file =
      {};                          // with the certificates of its authorities, if the server wants those; empty: none
  std::string key_file = {};       // empty: in certificate_file
  SecretSource key_password = {};  // empty: the key is not encrypted
};

struct HttpOptions {
  std::chrono::milliseconds connect_timeout{5000};  // name resolution, TCP and TLS
  std::chrono::milliseconds stall_timeout{30000};   // no byte in either direction for so long: kTimedOut
  std::string ca_file = {};                         // PEM; empty: the system's
  std::string proxy = {};                           // empty: the environment's, as curl reads it
  // URLs of the archive. Only to their origins go credentials: those of `auth`, `headers`, the client certificate, and
  // Authorization and Cookie lines of requests. Empty: the origin of each request.
  std::vector<std::string> home = {};
  std::shared_ptr<Authenticator> auth = {};  // null: none
  std::vector<CustomHeader> headers = {};
  ClientCertificate client_certificate = {};
  // HTTP/2 where a server offers it within TLS. Each call still has a connection of its own: several on one would hold
  // each other up, and what TLS and 2's frames cost is measurable. For servers and proxies that want it.
  bool http2 = false;
  std::string user_agent = "trolleyfs";
  std::shared_ptr<RateLimiter> pace = {};  // null: as fast as they come
};

struct HttpRequest {  // every member has a default, so that callers can name just some
  std::string method = "GET";
  std::string url = {};
  std::vector<std::string> headers = {};  // "Accept: ..."
  std::string body = {};
  bool accept_gzip = false;  // for JSON; never for pixel data: it costs more than it saves
  bool follow_redirects = true;
  bool renew_credentials = true;  // when they are refused; false: a refusal here says nothing of them
};

// Status line and headers. Told once for the final response (not for 100, 401-then-retried, or redirects that are
// followed).
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

// Told of a response as it arrives. What these throw aborts the transfer and leaves through Stream().
class HttpSink {
 public:
  virtual ~HttpSink() = default;
  virtual void OnHead(const HttpHead& head) = 0;
  virtual void OnBody(std::span<const std::byte> piece) = 0;
};

// An HTTP(S) client that keeps connections alive and is used from any number of threads; each call uses one connection.
// Calls end with Error: kUnavailable (no connection, connection lost, TLS refused), kTimedOut (connect, stall,
// deadline), kCancelled (at once when stop is requested), kProtocol (not HTTP, a body shorter or longer than its
// Content-Length or chunking promised). Any complete response is no error here, whatever its status: see CheckStatus. A
// request on a kept connection that the server had closed meanwhile is sent once more on a fresh one, if no line of an
// answer had come. Redirects are followed (at most 5) for GET; credentials are never sent to an origin that is not
// home. A 401 lets the authenticator renew once; what its Headers() throws ends the call. Error messages name method
// and URL without user info and query values.
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

  // The way there and back: the least time that making a connection took. nullopt before there was one, and through a
  // proxy.
  std::optional<Clock::duration> RoundTrip() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// Throws for a status that is no success, with what to do: 401/403 kAccessDenied, 408/504 kTimedOut, 429/5xx
// kUnavailable, 413 kTooMany, other 4xx kProtocol. `doing` completes "Cannot <doing>: ...". 2xx and, for the caller to
// judge, 404 and 410 pass. `body` (may be empty) contributes a short printable excerpt.
void CheckStatus(const HttpHead& head, std::string_view doing, std::string_view body = {});

// A URL for messages: without user info, values of its query replaced by "...".
std::string UrlForLog(std::string_view url);

}  // namespace trolley

#endif  // TROLLEY_HTTP_HTTP_CLIENT_H_
