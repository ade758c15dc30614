#ifndef TROLLEY_HTTP_HTTP_STATUS_H_
#define TROLLEY_HTTP_HTTP_STATUS_H_

#include <string_view>

#include "trolley/http_client.h"

namespace trolley {

// Throws for a status that is not a success, with what to do: 401/403 kAccessDenied, 408/504 kTimedOut, 429/5xx
// kUnavailable, 413 kTooMany, other 4xx kProtocol. `doing` completes "Cannot <doing>: ...". 2xx passes, and so do 404
// and 410, which the caller decides about. `body` (may be empty) contributes a short printable excerpt.
void CheckStatus(const HttpHead& head, std::string_view doing, std::string_view body = {});

}  // namespace trolley

#endif  // TROLLEY_HTTP_HTTP_STATUS_H_
