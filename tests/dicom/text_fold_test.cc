#include "dicom/text_fold.h"

#include <gtest/gtest.h>

namespace trolley {
namespace {

TEST(TextFoldTest, DecodesUtf8) {
  EXPECT_EQ(FoldText("", Fold::kNone), U"");
  EXPECT_EQ(FoldText("aA\u00fc\u5c71\U0001F600", Fold::kNone), U"aA\u00fc\u5c71\U0001F600");
}

TEST(TextFoldTest, ReplacesBytesThatAreNotUtf8) {
  EXPECT_EQ(FoldText("a\xFF\x80", Fold::kNone), U"a\uFFFD\uFFFD");
  EXPECT_EQ(FoldText("\xE5\xB1", Fold::kNone), U"\uFFFD\uFFFD");
  EXPECT_EQ(FoldText("\xC0\xAF", Fold::kNone), U"\uFFFD\uFFFD");
  EXPECT_EQ(FoldText("\xF0\x9F\x98", Fold::kCaseAndAccents), U"\uFFFD\uFFFD\uFFFD");
}

TEST(TextFoldTest, FoldsCase) {
  EXPECT_EQ(FoldText("AZaz09[`{@", Fold::kCase), U"azaz09[`{@");
  EXPECT_EQ(FoldText("\u00c0\u00d6\u00d7\u00d8\u00de\u00df\u00f7", Fold::kCase),
            U"\u00e0\u00f6\u00d7\u00f8\u00fe\u00df\u00f7");
  EXPECT_EQ(FoldText("\u0100\u0101\u0136\u0138\u0139\u013a\u0147\u0148\u0149\u014a\u0176\u0178\u0179\u017d\u017e",
                     Fold::kCase),
            U"\u0101\u0101\u0137\u0138\u013a\u013a\u0148\u0148\u0149\u014b\u0177\u00ff\u017a\u017e\u017e");
  EXPECT_EQ(FoldText("\u0391\u03a9\u0386\u0388\u038a\u038c\u038e\u038f\u03c2", Fold::kCase),
            U"\u03b1\u03c9\u03ac\u03ad\u03af\u03cc\u03cd\u03ce\u03c3");
  EXPECT_EQ(FoldText("\u0410\u042f\u0401\u040f\u0490", Fold::kCase), U"\u0430\u044f\u0451\u045f\u0491");
  EXPECT_EQ(FoldText("\uff21\uff3a\u5c71", Fold::kCase), U"\uff41\uff5a\u5c71");
}

TEST(TextFoldTest, ComposesAccents) {
  EXPECT_EQ(FoldText("U\u0308", Fold::kCase), U"\u00fc");
  EXPECT_EQ(FoldText("\u00dc", Fold::kCase), U"\u00fc");
  EXPECT_EQ(FoldText("U\u0308", Fold::kNone), U"U\u0308");
  EXPECT_EQ(FoldText("x\u0308", Fold::kCase), U"x\u0308") << "nothing to compose to";
  EXPECT_EQ(FoldText("\u0308", Fold::kCase), U"\u0308");
}

TEST(TextFoldTest, FoldsAccents) {
  EXPECT_EQ(FoldText("\u00dc\u00fcU\u0308x\u0308\u0308", Fold::kCaseAndAccents), U"uuux");
  EXPECT_EQ(FoldText("Stra\u00dfe \u00c6\u00d8\u0141\u0152\u0110", Fold::kCaseAndAccents), U"strasse aeoloed");
  EXPECT_EQ(FoldText("\u017b\u00d3\u0141\u0106", Fold::kCaseAndAccents), U"zolc");
}

}  // namespace
}  // namespace trolley
