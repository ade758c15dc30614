#include "mount/commands/terminal_text.h"

#include <gtest/gtest.h>

namespace trolley {
namespace {

TEST(TerminalTextTest, KeepsWhatPeopleWrite) {
  for (const char* text : {"", "Doe^John", "Müller^Jürgen", "山田^太郎", "Иван", "na\u0308ive", "😀"}) {
    EXPECT_EQ(Printable(text), text);
  }
}

TEST(TerminalTextTest, ReplacesWhatATerminalWouldObey) {
  EXPECT_EQ(Printable("a\x1b[2Jb"), "a\uFFFD[2Jb");
  EXPECT_EQ(Printable("a\x07\x7f"), "a\uFFFD\uFFFD");
  EXPECT_EQ(Printable("a\u009bb"), "a\uFFFDb");  // CSI in one character
  EXPECT_EQ(Printable("a\u202Eb\u2066c\u200F"), "a\uFFFDb\uFFFDc\uFFFD");
  EXPECT_EQ(Printable("a\u2028b"), "a\uFFFDb");
  EXPECT_EQ(Printable("a\r\nb\tc"), "a  b c");
  EXPECT_EQ(Printable(std::string_view("a\0b", 3)), "a\uFFFDb");
  EXPECT_EQ(Printable("a\xff\xc3"), "a\uFFFD\uFFFD");
  EXPECT_EQ(Printable("\xed\xa0\x80"), "\uFFFD\uFFFD\uFFFD");
}

TEST(TerminalTextTest, MeasuresColumns) {
  EXPECT_EQ(DisplayWidth("abc"), 3U);
  EXPECT_EQ(DisplayWidth("Müller"), 6U);
  EXPECT_EQ(DisplayWidth("u\u0308"), 1U);
  EXPECT_EQ(DisplayWidth("山田"), 4U);
  EXPECT_EQ(DisplayWidth("\uFFFD"), 1U);
}

TEST(TerminalTextTest, CutsBetweenCharacters) {
  EXPECT_EQ(CutToWidth("abcdef", 6), "abcdef");
  EXPECT_EQ(CutToWidth("abcdef", 5), "abcd…");
  EXPECT_EQ(CutToWidth("山田太郎", 6), "山田…");
  EXPECT_EQ(CutToWidth("山田太郎", 4), "山…");
  EXPECT_EQ(CutToWidth("abc", 1), "…");
  EXPECT_EQ(CutToWidth("abc", 0), "");
}

}  // namespace
}  // namespace trolley
