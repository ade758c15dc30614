#include "dicom/matching.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <random>

namespace trolley {
namespace {

struct Case {
  const char* keyword;
  std::string pattern;
  std::string text;
  bool matches;
};

std::ostream& operator<<(std::ostream& out, const Case& c) {
  return out << c.keyword << " pattern " << testing::PrintToString(c.pattern) << " text "
             << testing::PrintToString(c.text);
}

class MatchesValueTest : public testing::TestWithParam<Case> {};

TEST_P(MatchesValueTest, FollowsTheStandard) {
  const Case& c = GetParam();
  EXPECT_EQ(MatchesValue(FindTag(c.keyword).value().tag, c.pattern, c.text), c.matches);
}

INSTANTIATE_TEST_SUITE_P(Uids, MatchesValueTest,
                         testing::Values(Case{"StudyInstanceUID", "1.2.3", "1.2.3", true},
                                         Case{"StudyInstanceUID", "1.2.3", "1.2.30", false},
                                         Case{"StudyInstanceUID", "1.2.3", "1.2", false},
                                         Case{"StudyInstanceUID", "1.2.3", "", false},
                                         Case{"StudyInstanceUID", "1.2.3\\1.2.4", "1.2.4", true},
                                         Case{"StudyInstanceUID", "1.2.3\\1.2.4", "1.2.5", false},
                                         Case{"StudyInstanceUID", "1.2.3", std::string("1.2.3\0", 6), true},
                                         Case{"SOPClassesInStudy", "1.2.3", "1.2.1\\1.2.3", true},
                                         Case{"SOPClassesInStudy", "1.2.3", "1.2.1\\1.2.2", false}));

INSTANTIATE_TEST_SUITE_P(
    Dates, MatchesValueTest,
    testing::Values(Case{"StudyDate", "20200301", "20200301", true}, Case{"StudyDate", "20200301", "20200302", false},
                    Case{"StudyDate", "20200301", "", false}, Case{"StudyDate", "20200301", "  ", false},
                    Case{"StudyDate", "20200301-20200303", "20200301", true},
                    Case{"StudyDate", "20200301-20200303", "20200302", true},
                    Case{"StudyDate", "20200301-20200303", "20200303", true},
                    Case{"StudyDate", "20200301-20200303", "20200229", false},
                    Case{"StudyDate", "20200301-20200303", "20200304", false},
                    Case{"StudyDate", "20200301-20200303", "", false}, Case{"StudyDate", "20200301-", "20200301", true},
                    Case{"StudyDate", "20200301-", "99991231", true}, Case{"StudyDate", "20200301-", "20200229", false},
                    Case{"StudyDate", "20200301-", "", false}, Case{"StudyDate", "-20200303", "18950101", true},
                    Case{"StudyDate", "-20200303", "20200304", false}, Case{"StudyDate", "-20200303", "", false},
                    Case{"StudyDate", "20200301", "2020.03.01", true}, Case{"StudyDate", "20200301", "20200301 ", true},
                    Case{"StudyDate", "20200301-", "nonsense", false},
                    Case{"StudyDate", "-20200301", "nonsense", false},
                    Case{"StudyDate", "20200301-", "13495156", false}, Case{"StudyDate", "-20200301", "13495156", true},
                    Case{"StudyDate", "20200301-20200303", "202003", true},
                    Case{"StudyDate", "20200301", "99999999999999999999999", false},
                    Case{"DateOfLastCalibration", "20200301", "20190101\\20200301", true}));

INSTANTIATE_TEST_SUITE_P(
    Times, MatchesValueTest,
    testing::Values(Case{"StudyTime", "101112", "101112", true}, Case{"StudyTime", "101112", "101112.000000", true},
                    Case{"StudyTime", "101112", "101113", false}, Case{"StudyTime", "1011", "101159.9", true},
                    Case{"StudyTime", "1011", "101200", false}, Case{"StudyTime", "101112.5", "101112.6", false},
                    Case{"StudyTime", "101112.5", "101112.500000", true}, Case{"StudyTime", "10-11", "100000", true},
                    Case{"StudyTime", "10-11", "115959.999999", true}, Case{"StudyTime", "10-11", "120000", false},
                    Case{"StudyTime", "10-11", "095959.999999", false}, Case{"StudyTime", "10-", "235960", true},
                    Case{"StudyTime", "-10", "000000", true}, Case{"StudyTime", "-10", "", false},
                    Case{"StudyTime", "101112", "10:11:12", true}, Case{"StudyTime", "10-11", "nonsense", false},
                    Case{"StudyTime", "10-11", "101112.123456789", true}));

INSTANTIATE_TEST_SUITE_P(
    DateTimes, MatchesValueTest,
    testing::Values(
        Case{"AcquisitionDateTime", "20200301", "20200301101112.5", true},
        Case{"AcquisitionDateTime", "20200301", "20200302000000", false},
        Case{"AcquisitionDateTime", "202002", "20200229235959", true},
        Case{"AcquisitionDateTime", "202002", "20200301", false},
        Case{"AcquisitionDateTime", "2019-2020", "20201231", true},
        Case{"AcquisitionDateTime", "2019-2020", "2021", false}, Case{"AcquisitionDateTime", "2020-", "20200101", true},
        Case{"AcquisitionDateTime", "-2020", "20210101", false},
        Case{"AcquisitionDateTime", "20200301120000+0100", "20200301110000+0000", true},
        Case{"AcquisitionDateTime", "20200301120000+0100", "20200301120000+0000", false},
        Case{"AcquisitionDateTime", "20200301120000+0100", "20200301120000", true},
        Case{"AcquisitionDateTime", "20200301120000-0500", "20200301170000+0000", true},
        Case{"AcquisitionDateTime", "20200301120000+0100-20200301130000+0100", "20200301113000+0000", true},
        Case{"AcquisitionDateTime", "20200301120000+0100-20200301130000+0100", "20200301123000+0000", false},
        Case{"AcquisitionDateTime", "2020", "", false}, Case{"AcquisitionDateTime", "2020", "20201301", false}));

INSTANTIATE_TEST_SUITE_P(
    Names, MatchesValueTest,
    testing::Values(
        Case{"PatientName", "Doe^John", "Doe^John", true}, Case{"PatientName", "doe^JOHN", "Doe^John", true},
        Case{"PatientName", "Doe^John", "Doe^John^^^", true}, Case{"PatientName", "Doe^John^^", "Doe^John", true},
        Case{"PatientName", "Doe^John", "Doe^John =", true}, Case{"PatientName", "Doe^John", "Doe^John==", true},
        Case{"PatientName", "Doe", "Doe^John", false}, Case{"PatientName", "Doe*", "Doe^John", true},
        Case{"PatientName", "Doe^*", "Doe^John", true}, Case{"PatientName", "*John", "Doe^John", true},
        Case{"PatientName", "D?e^J*", "Doe^John", true}, Case{"PatientName", "D?e", "De", false},
        Case{"PatientName", "M\xC3\xBCller", "M\xC3\x9CLLER", true},
        Case{"PatientName", "M\xC3\xBCller", "Muller", false}, Case{"PatientName", "Muller", "M\xC3\xBCller", false},
        Case{"PatientName", "M?ller", "M\xC3\xBCller", true},
        Case{"PatientName", "M\xC3\xBCller", "Mu\xCC\x88ller", true},
        Case{"PatientName", "M?ller", "Mu\xCC\x88ller", true}, Case{"PatientName", "M??ller", "M\xC3\xBCller", false},
        Case{"PatientName", "\xCE\x9D\xCE\x99\xCE\x9A\xCE\x9F\xCE\xA3", "\xCE\xBD\xCE\xB9\xCE\xBA\xCE\xBF\xCF\x82",
             true},
        Case{"PatientName", "\xD0\x98\xD0\x92\xD0\x90\xD0\x9D", "\xD0\xB8\xD0\xB2\xD0\xB0\xD0\xBD", true},
        Case{"PatientName", "\xC5\x81\xC3\x93\xC5\xB9", "\xC5\x82\xC3\xB3\xC5\xBA", true},
        Case{"PatientName", "\xE5\xB1\xB1*", "Yamada^Tarou=\xE5\xB1\xB1\xE7\x94\xB0^\xE5\xA4\xAA\xE9\x83\x8E=", true},
        Case{"PatientName", "Yamada*", "Yamada^Tarou=\xE5\xB1\xB1\xE7\x94\xB0", true},
        Case{"PatientName", "Tanaka*", "Yamada^Tarou=\xE5\xB1\xB1\xE7\x94\xB0", false},
        Case{"PatientName", "Yamada*=\xE5\xB1\xB1*", "Yamada^Tarou=\xE5\xB1\xB1\xE7\x94\xB0", true},
        Case{"PatientName", "Yamada*=\xE5\xB7\x9D*", "Yamada^Tarou=\xE5\xB1\xB1\xE7\x94\xB0", false},
        Case{"PatientName", "=\xE5\xB1\xB1*", "Yamada^Tarou=\xE5\xB1\xB1\xE7\x94\xB0", true},
        Case{"PatientName", "=\xE5\xB1\xB1*", "Yamada^Tarou", false},
        Case{"PatientName", "Yamada^Tarou=\xE5\xB1\xB1", "Yamada^Tarou", false}, Case{"PatientName", "*", "", true},
        Case{"PatientName", "**", "", true}, Case{"PatientName", "?", "", false}, Case{"PatientName", "D*", "", false},
        Case{"PatientName", "?*", "=", false}, Case{"OtherPatientNames", "Roe*", "Doe^John\\Roe^Jane", true}));

INSTANTIATE_TEST_SUITE_P(
    Texts, MatchesValueTest,
    testing::Values(Case{"ModalitiesInStudy", "CT", "CT", true}, Case{"ModalitiesInStudy", "SR", "CT\\SR", true},
                    Case{"ModalitiesInStudy", "CT", "CT \\SR ", true}, Case{"ModalitiesInStudy", "MR", "CT\\SR", false},
                    Case{"ModalitiesInStudy", "C", "CT\\SR", false}, Case{"ModalitiesInStudy", "CT", "", false},
                    Case{"ModalitiesInStudy", "CT", "ct", false}, Case{"ModalitiesInStudy", "*T*S*", "CT\\SR", false},
                    Case{"Modality", "CT", " CT  ", true}, Case{"PatientID", "4711", "4711", true},
                    Case{"PatientID", "4711", "04711", false}, Case{"PatientID", "47*", "4711", true},
                    Case{"PatientID", "47??", "4711", true}, Case{"PatientID", "47???", "4711", false},
                    Case{"PatientID", "abc", "ABC", false}, Case{"PatientID", "*", "", true},
                    Case{"PatientID", "*", "x", true}, Case{"PatientID", "a*b*c", "aXXbYYc", true},
                    Case{"PatientID", "a*b*c", "aXXbYY", false}, Case{"PatientID", "*ab", "aab", true},
                    Case{"PatientID", "a.c", "abc", false}, Case{"PatientID", "[a]", "a", false},
                    Case{"StudyDescription", "*chest*", "CT chest AP", true},
                    Case{"StudyDescription", "*chest*", "CT Chest AP", false},
                    Case{"StudyDescription", "CT  x", "CT x", false}, Case{"PatientComments", "a\\b", "a\\b", true},
                    Case{"PatientComments", "b", "a\\b", false}, Case{"StudyDescription", "?", "\xE5\xB1\xB1", true},
                    Case{"StudyDescription", "??", "\xE5\xB1\xB1", false},
                    Case{"StudyDescription", "a?c",
                         "a\xFF"
                         "c",
                         true},
                    Case{"PatientAge", "045Y", "045Y", true}, Case{"PatientAge", "045Y", "045M", false}));

INSTANTIATE_TEST_SUITE_P(
    Numbers, MatchesValueTest,
    testing::Values(Case{"InstanceNumber", "7", "7", true}, Case{"InstanceNumber", "7", " 007 ", true},
                    Case{"InstanceNumber", "7", "7.0", true}, Case{"InstanceNumber", "7", "70", false},
                    Case{"InstanceNumber", "7", "", false}, Case{"InstanceNumber", "7", "x", false},
                    Case{"InstanceNumber", "0", "", false}, Case{"InstanceNumber", "7", "+7", true},
                    Case{"SliceThickness", "1.5", "1.50", true}, Case{"SliceThickness", "1.5", "1.500001", false},
                    Case{"PixelSpacing", "0.5", "0.4\\0.5", true}, Case{"Rows", "512", "512", true}));

TEST(MatchingTest, UnknownTagsAreText) {
  EXPECT_TRUE(MatchesValue(Tag{0x00091001}, "a*", "abc"));
  EXPECT_FALSE(MatchesValue(Tag{0x00091001}, "a*", "bc"));
}

TEST(MatchingTest, WildcardsDoNotExplode) {
  const std::string pattern = "*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b";
  const std::string text(20000, 'a');
  const auto start = std::chrono::steady_clock::now();
  EXPECT_FALSE(MatchesValue(tag::kPatientID, pattern, text));
  EXPECT_FALSE(MatchesValue(tag::kPatientName, pattern, text));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
}

TEST(MatchingTest, EveryKeyMustMatch) {
  Query query;
  query.Where("PatientName", "Doe*").Where("StudyDate", "20200301-20200303").Where("ModalitiesInStudy", "CT");
  const Attributes row{
      {tag::kPatientName, "DOE^JANE"}, {tag::kStudyDate, "20200302"}, {tag::kModalitiesInStudy, "CT\\SR"}};
  EXPECT_TRUE(Matches(query, row));
  EXPECT_TRUE(Matches(Query(), row));
  EXPECT_TRUE(Matches(Query(), Attributes()));
  for (const auto& [tag, other] : {std::pair(tag::kPatientName, "Roe^Jane"), std::pair(tag::kStudyDate, "20200304"),
                                   std::pair(tag::kModalitiesInStudy, "MR")}) {
    Attributes changed = row;
    changed.Set(tag, other);
    EXPECT_FALSE(Matches(query, changed)) << TagName(tag);
    EXPECT_TRUE(Contradicts(query, changed)) << TagName(tag);
  }
}

TEST(MatchingTest, AbsentMatchesOnlyTheStar) {
  EXPECT_TRUE(Matches(Query().Where("PatientID", "*"), Attributes()));
  for (const auto& [keyword, value] :
       {std::pair("PatientID", "x"), std::pair("PatientID", "x*"), std::pair("StudyDate", "20200301-"),
        std::pair("StudyInstanceUID", "1.2"), std::pair("InstanceNumber", "1"), std::pair("PatientName", "?*")}) {
    const Query query = Query().Where(keyword, value);
    EXPECT_FALSE(Matches(query, Attributes())) << keyword << "=" << value;
    EXPECT_FALSE(Contradicts(query, Attributes())) << keyword << "=" << value;
    const Attributes empty{{FindTag(keyword)->tag, ""}};
    EXPECT_FALSE(Matches(query, empty)) << keyword << "=" << value;
    EXPECT_TRUE(Contradicts(query, empty)) << keyword << "=" << value;
  }
  EXPECT_FALSE(Contradicts(Query().Where("PatientID", "*"), {{tag::kPatientID, ""}}));
}

TEST(MatchingTest, AnAnswerMayBeMoreTolerantThanWeAre) {
  struct Tolerated {
    const char* keyword;
    const char* pattern;
    const char* text;
  };
  for (const auto& [keyword, pattern, text] : {
           Tolerated{"PatientID", "abc*", "ABCD"},
           Tolerated{"StudyDescription", "*chest*", "CT CHEST"},
           Tolerated{"ModalitiesInStudy", "ct", "CT\\SR"},
           Tolerated{"PatientName", "Muller*", "M\xC3\xBCller^Jo"},
           Tolerated{"PatientName", "M\xC3\xBCller*", "MULLER^JO"},
           Tolerated{"PatientName", "M\xC3\xBCller*", "M?ller^Jo"},
           Tolerated{"PatientName", "M\xC3\xBCller*", "M\xEF\xBF\xBDller^Jo"},
           Tolerated{"PatientName", "Strau\xC3\x9F", "STRAUSS"},
           Tolerated{"PatientName", "Strau?", "Strau\xC3\x9F"},
           Tolerated{"PatientName", "Yamada*=\xE5\xB1\xB1*", "Yamada^Tarou"},
           Tolerated{"PatientName", "=\xE5\xB1\xB1*", "Yamada^Tarou"},
           Tolerated{"SliceThickness", "0.1", "0.10000000149011612"},
       }) {
    const Attributes row{{FindTag(keyword)->tag, text}};
    EXPECT_FALSE(Contradicts(Query().Where(keyword, pattern), row)) << pattern << " against " << text;
  }
}

TEST(MatchingTest, AnAnswerThatIgnoresTheQuestionContradicts) {
  struct Ignored {
    const char* keyword;
    const char* pattern;
    const char* text;
  };
  for (const auto& [keyword, pattern, text] : {
           Ignored{"ModalitiesInStudy", "CT", "MR"},
           Ignored{"ModalitiesInStudy", "CT", ""},
           Ignored{"StudyDate", "20200301-20200303", "20210101"},
           Ignored{"StudyDate", "20200301-20200303", ""},
           Ignored{"StudyInstanceUID", "1.2.3", "1.2.4"},
           Ignored{"PatientName", "Doe*", "Roe^Jane"},
           Ignored{"PatientName", "Doe*", "="},
           Ignored{"PatientName", "=\xE5\xB1\xB1*", ""},
           Ignored{"PatientName", "Yamada*=\xE5\xB1\xB1*", "Tanaka^Tarou"},
           Ignored{"SliceThickness", "0.1", "0.11"},
           Ignored{"InstanceNumber", "1", "2"},
       }) {
    const Attributes row{{FindTag(keyword)->tag, text}};
    EXPECT_TRUE(Contradicts(Query().Where(keyword, pattern), row)) << pattern << " against " << text;
  }
}

TEST(MatchingTest, FuzzyNamesAreLeftToTheArchive) {
  const Attributes row{{tag::kPatientName, "Smythe^Jane"}, {tag::kPatientID, "1"}};
  Query query = Query().Where("PatientName", "Smith");
  EXPECT_TRUE(Contradicts(query, row));
  query.SetFuzzy(true);
  EXPECT_FALSE(Contradicts(query, row));
  EXPECT_TRUE(Contradicts(query, {{tag::kPatientName, ""}}));
  query.Where("PatientID", "2");
  EXPECT_TRUE(Contradicts(query, row)) << "only names are matched fuzzily";
}

// What we would find ourselves never contradicts: else an archive's right answer would be thrown away.
TEST(MatchingTest, WhatMatchesDoesNotContradict) {
  std::mt19937 random(3);
  const std::vector<std::string> pieces = {"a",        "A", "b",        "*",        "?", "^", "=",
                                           "\xC3\xBC", "u", "\xCC\x88", "\xC3\x9F", "s", " ", "1"};
  const auto any_text = [&](bool wildcards) {
    std::string text;
    for (size_t n = 1 + random() % 6; n > 0; --n) {
      const std::string& piece = pieces[random() % pieces.size()];
      text += wildcards || (piece != "*" && piece != "?") ? piece : "a";
    }
    return text;
  };
  size_t matched = 0;
  for (int round = 0; round < 30000; ++round) {
    for (const Tag tag : {tag::kPatientName, tag::kPatientID, tag::kModalitiesInStudy}) {
      Query query;
      try {
        query.Where(tag, any_text(true));
      } catch (const std::exception&) {
        continue;  // nothing but padding
      }
      const Attributes row{{tag, any_text(false)}};
      if (Matches(query, row)) {
        ++matched;
        ASSERT_FALSE(Contradicts(query, row)) << query.Get(tag) << " against " << row.Get(tag);
      }
    }
  }
  EXPECT_GT(matched, 1000u);
}

}  // namespace
}  // namespace trolley
