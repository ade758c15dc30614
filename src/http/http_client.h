#ifndef TROLLEY_HTTP_HTTP_CLIENT_H_
#define TROLLEY_HTTP_HTTP_CLIENT_H_

#include <cstddef>
#include <memory>
#include <optional>

#include "base/context.h"
#include "http/http_message.h"
#include "http/http_options.h"

namespace trolley {

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

#endif  // TROLLEY_HTTP_HTTP_CLIENT_H_
