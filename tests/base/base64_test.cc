#include "base/base64.h"

#include <gtest/gtest.h>

#include <string>

namespace trolley {
namespace {

// RFC 4648 §10
TEST(Base64Test, IsThereAndBack) {
  const std::pair<std::string, std::string> pairs[] = {{"", ""},
                                                       {"f", "Zg=="},
                                                       {"fo", "Zm8="},
                                                       {"foo", "Zm9v"},
                                                       {"foob", "Zm9vYg=="},
                                                       {"fooba", "Zm9vYmE="},
                                                       {"foobar", "Zm9vYmFy"},
                                                       {std::string("\0\xff\xfe", 3), "AP/+"}};
  for (const auto& [bytes, text] : pairs) {
    EXPECT_EQ(EncodeBase64(bytes), text);
    EXPECT_EQ(DecodeBase64(text), bytes);
  }
}

TEST(Base64Test, PassesOverLineBreaksAndMissingPadding) {
  EXPECT_EQ(DecodeBase64("Zm9v\r\n Ym E"), "fooba");
}

TEST(Base64Test, RefusesAnythingElse) {
  for (const char* text : {"Z", "Zm9v!", "Zg==Zg==", "Zm9vY", "Zm-v", "Zg===", "Zh=="}) {
    EXPECT_EQ(DecodeBase64(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace trolley
