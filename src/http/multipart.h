#ifndef TROLLEY_HTTP_MULTIPART_H_
#define TROLLEY_HTTP_MULTIPART_H_

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

// A push parser of multipart bodies (RFC 2046 §5.1), in constant memory whatever the parts' size; the sink is given
// spans of what was fed wherever possible. A part with a Content-Length is taken by that length, and a delimiter must
// follow it; without one, it ends at the next delimiter. A delimiter is CRLF "--" boundary, or LF "--" boundary where
// the first one ended with LF alone. Preamble (64 KiB at most) and epilogue are skipped. `boundary` empty: taken from
// the first line. Throws kProtocol for anything malformed, for part headers over 64 KiB and for transfer encodings that
// would change the bytes; what the sink throws passes. After that, the parser only throws.
class MultipartParser {
 public:
  MultipartParser(std::string boundary, MultipartSink& sink);
  ~MultipartParser();
  void Feed(std::span<const std::byte> piece);
  // The body ended. Throws kProtocol unless the closing delimiter was seen: a response without it was cut off.
  void Finish();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace trolley

#endif  // TROLLEY_HTTP_MULTIPART_H_
