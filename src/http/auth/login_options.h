#ifndef TROLLEY_HTTP_AUTH_LOGIN_OPTIONS_H_
#define TROLLEY_HTTP_AUTH_LOGIN_OPTIONS_H_

#include <chrono>
#include <functional>

#include "base/context.h"
#include "http/http_options.h"

namespace trolley {

// Options of the authentications that request a token or a session from a server first. One request fetches it for all
// threads; the others wait, each as long as its own context allows. A refused secret is not tried again for a while, so
// that no account gets locked.
struct LoginOptions {
  // For the login's own requests: CA, proxy, time-outs. `auth` is not used. The client certificate and headers are sent
  // only if the login's origin is one of `home`.
  HttpOptions http = {};
  std::chrono::milliseconds timeout{15000};  // for one login, or the caller's deadline when that is earlier
  std::chrono::seconds refused_wait{60};     // after a refusal, unless the secret changed
  std::chrono::seconds min_age{5};           // a grant younger than this that is refused is not renewed
  std::function<Clock::time_point()> now = [] { return Clock::now(); };
};

}  // namespace trolley

#endif  // TROLLEY_HTTP_AUTH_LOGIN_OPTIONS_H_
