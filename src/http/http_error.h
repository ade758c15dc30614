#ifndef TROLLEY_HTTP_HTTP_ERROR_H_
#define TROLLEY_HTTP_HTTP_ERROR_H_

#include <chrono>
#include <string>
#include <string_view>

#include "trolley/error.h"
#include "trolley/http_client.h"

namespace trolley::internal {

// "Cannot GET http://...: reason"
Error HttpError(ErrorCode code, std::string_view method, std::string_view url, std::string_view reason);
std::string DurationText(std::chrono::milliseconds time);  // "5 s", "250 ms"

struct HttpFailure {
  ErrorCode code;
  std::string reason;
};
// Translates an error of libcurl (a CURLcode, its text, the errno).
HttpFailure ExplainCurl(int curl_code, std::string_view text, int os_error, const HttpOptions& options);

}  // namespace trolley::internal

#endif  // TROLLEY_HTTP_HTTP_ERROR_H_
