#include "dicom/charset.h"

#include <gtest/gtest.h>

#include <string>

#include "base/text.h"

namespace trolley {
namespace {

using namespace std::string_literals;

std::string Name(std::string_view text, std::string_view charset) {
  return DecodeText(text, charset, tag::kPatientName);
}

// The examples of PS3.5 annexes H, I, J and K.
TEST(CharsetTest, DecodesTheExamplesOfTheStandard) {
  const struct {
    const char* charset;
    std::string bytes;
    const char* utf8;
  } cases[] = {
      {"\\ISO 2022 IR 87", "Yamada^Tarou=\033$B;3ED\033(B^\033$BB@O:\033(B=\033$B$d$^$@\033(B^\033$B$?$m$&\033(B",
       "Yamada^Tarou=山田^太郎=やまだ^たろう"},
      {"ISO 2022 IR 13\\ISO 2022 IR 87",
       "\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\033$B;3ED\033(J^\033$BB@O:\033(J=\033$B$d$^$@\033(J^\033$B$?$m$&\033(J",
       "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう"},
      {"ISO_IR 13", "\xd4\xcf\xc0\xde^\xc0\xdb\xb3", "ﾔﾏﾀﾞ^ﾀﾛｳ"},
      {"\\ISO 2022 IR 149",
       "Hong^Gildong=\033$)C\xfb\xf3^\033$)C\xd1\xce\xd4\xd7=\033$)C\xc8\xab^\033$)C\xb1\xe6\xb5\xbf",
       "Hong^Gildong=洪^吉洞=홍^길동"},
      {"\\ISO 2022 IR 58", "Zhang^XiaoDong=\033$)A\xd5\xc5^\033$)A\xd0\xa1\xb6\xab=", "Zhang^XiaoDong=张^小东="},
      {"GB18030", "Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab=", "Wang^XiaoDong=王^小东="},
      {"GBK", "Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab=", "Wang^XiaoDong=王^小东="},
      {"ISO_IR 192", "Wang^XiaoDong=王^小東=", "Wang^XiaoDong=王^小東="},
      {"ISO_IR 100", "Buc^J\xe9r\xf4me", "Buc^Jérôme"},
      {"ISO_IR 101", "Wa\xb3\xeasa", "Wałęsa"},
      {"ISO_IR 144", "\xbb\xee\xda\x63\x65\xdc\xd1yp\xd3", "Люкceмбypг"},
      {"ISO_IR 126", "\xc4\xe9\xef\xed\xf5\xf3\xe9\xef\xf2", "Διονυσιος"},
      {"ISO_IR 127", "\xe2\xc8\xc7\xe6\xea^\xe4\xe6\xd2\xc7\xd1", "قباني^لنزار"},
      {"ISO_IR 138", "\xf9\xf8\xe5\xef^\xe3\xe1\xe5\xf8\xe4", "שרון^דבורה"},
      {"ISO_IR 148", "\xc7\xf0\xdd", "Çğİ"},
      {"ISO_IR 166", "\xa1\xd2", "กา"},
      {"ISO_IR 203", "\xa4", "€"},
      {"ISO 2022 IR 100\\ISO 2022 IR 144", "M\xfcller^\033-L\xbb\xee", "Müller^Лю"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(Name(c.bytes, c.charset), c.utf8) << c.charset;
  }
}

TEST(CharsetTest, LeavesAsciiAlone) {
  for (const char* charset : {"", "ISO_IR 100", "ISO_IR 13", "GB18030", "\\ISO 2022 IR 87", "nonsense", "\\\\"}) {
    EXPECT_EQ(Name("Doe^Jane\\~", charset), "Doe^Jane\\~");
    EXPECT_EQ(Name("", charset), "");
  }
}

TEST(CharsetTest, UnderstandsMisspeltTerms) {
  for (const char* charset :
       {"ISO_IR 100", "ISO-IR 100", "ISO IR 100", "iso_ir 100 ", "ISO_IR_100", "ISO 2022 IR 100"}) {
    EXPECT_EQ(Name("M\xfcller", charset), "Müller") << charset;
  }
  EXPECT_EQ(Name("Müller", "UTF-8"), "Müller");
}

TEST(CharsetTest, ReadsUndeclaredBytesAsUtf8ElseWithTheFallback) {
  EXPECT_EQ(Name("M\xfcller", ""), "Müller");
  EXPECT_EQ(Name("Müller", ""), "Müller");
  EXPECT_EQ(Name("M\xfcller", "ISO_IR 192"), "Müller");
  EXPECT_EQ(DecodeText("\xbb\xee", "", tag::kPatientName, "ISO_IR 144"), "Лю");
  EXPECT_EQ(DecodeText("M\xfc", "", tag::kPatientName, "ISO_IR 6"), "M?");
}

TEST(CharsetTest, UnderstandsUndeclaredEscapeSequences) {
  EXPECT_EQ(Name("\033$B;3ED\033(B^\033$BB@O:\033(B", ""), "山田^太郎");
  EXPECT_EQ(Name("\033$B;3ED\033(B", "ISO_IR 192"), "山田");
  EXPECT_EQ(Name("\033$@;3ED\033(B", "\\ISO 2022 IR 87"), "山田");
}

TEST(CharsetTest, ADelimiterEndsAnEscapeSequencesReach) {
  EXPECT_EQ(Name("\033-L\xbb^\xfc", "ISO 2022 IR 100\\ISO 2022 IR 144"), "Л^ü");
  EXPECT_EQ(DecodeText("\033-L\xbb^\xee\\\xfc", "ISO 2022 IR 100", tag::kStudyDescription), "Л^ю\\ü");
}

TEST(CharsetTest, SpoilsOnlyWhatIsBroken) {
  EXPECT_EQ(Name("\033$B;3E\033(B^Tarou", "\\ISO 2022 IR 87"), "山?^Tarou");
  EXPECT_EQ(Name("\033$B;3!\177\033(B", "\\ISO 2022 IR 87").substr(0, 3), "山");
  EXPECT_EQ(Name("\033$", "\\ISO 2022 IR 87"), "$");
  EXPECT_EQ(Name("\033", ""), "");
}

TEST(CharsetTest, AlwaysGivesValidUtf8) {
  uint32_t random = 7;
  const char* charsets[] = {"",           "ISO_IR 100", "\\ISO 2022 IR 87", "GB18030",
                            "ISO_IR 192", "ISO_IR 13",  "\\ISO 2022 IR 149"};
  const std::string pieces[] = {"\033$B", "\033(B", "\033$)C",  "\033$(D", "^",   "=",   "\\",
                                ";3",     "\xd4",   "\xfc\xe9", "\xc3",    "\0"s, "\033"};
  for (int round = 0; round < 20000; ++round) {
    std::string bytes;
    for (int i = 0; i < 8; ++i) {
      random = random * 1664525 + 1013904223;
      bytes += pieces[(random >> 16) % std::size(pieces)];
    }
    for (const char* charset : charsets) {
      const std::string text = Name(bytes, charset);
      ASSERT_TRUE(IsValidUtf8(text)) << charset << " " << testing::PrintToString(bytes);
    }
  }
}

TEST(CharsetTest, EncodesWhatItDecodes) {
  const struct {
    const char* charset;
    const char* utf8;
  } cases[] = {{"", "Doe^Jane"},
               {"ISO_IR 100", "Müller^Jürgen"},
               {"\\ISO 2022 IR 87", "Yamada^Tarou=山田^太郎=やまだ^たろう"},
               {"\\ISO 2022 IR 149", "Hong^Gildong=洪^吉洞=홍^길동"},
               {"\\ISO 2022 IR 58", "Zhang^XiaoDong=张^小东="},
               {"ISO_IR 192", "Wang^XiaoDong=王^小東="},
               {"GB18030", "Wang^XiaoDong=王^小东="},
               {"ISO_IR 144", "Люксембург"}};
  for (const auto& c : cases) {
    const std::optional<std::string> bytes = EncodeText(c.utf8, c.charset);
    ASSERT_TRUE(bytes.has_value()) << c.charset;
    EXPECT_EQ(Name(*bytes, c.charset), c.utf8);
  }
  EXPECT_EQ(EncodeText("Yamada^Tarou=山田^太郎=やまだ^たろう", "\\ISO 2022 IR 87"),
            "Yamada^Tarou=\033$B;3ED\033(B^\033$BB@O:\033(B=\033$B$d$^$@\033(B^\033$B$?$m$&\033(B");
}

TEST(CharsetTest, RefusesToEncodeWhatTheSetLacks) {
  EXPECT_EQ(EncodeText("Müller", ""), std::nullopt);
  EXPECT_EQ(EncodeText("山田", "ISO_IR 100"), std::nullopt);
}

}  // namespace
}  // namespace trolley
