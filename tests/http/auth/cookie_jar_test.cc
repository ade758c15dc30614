#include "http/auth/cookie_jar.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace trolley::internal {
namespace {

std::string After(const std::string& url, const std::vector<std::string>& set, const std::string& next) {
  HttpHead head;
  for (const std::string& cookie : set) {
    head.headers.emplace_back("set-cookie", cookie);
  }
  CookieJar jar;
  jar.Add(url, head);
  return jar.Line(next);
}

TEST(CookieJarTest, SendsThemBackToTheirHost) {
  const std::string url = "https://pacs.example/login";
  EXPECT_EQ(After(url, {"a=1; Path=/x; HttpOnly", "b=2"}, "https://pacs.example:8443/"), "Cookie: a=1; b=2");
  EXPECT_EQ(After(url, {"a=1", "a=2"}, url), "Cookie: a=2");
  EXPECT_EQ(After(url, {"a=b=c; Secure"}, url), "Cookie: a=b=c");
  EXPECT_EQ(After(url, {"a="}, url), "Cookie: a=");
  EXPECT_EQ(After(url, {"a=1; Domain=.Example"}, url), "");
  EXPECT_EQ(After("https://a.pacs.example/", {"a=1; Domain=pacs.example"}, "https://b.pacs.example/"), "Cookie: a=1");
}

TEST(CookieJarTest, SendsThemToNobodyElse) {
  const std::string url = "https://pacs.example/login";
  EXPECT_EQ(After(url, {"a=1"}, "https://evil.example/"), "");
  EXPECT_EQ(After(url, {"a=1"}, "https://sub.pacs.example/"), "");
  EXPECT_EQ(After(url, {"a=1"}, "https://evilpacs.example/"), "");
  EXPECT_EQ(After(url, {"a=1; Domain=evil.example"}, "https://evil.example/"), "");
  EXPECT_EQ(After(url, {"a=1; Secure"}, "http://pacs.example/"), "");
  EXPECT_EQ(After("http://1.2.3.4/", {"a=1; Domain=3.4"}, "http://1.2.3.4/"), "");
}

TEST(CookieJarTest, LeavesOutWhatIsDeletedOrMalformed) {
  const std::string url = "https://pacs.example/login";
  EXPECT_EQ(After(url, {"a=1", "a=; Max-Age=0"}, url), "");
  EXPECT_EQ(After(url, {"a=1", "a=x; Expires=Thu, 01 Jan 1970 00:00:00 GMT"}, url), "");
  for (const std::string& bad : {std::string("novalue"), std::string("=x"), std::string("a=b\x01"), std::string(),
                                 "a=" + std::string(5000, 'x')}) {
    EXPECT_EQ(After(url, {bad}, url), "") << bad;
  }
  std::vector<std::string> many;
  for (int i = 0; i < 100; ++i) {
    many.push_back(StrCat("c", i, "=1"));
  }
  EXPECT_LT(After(url, many, url).size(), 500u);
}

}  // namespace
}  // namespace trolley::internal
