#ifndef TROLLEY_HTTP_AUTH_COOKIE_JAR_H_
#define TROLLEY_HTTP_AUTH_COOKIE_JAR_H_

#include <string>
#include <vector>

#include "trolley/http_client.h"

namespace trolley::internal {

// The cookies of one session (RFC 6265 without paths and expiry times: a session ends when the server refuses it). A
// cookie is sent to the host that set it, or to the domain that this host named; a Secure cookie only over https.
class CookieJar {
 public:
  // Adds the cookies that a response of `url` sets, and drops those that it deletes.
  void Add(const std::string& url, const HttpHead& head);
  // "Cookie: a=b; c=d" for a request to `url`; empty when there is none for it.
  std::string Line(const std::string& url) const;
  bool empty() const { return cookies_.empty(); }

 private:
  struct Cookie {
    std::string name;
    std::string value;
    std::string host;
    bool with_subdomains = false;
    bool secure = false;
  };
  std::vector<Cookie> cookies_;
};

}  // namespace trolley::internal

#endif  // TROLLEY_HTTP_AUTH_COOKIE_JAR_H_
