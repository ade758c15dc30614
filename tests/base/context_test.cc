#include "trolley/context.h"

#include <gtest/gtest.h>

#include "trolley/error.h"

namespace trolley {
namespace {

ErrorCode CodeOfCheck(const Context& context) {
  try {
    context.Check("fetch it");
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()).rfind("Cannot fetch it: ", 0), 0U) << error.what();
    return error.code();
  }
  ADD_FAILURE() << "nothing was thrown";
  return ErrorCode::kStorage;
}

TEST(ContextTest, LetsGoOnWithoutDeadlineOrStop) {
  EXPECT_NO_THROW(Context().Check("fetch it"));
  EXPECT_NO_THROW(Context::WithTimeout(std::chrono::hours(1)).Check("fetch it"));
}

TEST(ContextTest, ThrowsTimedOutAfterTheDeadline) {
  EXPECT_EQ(CodeOfCheck(Context::WithTimeout(std::chrono::seconds(0))), ErrorCode::kTimedOut);
  EXPECT_EQ(CodeOfCheck(Context::WithTimeout(std::chrono::seconds(-1))), ErrorCode::kTimedOut);
}

TEST(ContextTest, ThrowsCancelledAfterAStopEvenWhenTheDeadlinePassedToo) {
  std::stop_source stop;
  const Context context = Context::WithTimeout(std::chrono::seconds(0), stop.get_token());
  stop.request_stop();
  EXPECT_EQ(CodeOfCheck(context), ErrorCode::kCancelled);
}

}  // namespace
}  // namespace trolley
