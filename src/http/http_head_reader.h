#ifndef TROLLEY_HTTP_HTTP_HEAD_READER_H_
#define TROLLEY_HTTP_HTTP_HEAD_READER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "http/http_exchange.h"
#include "trolley/http_client.h"

namespace trolley::internal {

// Reads the header of a response line by line. Throws kProtocol when it is malformed.
class HttpHeadReader {
 public:
  explicit HttpHeadReader(const HttpExchange& exchange) : exchange_(exchange) {}  // outlives this

  // A line with its line break. True: it completed the final head; lines after it are a trailer, and only counted.
  bool Add(std::string_view line);

  bool empty() const { return bytes_ == 0; }
  bool complete() const { return complete_; }
  const HttpHead& head() const { return head_; }
  HttpHead MoveHead() { return std::move(head_); }
  // Size of the body as it is on the wire; nullopt before the head is complete and when the response does not say.
  std::optional<uint64_t> promised_body() const { return promised_; }

 private:
  void Complete();
  [[noreturn]] void Fail(std::string_view reason) const;

  const HttpExchange& exchange_;
  HttpHead head_;
  size_t bytes_ = 0;
  bool complete_ = false;
  std::optional<uint64_t> promised_;
};

}  // namespace trolley::internal

#endif  // TROLLEY_HTTP_HTTP_HEAD_READER_H_
