#include "mount/fuse/errno.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <new>

namespace trolley {
namespace {

TEST(ErrnoTest, FollowsTheTable) {
  EXPECT_EQ(ErrnoFor(ErrorCode::kInvalidArgument), EINVAL);
  EXPECT_EQ(ErrnoFor(ErrorCode::kUnsupported), EOPNOTSUPP);
  EXPECT_EQ(ErrnoFor(ErrorCode::kAccessDenied), EACCES);
  EXPECT_EQ(ErrnoFor(ErrorCode::kUnavailable), EHOSTUNREACH);
  EXPECT_EQ(ErrnoFor(ErrorCode::kTimedOut), ETIMEDOUT);
  EXPECT_EQ(ErrnoFor(ErrorCode::kProtocol), EPROTO);
  EXPECT_EQ(ErrnoFor(ErrorCode::kTooMany), EOVERFLOW);
  EXPECT_EQ(ErrnoFor(ErrorCode::kStorage), EIO);
  EXPECT_EQ(ErrnoFor(ErrorCode::kNoSpace), ENOSPC);
  EXPECT_EQ(ErrnoFor(ErrorCode::kCancelled), EINTR);
}

TEST(ErrnoTest, SaysIoErrorWhereAReadBreaksOff) {
  EXPECT_EQ(ErrnoFor(ErrorCode::kUnavailable, Operation::kRead), EIO);
  EXPECT_EQ(ErrnoFor(ErrorCode::kProtocol, Operation::kRead), EIO);
  EXPECT_EQ(ErrnoFor(ErrorCode::kTimedOut, Operation::kRead), ETIMEDOUT);
}

TEST(ErrnoTest, NoFailureIsEverSuccessOrAbsence) {
  for (int code = 0; code <= static_cast<int>(ErrorCode::kCancelled); ++code) {
    for (const Operation operation : {Operation::kAsk, Operation::kRead}) {
      const int error = ErrnoFor(static_cast<ErrorCode>(code), operation);
      EXPECT_GT(error, 0) << code;
      EXPECT_NE(error, ENOENT) << code;
    }
  }
}

TEST(ErrnoTest, TranslatesWhateverWasThrown) {
  EXPECT_EQ(ErrnoFor(std::make_exception_ptr(Error(ErrorCode::kAccessDenied, "Cannot look: refused"))), EACCES);
  EXPECT_EQ(ErrnoFor(std::make_exception_ptr(std::bad_alloc())), ENOMEM);
  EXPECT_EQ(ErrnoFor(std::make_exception_ptr(42)), EIO);
  EXPECT_EQ(DescribeError(std::make_exception_ptr(Error(ErrorCode::kAccessDenied, "Cannot look: refused"))),
            "Cannot look: refused");
}

}  // namespace
}  // namespace trolley
