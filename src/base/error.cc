#include "trolley/error.h"

namespace trolley {

std::string_view ErrorCodeName(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return "kInvalidArgument";
    case ErrorCode::kUnsupported:
      return "kUnsupported";
    case ErrorCode::kAccessDenied:
      return "kAccessDenied";
    case ErrorCode::kUnavailable:
      return "kUnavailable";
    case ErrorCode::kTimedOut:
      return "kTimedOut";
    case ErrorCode::kProtocol:
      return "kProtocol";
    case ErrorCode::kTooMany:
      return "kTooMany";
    case ErrorCode::kStorage:
      return "kStorage";
    case ErrorCode::kNoSpace:
      return "kNoSpace";
    case ErrorCode::kCancelled:
      return "kCancelled";
  }
  return "unknown";
}

}  // namespace trolley
