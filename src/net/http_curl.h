#ifndef TROLLEY_NET_HTTP_CURL_H_
#define TROLLEY_NET_HTTP_CURL_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "net/http.h"

// The door to libcurl, for http.cc alone.
namespace trolley::internal {

// One request to one URL, and what becomes of its answer.
struct HttpExchange {
  std::string method;
  std::string url;
  std::vector<std::string> headers;
  std::string_view body;
  bool accept_gzip = false;
  std::function<bool(const HttpHead&)> on_head;  // false: the body is not wanted
  std::function<void(std::span<const std::byte>)> on_body;
};

// A place for one exchange at a time, which keeps the connections of the former ones.
class HttpSlot {
 public:
  explicit HttpSlot(const HttpOptions& options);  // outlives the slot
  ~HttpSlot();
  HttpSlot(const HttpSlot&) = delete;
  HttpSlot& operator=(const HttpSlot&) = delete;

  // Errors as in HttpClient; redirects and 401 are answers like any other here.
  HttpHead Perform(const HttpExchange& exchange, const Context& context);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// "scheme://host:port" with the port always given, lower case; nullopt when it is no http(s) URL.
std::optional<std::string> HttpOrigin(const std::string& url);
// Where a redirect leads. User info comes from `base` alone, and only for its own origin. nullopt: nowhere valid.
std::optional<std::string> ResolveRedirect(const std::string& base, const std::string& location);

}  // namespace trolley::internal

#endif  // TROLLEY_NET_HTTP_CURL_H_
