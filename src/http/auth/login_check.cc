#include "http/auth/login_check.h"

#include "base/text.h"
#include "http/auth/auth_text.h"
#include "http/http_url.h"
#include "http/url_for_log.h"
#include "trolley/log.h"

namespace trolley::internal {

void CheckLogin(const std::string& url, const std::string& user) {
  if (user.empty()) {
    throw Error(ErrorCode::kInvalidArgument, StrCat("Cannot log in at ", UrlForLog(url), ": there is no user name"));
  }
  CheckHeaderValue(user, "the user name for the login");
  const auto parts = ParseHttpUrl(url);
  if (!parts) {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat("Cannot log in at ", UrlForLog(url), ": this is not a valid http or https URL"));
  }
  if (parts->scheme == "http" && !IsLoopback(parts->host)) {
    LogWarning(StrCat("The password goes unencrypted to ", UrlForLog(url), "; use https"));
  }
}

void FailLogin(ErrorCode code, const std::string& url, std::string_view reason) {
  throw Error(code, StrCat("Cannot log in at ", UrlForLog(url), ": ", reason));
}

}  // namespace trolley::internal
