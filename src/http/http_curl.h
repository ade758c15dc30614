#ifndef TROLLEY_HTTP_HTTP_CURL_H_
#define TROLLEY_HTTP_HTTP_CURL_H_

#include <memory>

#include "base/context.h"
#include "http/http_client.h"
#include "http/http_exchange.h"

// The door to libcurl, for http.cc alone.
namespace trolley::internal {

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

}  // namespace trolley::internal

#endif  // TROLLEY_HTTP_HTTP_CURL_H_
