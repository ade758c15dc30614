#include "trolley/error.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace trolley {
namespace {

TEST(ErrorTest, KeepsCodeAndMessage) {
  try {
    throw Error(ErrorCode::kTimedOut, "Cannot open x: slow");
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "Cannot open x: slow");
    EXPECT_EQ(dynamic_cast<const Error&>(error).code(), ErrorCode::kTimedOut);
  }
}

TEST(ErrorTest, EveryCodeHasItsOwnName) {
  std::set<std::string> names;
  for (int code = 0; code <= static_cast<int>(ErrorCode::kCancelled); ++code) {
    names.emplace(ErrorCodeName(static_cast<ErrorCode>(code)));
  }
  EXPECT_EQ(names.size(), static_cast<size_t>(ErrorCode::kCancelled) + 1);
  EXPECT_EQ(names.count("unknown"), 0U);
  EXPECT_EQ(ErrorCodeName(ErrorCode::kNoSpace), "kNoSpace");
}

}  // namespace
}  // namespace trolley
