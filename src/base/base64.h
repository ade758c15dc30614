#ifndef TROLLEY_BASE_BASE64_H_
#define TROLLEY_BASE_BASE64_H_

#include <optional>
#include <string>
#include <string_view>

namespace trolley {

// RFC 4648 §4.
std::string EncodeBase64(std::string_view bytes);
// White space is passed over, padding may be missing; nullopt for anything else that is not Base64.
std::optional<std::string> DecodeBase64(std::string_view text);

}  // namespace trolley

#endif  // TROLLEY_BASE_BASE64_H_
