#include "http/http_head_reader.h"

#include <algorithm>

#include "base/text.h"
#include "http/http_error.h"

namespace trolley::internal {
namespace {

constexpr size_t kMaxHead = size_t{256} << 10;

}  // namespace

bool HttpHeadReader::Add(std::string_view line) {
  bytes_ += line.size();
  if (bytes_ > kMaxHead) {
    Fail("the header of the response is too long");
  }
  if (complete_) {
    return false;
  }
  if (line.starts_with("HTTP/")) {
    head_ = {};
    const size_t blank = std::min(line.find(' '), line.size() - 1);
    head_.status = static_cast<int>(ParseUint(line.substr(blank + 1, 3)).value_or(0));
    return false;
  }
  const std::string_view text = Trim(line);
  if (text.empty()) {
    if (head_.status < 100) {
      Fail("the response has no valid status line");
    }
    if (head_.status >= 200) {
      Complete();
    }
    return complete_;
  }
  if ((line.front() == ' ' || line.front() == '\t') && !head_.headers.empty()) {  // folded
    head_.headers.back().second.append(" ").append(text);
    return false;
  }
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0) {
    Fail("the response has a malformed header");
  }
  head_.headers.emplace_back(AsciiLower(Trim(text.substr(0, colon))), Trim(text.substr(colon + 1)));
  return false;
}

void HttpHeadReader::Complete() {
  complete_ = true;
  bool chunked = false;
  bool encoded = false;
  for (const auto& [name, value] : head_.headers) {
    if (name == "content-length") {
      const auto length = ParseUint(value);
      if (!length || (promised_ && promised_ != length)) {
        Fail("the response has a malformed Content-Length");
      }
      promised_ = length;
    } else if (name == "transfer-encoding") {
      chunked = true;
    } else if (name == "content-encoding") {
      encoded = encoded || !(value.empty() || EqualsIgnoreCase(value, "identity"));
    }
  }
  if (chunked || exchange_.method == "HEAD" || head_.status == 204 || head_.status == 304) {
    promised_.reset();
  }
  if (encoded && !exchange_.accept_gzip && head_.status <= 299) {
    Fail("the response is encoded (Content-Encoding), which was not requested");
  }
  head_.content_length = encoded ? std::nullopt : promised_;
}

void HttpHeadReader::Fail(std::string_view reason) const {
  throw HttpError(ErrorCode::kProtocol, exchange_.method, exchange_.url, reason);
}

}  // namespace trolley::internal
