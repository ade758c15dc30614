#include "base/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "base/format_bytes.h"

namespace trolley {
namespace {

using std::chrono::milliseconds;
using std::string_literals::operator""s;
using std::string_view_literals::operator""sv;
using testing::ElementsAre;

TEST(TextTest, StrCatJoinsTextCharactersAndNumbers) {
  EXPECT_EQ(StrCat(), "");
  EXPECT_EQ(StrCat("a", 'b', "c"s, "d"sv, 7, -3, uint64_t{18446744073709551615U}), "abcd7-318446744073709551615");
}

TEST(TextTest, SplitKeepsEmptyPieces) {
  EXPECT_THAT(Split("a,b,,c", ','), ElementsAre("a", "b", "", "c"));
  EXPECT_THAT(Split("", ','), ElementsAre(""));
  EXPECT_THAT(Split(",", ','), ElementsAre("", ""));
  EXPECT_THAT(Split("abc", ','), ElementsAre("abc"));
}

TEST(TextTest, JoinIsTheReverseOfSplit) {
  EXPECT_EQ(Join({}, ", "), "");
  EXPECT_EQ(Join({"a"}, ", "), "a");
  EXPECT_EQ(Join({"a", "", "c"}, ", "), "a, , c");
}

TEST(TextTest, SlashesAtTheEndOfAUrlAreTakenOff) {
  EXPECT_EQ(WithoutTrailingSlashes("http://host/x//"), "http://host/x");
  EXPECT_EQ(WithoutTrailingSlashes("http://host/x"), "http://host/x");
  EXPECT_EQ(WithoutTrailingSlashes("//"), "");
}

TEST(TextTest, TrimTakesBlanksBreaksAndNulsFromTheEndsOnly) {
  EXPECT_EQ(Trim(" \t\r\n a b \0\0"sv), "a b");
  EXPECT_EQ(Trim("\0a\0b\0"sv), "a\0b"sv);
  EXPECT_EQ(Trim("   "), "");
  EXPECT_EQ(Trim(""), "");
}

TEST(TextTest, CaseIsThatOfAsciiLettersOnly) {
  EXPECT_EQ(AsciiLower("AbZ[@\xC3\x84"), "abz[@\xC3\x84");
  EXPECT_TRUE(EqualsIgnoreCase("Content-Type", "content-TYPE"));
  EXPECT_FALSE(EqualsIgnoreCase("@", "`"));  // they differ in the same bit as letters do
  EXPECT_FALSE(EqualsIgnoreCase("a", "ab"));
  EXPECT_TRUE(StartsWithIgnoreCase("Basic abc", "bASIC "));
  EXPECT_TRUE(StartsWithIgnoreCase("x", ""));
  EXPECT_FALSE(StartsWithIgnoreCase("Bas", "Basic"));
}

TEST(TextTest, ParseUintTakesDigitsOnly) {
  EXPECT_EQ(ParseUint("0"), 0U);
  EXPECT_EQ(ParseUint("007"), 7U);
  EXPECT_EQ(ParseUint("18446744073709551615"), std::numeric_limits<uint64_t>::max());
  for (const std::string_view bad : {""sv, " 1"sv, "1 "sv, "-1"sv, "+1"sv, "0x1"sv, "1.0"sv, "1\0"sv,
                                     "18446744073709551616"sv, "99999999999999999999999"sv}) {
    EXPECT_EQ(ParseUint(bad), std::nullopt) << bad;
  }
}

TEST(TextTest, ParseSizeKnowsDecimalAndBinaryUnits) {
  const std::vector<std::pair<std::string_view, uint64_t>> good = {
      {"0", 0},
      {"1024", 1024},
      {"10 B", 10},
      {"1K", 1024},
      {"1KB", 1000},
      {"1 KiB", 1024},
      {"1kb", 1000},
      {"3 M", 3U << 20U},
      {"500MB", 500'000'000},
      {"2 MiB", 2U << 20U},
      {"50 GiB", uint64_t{50} << 30U},
      {"1G", uint64_t{1} << 30U},
      {"1 GB", 1'000'000'000},
      {"2T", uint64_t{2} << 40U},
      {"2TB", 2'000'000'000'000},
      {"2 tib", uint64_t{2} << 40U},
      {"  7 kib ", 7168},
  };
  for (const auto& [text, bytes] : good) {
    EXPECT_EQ(ParseSize(text), bytes) << text;
  }
  for (const std::string_view bad : {"", "B", "GiB", "-1", "1.5 GiB", "1 X", "1 GiBs", "1 G B", "1,000",
                                     "18446744073709551616", "18446744073709551615 K", "99999999999 TiB"}) {
    EXPECT_EQ(ParseSize(bad), std::nullopt) << bad;
  }
}

TEST(TextTest, ParseDurationKnowsItsUnits) {
  const std::vector<std::pair<std::string_view, milliseconds>> good = {
      {"0", milliseconds(0)},
      {"5", milliseconds(5000)},
      {"500 ms", milliseconds(500)},
      {"30s", milliseconds(30'000)},
      {"30 sec", milliseconds(30'000)},
      {"1 second", milliseconds(1000)},
      {"2 seconds", milliseconds(2000)},
      {"10 min", milliseconds(600'000)},
      {"1 minute", milliseconds(60'000)},
      {"3 MINUTES", milliseconds(180'000)},
      {"2 h", milliseconds(7'200'000)},
      {"1 hour", milliseconds(3'600'000)},
      {"1 day", milliseconds(86'400'000)},
      {"7 days", milliseconds(604'800'000)},
      {"7d", milliseconds(604'800'000)},
  };
  for (const auto& [text, duration] : good) {
    EXPECT_EQ(ParseDuration(text), duration) << text;
  }
  for (const std::string_view bad : {"", "s", "-1 s", "1.5 s", "1 fortnight", "1 min 30 s", "99999999999999999999",
                                     "18446744073709551615 days", "40000 days"}) {
    EXPECT_EQ(ParseDuration(bad), std::nullopt) << bad;
  }
}

TEST(TextTest, TheLongestDurationCanStillBeAddedToATime) {
  const auto longest = ParseDuration("36500 days");
  ASSERT_TRUE(longest);
  EXPECT_GT(std::chrono::steady_clock::now() + *longest, std::chrono::steady_clock::now());
}

TEST(TextTest, IsValidUtf8RefusesEverythingTheStandardForbids) {
  for (const std::string_view good :
       {""sv, "plain"sv, "a\0b"sv, "\xC3\xA4"sv, "\xC2\x80"sv, "\xDF\xBF"sv, "\xE0\xA0\x80"sv, "\xE5\xB1\xB1"sv,
        "\xED\x9F\xBF"sv, "\xEE\x80\x80"sv, "\xEF\xBF\xBF"sv, "\xF0\x90\x80\x80"sv, "\xF4\x8F\xBF\xBF"sv}) {
    EXPECT_TRUE(IsValidUtf8(good)) << good;
  }
  for (const std::string_view bad :
       {"\x80"sv, "\xBF"sv, "a\xFF"sv, "\xC0\x80"sv, "\xC1\xBF"sv, "\xC3"sv, "\xC3z"sv, "\xE0\x9F\xBF"sv, "\xE5\xB1"sv,
        "\xED\xA0\x80"sv, "\xED\xBF\xBF"sv, "\xF0\x8F\xBF\xBF"sv, "\xF0\x90\x80"sv, "\xF4\x90\x80\x80"sv,
        "\xF5\x80\x80\x80"sv, "\xE5\xB1z"sv, "\xF8\x88\x80\x80\x80"sv}) {
    EXPECT_FALSE(IsValidUtf8(bad)) << PercentEncode(bad);
  }
}

TEST(TextTest, Utf8CharacterLengthIsThatOfTheFirstCharacter) {
  EXPECT_EQ(Utf8CharacterLength(""), 0U);
  EXPECT_EQ(Utf8CharacterLength("ab"), 1U);
  EXPECT_EQ(Utf8CharacterLength("\0"sv), 1U);
  EXPECT_EQ(Utf8CharacterLength("\xC3\xA4\xFF"), 2U);
  EXPECT_EQ(Utf8CharacterLength("\xE5\xB1\xB1z"), 3U);
  EXPECT_EQ(Utf8CharacterLength("\xF0\x9F\xA9\xBBz"), 4U);
  EXPECT_EQ(Utf8CharacterLength("\xE5\xB1"), 0U);
}

TEST(TextTest, TruncateUtf8NeverCutsACharacter) {
  const std::string_view text = "a\xC3\xA4\xE5\xB1\xB1\xF0\x9F\xA9\xBB";  // 1 + 2 + 3 + 4 bytes
  const size_t expected[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10};
  for (size_t max = 0; max < std::size(expected); ++max) {
    EXPECT_EQ(TruncateUtf8(text, max), text.substr(0, expected[max])) << max;
  }
}

TEST(TextTest, PercentEncodeKeepsTheUnreservedAndTheAsked) {
  EXPECT_EQ(PercentEncode("azAZ09-._~"), "azAZ09-._~");
  EXPECT_EQ(PercentEncode("a b/c*%\xC3\xA4\0"sv), "a%20b%2Fc%2A%25%C3%A4%00");
  EXPECT_EQ(PercentEncode("B*^?", "*?"), "B*%5E?");
}

TEST(TextTest, PercentDecodeRefusesBrokenSequences) {
  EXPECT_EQ(PercentDecode(""), "");
  EXPECT_EQ(PercentDecode("a+b%20%2f%2F%c3%A4"), "a+b //\xC3\xA4");
  EXPECT_EQ(PercentDecode("%00"), "\0"s);
  for (const std::string_view bad : {"%", "a%", "a%2", "%2g", "%g2", "%%20", "% 20", "%-1"}) {
    EXPECT_EQ(PercentDecode(bad), std::nullopt) << bad;
  }
}

TEST(TextTest, PercentDecodeUndoesPercentEncodeForEveryByte) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) {
    all += static_cast<char>(byte);
  }
  EXPECT_EQ(PercentDecode(PercentEncode(all)), all);
}

TEST(TextTest, NearestFindsTheMisspeltAndNothingForTheUnrelated) {
  const std::vector<std::string> keys = {"searcher", "downloader", "auth", "browse", "cache", "search_expiry"};
  EXPECT_EQ(Nearest("seacher", keys), "searcher");
  EXPECT_EQ(Nearest("SEARCHER", keys), "searcher");
  EXPECT_EQ(Nearest("dowloader", keys), "downloader");
  EXPECT_EQ(Nearest("auht", keys), "");  // two of four letters differ: too far to guess
  EXPECT_EQ(Nearest("aut", keys), "auth");
  EXPECT_EQ(Nearest("serch_expiry", keys), "search_expiry");
  EXPECT_EQ(Nearest("colour", keys), "");
  EXPECT_EQ(Nearest("", keys), "");
  EXPECT_EQ(Nearest("x", {"y"}), "");
  EXPECT_EQ(Nearest("x", {}), "");
  EXPECT_EQ(Nearest(std::string(100'000, 'a'), keys), "");
}

TEST(TextTest, FormatsSizes) {
  EXPECT_EQ(FormatBytes(0), "0 B");
  EXPECT_EQ(FormatBytes(1023), "1023 B");
  EXPECT_EQ(FormatBytes(1024), "1.0 KiB");
  EXPECT_EQ(FormatBytes((uint64_t{1} << 20) - 1), "1.0 MiB");
  EXPECT_EQ(FormatBytes(uint64_t{5476083302}), "5.1 GiB");
  EXPECT_EQ(FormatBytes(UINT64_MAX), "16.0 EiB");
}

}  // namespace
}  // namespace trolley
