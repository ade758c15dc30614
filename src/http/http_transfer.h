#ifndef TROLLEY_HTTP_HTTP_TRANSFER_H_
#define TROLLEY_HTTP_HTTP_TRANSFER_H_

#include <curl/curl.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string_view>

#include "base/text.h"
#include "http/http_error.h"
#include "http/http_exchange.h"
#include "http/http_head_reader.h"
#include "trolley/context.h"
#include "trolley/http_client.h"

namespace trolley::internal {

struct CurlDeleter {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

// One try of a request, run by libcurl. Used by HttpSlot alone, on the thread of the call.
class HttpTransfer {
 public:
  HttpTransfer(const HttpOptions& options, const HttpExchange& exchange, const Context& context)
      : options_(options), exchange_(exchange), context_(context), easy_(curl_easy_init()), head_(exchange) {
    if (!easy_) {
      throw std::bad_alloc();
    }
  }

  void SetUp(bool fresh, void* socket_owner, curl_opensocket_callback open, curl_closesocket_callback close);
  // Drives the transfer to its end and returns curl's result. Throws on cancellation, deadline and stall, and rethrows
  // what the callbacks threw.
  CURLcode Run(CURLM* multi);
  // Throws the error that `code` and the response so far amount to, if any.
  void ThrowIfFailed(CURLcode code) const;
  // Before `socket` is closed: notes whether it holds more than the response promised.
  void OnClose(curl_socket_t socket);

  // A kept connection that the server closed before it saw the request. curl repeats such a request by itself, but not
  // when the connection breaks while the body is sent.
  bool IsStaleConnection(CURLcode code) const {
    long connects = 1;
    curl_easy_getinfo(easy_.get(), CURLINFO_NUM_CONNECTS, &connects);
    return connects == 0 && head_.empty() &&
           (code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR || code == CURLE_GOT_NOTHING || code == CURLE_HTTP2);
  }
  HttpHead MoveHead() { return head_.MoveHead(); }
  // The time of the TCP handshake with the server; nullopt on a kept connection and through a proxy.
  std::optional<Clock::duration> ConnectTime() const;

 private:
  void SetMethod();
  void SetTls();
  std::chrono::milliseconds CheckTime();
  CURLcode Result(CURLM* multi) const;
  void OnHeaderLine(std::string_view line);
  void OnBody(std::span<const std::byte> piece);
  bool BodyComplete() const { return head_.promised_body() && raw_bytes_ >= *head_.promised_body(); }
  bool IsPlain() const { return StartsWithIgnoreCase(exchange_.url, "http:"); }
  void CheckLength() const;
  [[noreturn]] void Fail(ErrorCode code, std::string_view reason) const {
    throw HttpError(code, exchange_.method, exchange_.url, reason);
  }

  // The callbacks are called by C code: an exception is kept in thrown_, and Run() rethrows it.
  template <typename Function>
  bool Guard(Function function) {
    try {
      function();
      last_activity_ = Clock::now();  // the time that a sink takes is not silence of the server
      return true;
    } catch (...) {
      thrown_ = std::current_exception();
      return false;
    }
  }
  static size_t HeaderCallback(char* data, size_t size, size_t count, void* self);
  static size_t BodyCallback(char* data, size_t size, size_t count, void* self);
  static int RequestCallback(void* self, char*, char*, int, int);
  static int DebugCallback(CURL*, curl_infotype type, char*, size_t size, void* self);

  const HttpOptions& options_;
  const HttpExchange& exchange_;
  const Context& context_;
  std::array<char, CURL_ERROR_SIZE> text_{};
  std::unique_ptr<curl_slist, CurlDeleter> headers_;
  std::unique_ptr<CURL, CurlDeleter> easy_;

  HttpHeadReader head_;
  bool wanted_ = true;      // the body
  bool enough_ = false;     // ended by ourselves: the rest of an unwanted body
  uint64_t raw_bytes_ = 0;  // of the body as it is on the wire, and of what follows it
  bool overlong_ = false;
  bool connected_ = false;
  curl_off_t uploaded_ = 0;
  Clock::time_point last_activity_ = Clock::now();
  std::exception_ptr thrown_;
};

}  // namespace trolley::internal

#endif  // TROLLEY_HTTP_HTTP_TRANSFER_H_
