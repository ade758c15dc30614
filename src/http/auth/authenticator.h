#ifndef TROLLEY_HTTP_AUTH_AUTHENTICATOR_H_
#define TROLLEY_HTTP_AUTH_AUTHENTICATOR_H_

#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"

namespace trolley {

struct HttpHead;

// A request to one of the archive's own hosts, which is about to be sent or was refused.
struct AuthRequest {
  std::string_view method;
  const std::string& url;
  const Context& context;  // the caller's; ends the wait for a login
};

// Authenticates requests. The client calls Headers() before each request to the archive's own hosts, never for others,
// and Renew() after each refusal. Thread-safe.
class Authenticator {
 public:
  virtual ~Authenticator() = default;
  // Header lines ("Authorization: Bearer ...", "Cookie: ...") for this request. Never logged. May log in or fetch a
  // token first, within the request's context; throws when that fails (kAccessDenied when it is refused).
  virtual std::vector<std::string> Headers(const AuthRequest& request) = 0;
  // True: this response means that credentials are missing, wrong or out of date, and Renew() is called.
  virtual bool Refused(const HttpHead& head) const;
  // A request with these lines of Headers() was refused with this response. True: Headers() returns other lines now, or
  // will fetch others, so the request is sent once more. Does not wait. Many requests may be refused together.
  virtual bool Renew(const AuthRequest& request, const HttpHead& refusal, const std::vector<std::string>& sent);
};

}  // namespace trolley

#endif  // TROLLEY_HTTP_AUTH_AUTHENTICATOR_H_
