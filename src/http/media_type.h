#ifndef TROLLEY_HTTP_MEDIA_TYPE_H_
#define TROLLEY_HTTP_MEDIA_TYPE_H_

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace trolley {

// A media type with its parameters: `multipart/related; type="application/dicom"; boundary=abc`, RFC 2045 §5.1.
struct MediaType {
  std::string type;                                               // lower case, "multipart/related"
  std::vector<std::pair<std::string, std::string>> parameters;    // names lower case, quotes and escapes resolved
  std::string_view Parameter(std::string_view lower_name) const;  // empty when absent
};
// nullopt when it is malformed.
std::optional<MediaType> ParseMediaType(std::string_view header_value);

}  // namespace trolley

#endif  // TROLLEY_HTTP_MEDIA_TYPE_H_
