#ifndef TROLLEY_CONFIG_SERVICE_URL_H_
#define TROLLEY_CONFIG_SERVICE_URL_H_

#include <string>
#include <string_view>

namespace trolley {

// "HTTPS://Pacs.Example:443/dicom-web/" -> "https://pacs.example/dicom-web". Throws kInvalidArgument for anything but
// an http(s) URL without user info, query and fragment. The message never repeats what may be a secret.
std::string NormalizeServiceUrl(std::string_view url);
// "pacs.example:8042" of a normalised URL.
std::string ServiceUrlHost(std::string_view url);
// `text` for a message: what stands before an "@" (user info) and after a "?" or "#" (tokens) is left out.
std::string WithoutSecrets(std::string_view text);

}  // namespace trolley

#endif  // TROLLEY_CONFIG_SERVICE_URL_H_
