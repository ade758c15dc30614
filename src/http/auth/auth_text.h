#ifndef TROLLEY_HTTP_AUTH_AUTH_TEXT_H_
#define TROLLEY_HTTP_AUTH_AUTH_TEXT_H_

#include <string>
#include <string_view>

// Header values, for all kinds of authentication.
namespace trolley::internal {

// Line breaks and the like, which would break a header.
bool HasControl(std::string_view text);
// Throws kInvalidArgument, naming `what` ("the password") and never the value, when it has control characters.
void CheckHeaderValue(std::string_view value, std::string_view what);
// RFC 7617: "Authorization: Basic ..."
std::string BasicHeader(const std::string& user, const std::string& password);
// RFC 6750: "Authorization: Bearer ..."
std::string BearerHeader(const std::string& token);

}  // namespace trolley::internal

#endif  // TROLLEY_HTTP_AUTH_AUTH_TEXT_H_
