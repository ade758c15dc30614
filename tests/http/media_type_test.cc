#include "http/media_type.h"

#include <gtest/gtest.h>

namespace trolley {
namespace {

using Parameters = std::vector<std::pair<std::string, std::string>>;

TEST(MediaTypeTest, ReadsTypesAndParameters) {
  const std::vector<std::tuple<std::string_view, std::string, Parameters>> table = {
      {"text/plain", "text/plain", {}},
      {"  Application/DICOM+JSON  ", "application/dicom+json", {}},
      {"multipart/related;", "multipart/related", {}},
      {"multipart/related ;; ; boundary=a", "multipart/related", {{"boundary", "a"}}},
      {"multipart/related; type=\"application/dicom\"; boundary=abc",
       "multipart/related",
       {{"type", "application/dicom"}, {"boundary", "abc"}}},
      {"multipart/related;type=application/dicom;BOUNDARY=uuid:1-2",
       "multipart/related",
       {{"type", "application/dicom"}, {"boundary", "uuid:1-2"}}},
      {"multipart/related; boundary=\"uuid:1;x=\\\"y\\\\\" ; start = \"<a@b>\"",
       "multipart/related",
       {{"boundary", "uuid:1;x=\"y\\"}, {"start", "<a@b>"}}},
      {"multipart/related; boundary=\"\"", "multipart/related", {{"boundary", ""}}},
      {"multipart/related;\tboundary=a==", "multipart/related", {{"boundary", "a=="}}},
      {"text/html; charset=UTF-8", "text/html", {{"charset", "UTF-8"}}},
      {"a/b; x=1; x=2", "a/b", {{"x", "1"}, {"x", "2"}}},
  };
  for (const auto& [text, type, parameters] : table) {
    const auto media_type = ParseMediaType(text);
    ASSERT_TRUE(media_type) << text;
    EXPECT_EQ(media_type->type, type) << text;
    EXPECT_EQ(media_type->parameters, parameters) << text;
  }
}

TEST(MediaTypeTest, RefusesWhatIsNone) {
  for (const std::string_view text : {"",
                                      " ",
                                      ";",
                                      "text",
                                      "text/",
                                      "/plain",
                                      "text/pl ain",
                                      "te xt/plain",
                                      "text/plain; charset",
                                      "a/b; =x",
                                      "a/b; x=",
                                      "a/b; x=\"y",
                                      "a/b; x=\"y\\",
                                      "a/b; x=\"y\"z",
                                      "a/b; x=y z",
                                      "a/b; x=y\"",
                                      "a/b; x y=z",
                                      "a/b/c",
                                      "a/b; x=\r\ny",
                                      "a/b\x01",
                                      "a=b/c",
                                      "<html>/b"}) {
    EXPECT_FALSE(ParseMediaType(text)) << text;
  }
}

TEST(MediaTypeTest, TheFirstOfEqualParametersCounts) {
  EXPECT_EQ(ParseMediaType("a/b; x=1; x=2")->Parameter("x"), "1");
  EXPECT_EQ(ParseMediaType("a/b; x=1")->Parameter("y"), "");
}

}  // namespace
}  // namespace trolley
