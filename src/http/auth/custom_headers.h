#ifndef TROLLEY_HTTP_AUTH_CUSTOM_HEADERS_H_
#define TROLLEY_HTTP_AUTH_CUSTOM_HEADERS_H_

#include <memory>
#include <string>
#include <vector>

#include "base/secret.h"
#include "http/auth/authenticator.h"

namespace trolley {

// A header of one's own ("X-Api-Key"), with a value that is given or, when `secret` is set, read from there.
struct CustomHeader {
  std::string name;
  std::string value = {};
  SecretSource secret = {};
};
// These headers and those of `other` (may be null). HttpClient uses it for HttpOptions::headers.
std::unique_ptr<Authenticator> CustomHeaders(std::vector<CustomHeader> headers, std::shared_ptr<Authenticator> other);

}  // namespace trolley

#endif  // TROLLEY_HTTP_AUTH_CUSTOM_HEADERS_H_
