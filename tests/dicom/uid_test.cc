#include "trolley/uid.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unordered_set>

#include "trolley/error.h"

namespace trolley {
namespace {

using std::string_literals::operator""s;
using std::string_view_literals::operator""sv;

TEST(UidTest, AcceptsWhatTheStandardAllowsAndArchivesSend) {
  for (const std::string text : {"1", "1.2.840.10008.1.2", "2.25.329800735698586629295641978511506172918", "1.2.03",
                                 "1..2", "1.2.", "IMG-0001_a", "1.2.3.ABC"}) {
    const auto uid = Uid::Parse(text);
    ASSERT_TRUE(uid) << text;
    EXPECT_EQ(uid->str(), text);
    EXPECT_EQ(Uid(text), *uid);
  }
  EXPECT_TRUE(Uid::Parse(std::string(64, '1')));
}

TEST(UidTest, RefusesWhatIsNoUid) {
  const std::vector<std::string> refused = {
      "",
      " ",
      "\0"s,
      ".",
      "..",
      "...",
      "/",
      "1/2",
      "../1",
      "1.2\\1.3",
      "1 2",
      "1.2.3*",
      "1.2.?",
      "1.2\n",
      "\t1.2",
      "1%2F2",
      "1:2",
      "1,2",
      "1=2",
      ".1.2",
      ".git",
      "-rf",
      "_1",
      "1.2\0003"s,
      "1.\xC3\xBC",
      "1~2",
      "1+2",
      "urn:1.2.3",
      "1.2.3?a",
      "1.2.3#frag",
      std::string(65, '1'),
  };
  for (const std::string& text : refused) {
    EXPECT_FALSE(Uid::Parse(text)) << testing::PrintToString(text);
    EXPECT_THROW(Uid{text}, Error) << testing::PrintToString(text);
  }
}

TEST(UidTest, TakesOffPadding) {
  EXPECT_EQ(Uid::Parse("1.2.3\0"sv)->str(), "1.2.3");
  EXPECT_EQ(Uid::Parse(" 1.2.3  "sv)->str(), "1.2.3");
  EXPECT_EQ(Uid::Parse("\0 1.2.3 \0\0"sv)->str(), "1.2.3");
  EXPECT_EQ(Uid("1.2.3\0"sv).str(), "1.2.3");
  EXPECT_TRUE(Uid::Parse(" " + std::string(64, '1') + " "));
}

TEST(UidTest, RefusalSaysWhyButNotWhat) {
  try {
    Uid uid("Doe^John");
    FAIL() << "accepted " << uid.str();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kInvalidArgument);
    EXPECT_THAT(e.what(), testing::StartsWith("Cannot use "));
    EXPECT_THAT(e.what(), testing::HasSubstr("as a UID: it has characters other than"));
    EXPECT_THAT(e.what(), testing::Not(testing::HasSubstr("Doe")));
  }
}

TEST(UidTest, IsARegularValue) {
  const Uid a("1.2.3");
  Uid b("1.2.4");
  EXPECT_LT(a, b);
  b = a;
  EXPECT_EQ(a, b);
  EXPECT_EQ((std::unordered_set<Uid>{a, b, Uid("1.2.5")}.size()), 2u);
}

}  // namespace
}  // namespace trolley
