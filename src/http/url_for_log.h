#ifndef TROLLEY_HTTP_URL_FOR_LOG_H_
#define TROLLEY_HTTP_URL_FOR_LOG_H_

#include <string>
#include <string_view>

namespace trolley {

// A URL for messages: without user info, values of its query replaced by "...".
std::string UrlForLog(std::string_view url);

}  // namespace trolley

#endif  // TROLLEY_HTTP_URL_FOR_LOG_H_
