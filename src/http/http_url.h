#ifndef TROLLEY_HTTP_HTTP_URL_H_
#define TROLLEY_HTTP_HTTP_URL_H_

#include <optional>
#include <string>
#include <string_view>

namespace trolley::internal {

struct HttpUrl {
  std::string scheme;  // "http" or "https"
  std::string host;    // lower case
  std::string port;    // always given
  std::string target;  // path and query as they are sent
};
// nullopt when it is not an http(s) URL.
std::optional<HttpUrl> ParseHttpUrl(const std::string& url);
// "localhost", "127.0.0.1", "[::1]": what is sent there does not leave this computer.
bool IsLoopback(std::string_view host);
// "scheme://host:port" with the port always given, lower case; nullopt when it is not an http(s) URL.
std::optional<std::string> HttpOrigin(const std::string& url);
// The target of a redirect. User info comes from `base` alone, and only for its own origin. nullopt: not a valid one.
std::optional<std::string> ResolveRedirect(const std::string& base, const std::string& location);

}  // namespace trolley::internal

#endif  // TROLLEY_HTTP_HTTP_URL_H_
