#ifndef TROLLEY_HTTP_HTTP_EXCHANGE_H_
#define TROLLEY_HTTP_HTTP_EXCHANGE_H_

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "trolley/context.h"
#include "trolley/http_client.h"

namespace trolley::internal {

struct HttpCertificate {
  std::string certificate_file;
  std::string key_file;
  std::string key_password;
};

// One request to one URL, and the callbacks for its response.
struct HttpExchange {
  std::string method;
  std::string url;
  std::vector<std::string> headers;
  std::string_view body;
  bool accept_gzip = false;
  const HttpCertificate* certificate = nullptr;
  std::function<bool(const HttpHead&)> on_head = {};  // false: the body is not wanted
  std::function<void(std::span<const std::byte>)> on_body = {};
  std::function<void(Clock::duration)> on_connect = {};  // the time of a new connection's TCP handshake
};

}  // namespace trolley::internal

#endif  // TROLLEY_HTTP_HTTP_EXCHANGE_H_
