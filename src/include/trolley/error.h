#ifndef TROLLEY_ERROR_H_
#define TROLLEY_ERROR_H_

#include <stdexcept>
#include <string>
#include <string_view>

namespace trolley {

// Why something failed. "The archive says there is none" is not a failure: it is an empty result or an empty optional.
enum class ErrorCode {
  kInvalidArgument,  // malformed criteria or configuration; the caller has to change what it asks
  kUnsupported,      // the protocol or the server cannot express the query
  kAccessDenied,     // HTTP 401/403, association rejected
  kUnavailable,      // no connection, HTTP 5xx, association aborted
  kTimedOut,         // a deadline passed
  kProtocol,         // malformed response, failure status, truncated transfer
  kTooMany,          // the result was cropped by a limit, ours or the server's
  kStorage,          // local disk or LMDB
  kNoSpace,          // the local disk is full
  kCancelled,        // the caller asked to stop
};

// "kTimedOut" and so on, for logs and status.json.
std::string_view ErrorCodeName(ErrorCode code);

// The one exception type of the library. The message reads "Cannot <verb> <thing>: <reason>", says what to do where one
// can, and holds neither secrets nor patient data (see Sensitive() in base/log.h).
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ErrorCode code() const { return code_; }

 private:
  ErrorCode code_;
};

}  // namespace trolley

#endif  // TROLLEY_ERROR_H_
