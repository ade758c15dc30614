#ifndef TROLLEY_MOUNT_FUSE_ERRNO_H_
#define TROLLEY_MOUNT_FUSE_ERRNO_H_

#include <exception>

#include "trolley/error.h"

namespace trolley {

// The kind of operation that failed: within a read, programs expect EIO where the archive broke its promise.
enum class Operation { kAsk, kRead };

// The one table from the library's errors to what programs see (a positive errno).
int ErrnoFor(ErrorCode code, Operation operation = Operation::kAsk);
// The same for whatever was thrown; ENOMEM and EIO for exceptions that are not of the library.
int ErrnoFor(const std::exception_ptr& error, Operation operation = Operation::kAsk);
// Its message, for the log.
std::string DescribeError(const std::exception_ptr& error);

}  // namespace trolley

#endif  // TROLLEY_MOUNT_FUSE_ERRNO_H_
