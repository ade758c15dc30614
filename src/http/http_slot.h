#ifndef TROLLEY_HTTP_HTTP_SLOT_H_
#define TROLLEY_HTTP_HTTP_SLOT_H_

#include <memory>

#include "http/http_exchange.h"
#include "trolley/context.h"
#include "trolley/http_client.h"

namespace trolley::internal {

// Performs one exchange after the other and keeps their connections alive. Used by one thread at any moment.
class HttpSlot {
 public:
  explicit HttpSlot(const HttpOptions& options);  // outlives the slot
  ~HttpSlot();
  HttpSlot(const HttpSlot&) = delete;
  HttpSlot& operator=(const HttpSlot&) = delete;

  // Errors as in HttpClient; redirects and 401 are responses like any other here.
  HttpHead Perform(const HttpExchange& exchange, const Context& context);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace trolley::internal

#endif  // TROLLEY_HTTP_HTTP_SLOT_H_
