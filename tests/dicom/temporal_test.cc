#include "dicom/temporal.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace trolley {
namespace {

TEST(TemporalTest, AMomentIsAsPreciseAsItIsWritten) {
  EXPECT_EQ(ParseMoment("DA", "20200301")->first, 20200301);
  EXPECT_EQ(ParseMoment("TM", "00")->last, 3'600'000'000 - 1);
  EXPECT_EQ(ParseMoment("TM", "000001.5")->first, 1'500'000);
  EXPECT_EQ(ParseMoment("TM", "000001.5")->last, 1'599'999);
  EXPECT_EQ(ParseMoment("DT", "1970")->first, 0);
  EXPECT_EQ(ParseMoment("DT", "19700101000000.000001")->last, 1);
  EXPECT_EQ(ParseMoment("DT", "1970")->last + 1, ParseMoment("DT", "1971")->first);
  EXPECT_EQ(ParseMoment("DT", "202002")->last + 1, ParseMoment("DT", "20200301")->first);
  EXPECT_EQ(ParseMoment("DT", "202012")->last + 1, ParseMoment("DT", "2021")->first);
}

TEST(TemporalTest, ReadsOffsetsWithinTheirBounds) {
  EXPECT_EQ(ParseMoment("DT", "20200301+0130")->offset_minutes, 90);
  EXPECT_EQ(ParseMoment("DT", "20200301-1200")->offset_minutes, -720);
  EXPECT_EQ(ParseMoment("DT", "2020+1400")->offset_minutes, 840);
  EXPECT_FALSE(ParseMoment("DT", "20200301")->offset_minutes);
  for (const char* text :
       {"20200301+1401", "20200301-1201", "20200301+0160", "20200301+01", "20200301+01a0", "+0100"}) {
    EXPECT_FALSE(ParseMoment("DT", text)) << text;
  }
}

TEST(TemporalTest, SplitsRanges) {
  const auto both = ParseTemporalKey("DA", "20200301-20200303");
  ASSERT_TRUE(both);
  EXPECT_EQ(both->from, "20200301");
  EXPECT_EQ(both->to, "20200303");
  EXPECT_FALSE(both->is_backwards());
  EXPECT_TRUE(ParseTemporalKey("DA", "20200303-20200301")->is_backwards());
  EXPECT_FALSE(ParseTemporalKey("DA", "-20200301")->range.from);
  EXPECT_FALSE(ParseTemporalKey("DA", "20200301-")->range.to);
  const auto offsets = ParseTemporalKey("DT", "20200301-0500-20200302-0500");
  ASSERT_TRUE(offsets);
  EXPECT_EQ(offsets->from, "20200301-0500");
  EXPECT_EQ(offsets->to, "20200302-0500");
}

TEST(TemporalTest, SurvivesAnyText) {
  std::mt19937 random(5);
  const std::string alphabet = "0123456789012301-+.:/ x";
  size_t parsed = 0;
  for (int round = 0; round < 100000; ++round) {
    std::string text;
    for (size_t n = random() % 28; n > 0; --n) {
      text += alphabet[random() % alphabet.size()];
    }
    for (const char* vr : {"DA", "TM", "DT"}) {
      if (const auto moment = ParseMomentLeniently(vr, text)) {
        ++parsed;
        EXPECT_LE(moment->first, moment->last) << text;
      }
      if (const auto key = ParseTemporalKey(vr, text)) {
        EXPECT_TRUE(key->from.empty() || ParseMoment(vr, key->from)) << text;
        key->is_backwards();
      }
    }
  }
  EXPECT_GT(parsed, 100u);
}

}  // namespace
}  // namespace trolley
