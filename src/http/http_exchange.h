#ifndef TROLLEY_HTTP_HTTP_EXCHANGE_H_
#define TROLLEY_HTTP_HTTP_EXCHANGE_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "http/http_client.h"

// What the parts of the HTTP client share.
namespace trolley::internal {

struct HttpCertificate {
  std::string certificate_file;
  std::string key_file;
  std::string key_password;
};

// One request to one URL, and what becomes of its answer.
struct HttpExchange {
  std::string method;
  std::string url;
  std::vector<std::string> headers;
  std::string_view body;
  bool accept_gzip = false;
  const HttpCertificate* certificate = nullptr;
  std::function<bool(const HttpHead&)> on_head = {};  // false: the body is not wanted
  std::function<void(std::span<const std::byte>)> on_body = {};
  std::function<void(Clock::duration)> on_connect = {};  // what TCP's handshake of a new connection took
};

// "Cannot GET http://...: reason"
Error HttpError(ErrorCode code, std::string_view method, std::string_view url, std::string_view reason);
std::string DurationText(std::chrono::milliseconds time);  // "5 s", "250 ms"

// Reads the header of an answer line by line. Throws kProtocol when it is none.
class HttpHeadReader {
 public:
  explicit HttpHeadReader(const HttpExchange& exchange) : exchange_(exchange) {}  // outlives this

  // A line with its line break. True: it completed the final head; lines after it are a trailer, and only counted.
  bool Add(std::string_view line);

  bool empty() const { return bytes_ == 0; }
  bool complete() const { return complete_; }
  const HttpHead& head() const { return head_; }
  HttpHead Take() { return std::move(head_); }
  // Of the body as it is on the wire; nullopt before the head is complete and when the answer does not say.
  std::optional<uint64_t> promised_body() const { return promised_; }

 private:
  void Complete();
  [[noreturn]] void Fail(std::string_view reason) const;

  const HttpExchange& exchange_;
  HttpHead head_;
  size_t bytes_ = 0;
  bool complete_ = false;
  std::optional<uint64_t> promised_;
};

struct HttpFailure {
  ErrorCode code;
  std::string reason;
};
// What an error of libcurl (a CURLcode, its text, the errno) means.
HttpFailure ExplainCurl(int curl_code, std::string_view text, int os_error, const HttpOptions& options);

struct HttpUrl {
  std::string scheme;  // "http" or "https"
  std::string host;    // lower case
  std::string port;    // always given
  std::string target;  // path and query as they are sent
};
// nullopt when it is no http(s) URL.
std::optional<HttpUrl> ParseHttpUrl(const std::string& url);
// "localhost", "127.0.0.1", "[::1]": what is sent there does not leave this computer.
bool IsLoopback(std::string_view host);
// "scheme://host:port" with the port always given, lower case; nullopt when it is no http(s) URL.
std::optional<std::string> HttpOrigin(const std::string& url);
// Where a redirect leads. User info comes from `base` alone, and only for its own origin. nullopt: nowhere valid.
std::optional<std::string> ResolveRedirect(const std::string& base, const std::string& location);

}  // namespace trolley::internal

#endif  // TROLLEY_HTTP_HTTP_EXCHANGE_H_
