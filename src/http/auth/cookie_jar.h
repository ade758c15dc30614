#ifndef TROLLEY_HTTP_AUTH_COOKIE_JAR_H_
#define TROLLEY_HTTP_AUTH_COOKIE_JAR_H_

#include <string>
#include <vector>

#include "http/http_client.h"

namespace trolley::internal {

// The cookies of one session (RFC 6265, but for their paths and times: a session ends when the server says so). They go
// to the host that set them alone, or to the domain that it named; what came over https never goes over http if it is
// marked so.
class CookieJar {
 public:
  // Takes what an answer of `url` sets, and drops what it deletes.
  void Add(const std::string& url, const HttpHead& head);
  // "Cookie: a=b; c=d" for a request to `url`; empty when none of them is for it.
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
