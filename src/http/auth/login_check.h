#ifndef TROLLEY_HTTP_AUTH_LOGIN_CHECK_H_
#define TROLLEY_HTTP_AUTH_LOGIN_CHECK_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "trolley/error.h"

namespace trolley::internal {

inline constexpr size_t kMaxLoginResponse = size_t{1} << 20;

// Checks the options of a login with user and password: throws kInvalidArgument; warns of a password that would be sent
// unencrypted.
void CheckLogin(const std::string& url, const std::string& user);
// "Cannot log in at ...: reason"
[[noreturn]] void FailLogin(ErrorCode code, const std::string& url, std::string_view reason);

}  // namespace trolley::internal

#endif  // TROLLEY_HTTP_AUTH_LOGIN_CHECK_H_
