#ifndef TROLLEY_NET_MULTIPART_H_
#define TROLLEY_NET_MULTIPART_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
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
// nullopt when it is not one.
std::optional<MediaType> ParseMediaType(std::string_view header_value);

struct PartHead {
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::string_view Header(std::string_view lower_name) const;
  std::optional<uint64_t> content_length;
};

class MultipartSink {
 public:
  virtual ~MultipartSink() = default;
  virtual void OnPartBegin(const PartHead& head) = 0;
  virtual void OnPartData(std::span<const std::byte> piece) = 0;
  virtual void OnPartEnd() = 0;
};

// A push parser of multipart bodies (RFC 2046 §5.1), in constant memory whatever the parts' size. A part with a
// Content-Length is taken by that length and must be followed by a delimiter; without one, it ends at CRLF "--"
// boundary (LF alone is taken where the server uses it throughout). Preamble and epilogue are skipped. `boundary`
// empty: taken from the first line. Throws kProtocol for anything malformed; headers over 64 KiB are refused. What the
// sink throws passes.
class MultipartParser {
 public:
  MultipartParser(std::string boundary, MultipartSink& sink);
  ~MultipartParser();
  void Feed(std::span<const std::byte> piece);
  // The body ended. Throws kProtocol unless the closing delimiter was seen: an answer without it was cut off.
  void Finish();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace trolley

#endif  // TROLLEY_NET_MULTIPART_H_
