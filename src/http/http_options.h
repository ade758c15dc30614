#ifndef TROLLEY_HTTP_HTTP_OPTIONS_H_
#define TROLLEY_HTTP_HTTP_OPTIONS_H_

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/secret.h"
#include "http/auth/authenticator.h"
#include "http/auth/custom_headers.h"

namespace trolley {

class RateLimiter;

// The certificate that this client shows to servers that ask for one. PEM files.
struct ClientCertificate {
  // May hold the certificates of its authorities, too, if the server wants those. Empty: none.
  std::string certificate_file = {};
  std::string key_file = {};       // empty: in certificate_file
  SecretSource key_password = {};  // empty: the key is not encrypted
};

struct HttpOptions {
  std::chrono::milliseconds connect_timeout{5000};  // name resolution, TCP and TLS
  std::chrono::milliseconds stall_timeout{30000};   // no byte in either direction for this time: kTimedOut
  std::string ca_file = {};                         // PEM; empty: the system's
  std::string proxy = {};                           // empty: the environment's, as curl reads it
  // URLs of the archive. Credentials go to their origins only: those of `auth`, `headers`, the client certificate, and
  // Authorization and Cookie lines of requests. Empty: the origin of each request.
  std::vector<std::string> home = {};
  std::shared_ptr<Authenticator> auth = {};  // null: none
  std::vector<CustomHeader> headers = {};
  ClientCertificate client_certificate = {};
  // HTTP/2 where a server offers it within TLS, for servers and proxies that want it. Each call still has a connection
  // of its own: several calls on one connection would slow each other down, and the frames of HTTP/2 cost CPU time.
  bool http2 = false;
  std::string user_agent = "trolleyfs";
  std::shared_ptr<RateLimiter> rate_limiter = {};  // null: no limit
};

}  // namespace trolley

#endif  // TROLLEY_HTTP_HTTP_OPTIONS_H_
