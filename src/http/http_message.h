#ifndef TROLLEY_HTTP_HTTP_MESSAGE_H_
#define TROLLEY_HTTP_HTTP_MESSAGE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace trolley {

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

}  // namespace trolley

#endif  // TROLLEY_HTTP_HTTP_MESSAGE_H_
