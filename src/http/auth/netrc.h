#ifndef TROLLEY_HTTP_AUTH_NETRC_H_
#define TROLLEY_HTTP_AUTH_NETRC_H_

#include <filesystem>
#include <memory>

#include "http/auth/authenticator.h"

namespace trolley {

// User and password from a netrc file, by the host of each request, sent as in RFC 7617. Empty: $NETRC or ~/.netrc.
// Throws kInvalidArgument when the file cannot be read. A host that it does not name gets no credentials.
std::unique_ptr<Authenticator> NetrcAuthentication(std::filesystem::path netrc_file);

}  // namespace trolley

#endif  // TROLLEY_HTTP_AUTH_NETRC_H_
