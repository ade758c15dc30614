#include "mount/fuse/errno.h"

#include <cerrno>
#include <new>

namespace trolley {

int ErrnoFor(ErrorCode code, Operation operation) {
  const bool reading = operation == Operation::kRead;
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return EINVAL;
    case ErrorCode::kUnsupported:
      return EOPNOTSUPP;
    case ErrorCode::kAccessDenied:
      return EACCES;
    case ErrorCode::kUnavailable:
      return reading ? EIO : EHOSTUNREACH;
    case ErrorCode::kTimedOut:
      return ETIMEDOUT;
    case ErrorCode::kProtocol:
      return reading ? EIO : EPROTO;
    case ErrorCode::kTooMany:
      return EOVERFLOW;
    case ErrorCode::kStorage:
      return EIO;
    case ErrorCode::kNoSpace:
      return ENOSPC;
    case ErrorCode::kCancelled:
      return EINTR;
  }
  return EIO;
}

int ErrnoFor(const std::exception_ptr& error, Operation operation) {
  try {
    std::rethrow_exception(error);
  } catch (const Error& e) {
    return ErrnoFor(e.code(), operation);
  } catch (const std::bad_alloc&) {
    return ENOMEM;
  } catch (...) {
    return EIO;
  }
}

std::string DescribeError(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    return e.what();
  } catch (...) {
    return "unknown error";
  }
}

}  // namespace trolley
