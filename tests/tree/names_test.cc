#include "tree/names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "base/text.h"

namespace trolley {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;
using testing::StartsWith;

constexpr auto kReadable = NameStyle::kReadable;
constexpr auto kUid = NameStyle::kUid;

Study MakeStudy(const char* uid, Attributes attributes) {
  return Study{Uid(uid), std::move(attributes), {}};
}

Series MakeSeries(std::initializer_list<std::pair<const char*, const char*>> uids_and_numbers) {
  Series series{Uid("1.2"), {}, {}};
  for (const auto& [uid, number] : uids_and_numbers) {
    Attributes attributes;
    if (number[0] != '\0') {
      attributes.Set(tag::kInstanceNumber, number);
    }
    series.instances.push_back({Uid(uid), attributes, std::nullopt});
  }
  return series;
}

std::string Repeat(std::string_view text, int times) {
  std::string repeated;
  for (int i = 0; i < times; ++i) {
    repeated += text;
  }
  return repeated;
}

// What must hold for every name, whatever the archive sends.
void ExpectUsable(const std::string& name) {
  EXPECT_FALSE(name.empty());
  EXPECT_LE(name.size(), 255u);
  EXPECT_TRUE(IsValidUtf8(name)) << name;
  EXPECT_EQ(name.find_first_of("/\\:*?\"<>|=\t\r\n"), std::string::npos) << name;
  EXPECT_EQ(std::string("-.~ ").find(name.front()), std::string::npos) << name;
  EXPECT_THAT(name, Not(EndsWith(".")));
  EXPECT_THAT(name, Not(EndsWith(" ")));
  EXPECT_THAT(name, Not(HasSubstr("  ")));
}

TEST(CleanNameTest, KeepsOrReplacesAsTheTableSays) {
  const std::pair<std::string, std::string> table[] = {
      {"CT Thorax/Abdomen m. KM", "CT Thorax_Abdomen m. KM"},
      {"a:b*c?d<e>f|g\"h\\i=j", "a_b_c_d_e_f_g_h_i_j"},
      {"tab\tcr\rlf\nend", "tab cr lf end"},
      {"  lead  and   trail  ", "lead and trail"},
      {"..", ""},
      {".", ""},
      {"...x...", "x"},
      {".. / ..", "_"},
      {"-rf", "rf"},
      {"~root", "root"},
      {"", ""},
      {" ", ""},
      {std::string("nul\0in", 6), "nulin"},
      {"M\xC3\xBCller", "M\xC3\xBCller"},
      {"\xE5\xB1\xB1\xE7\x94\xB0\xE3\x80\x80\xE5\xA4\xAA\xE9\x83\x8E",
       "\xE5\xB1\xB1\xE7\x94\xB0 \xE5\xA4\xAA\xE9\x83\x8E"},
      {"a\xE2\x80\xAEtxt.exe", "atxt.exe"},      // U+202E right-to-left override
      {"a\xE2\x80\x8B\xE2\x81\xA6z", "az"},      // U+200B, U+2066
      {"a\xEF\xBB\xBFz\xC2\xAD", "az"},          // U+FEFF, U+00AD
      {"a\xC2\x9Bz", "az"},                      // C1 control
      {"a\xE2\x80\xA8z\xE2\x80\xA9y", "a z y"},  // U+2028, U+2029
      {"a\xF3\xA0\x81\x81z", "az"},              // tag character U+E0041
      {"bad\xFFutf8\xC3", "bad_utf8_"},
      {"over\xC0\xAFlong", "over__long"},
      {"\xED\xA0\x80", "___"},  // a surrogate
  };
  for (const auto& [text, name] : table) {
    EXPECT_EQ(CleanName(text), name) << testing::PrintToString(text);
  }
}

TEST(CleanNameTest, IsDoneTwiceAsWellAsOnce) {
  for (const char* text : {".. -~x. .", "a / b", " \xC2\xAD.x", "-.-", "x \xE2\x80\x8B."}) {
    const std::string once = CleanName(text);
    EXPECT_EQ(CleanName(once), once);
  }
}

TEST(StudyDirectoryNameTest, ReadsAsDateModalityDescription) {
  const Study study = MakeStudy("1.2.3", {{tag::kStudyDate, "20200301"},
                                          {tag::kModalitiesInStudy, "SR\\PT\\CT\\CT"},
                                          {tag::kStudyDescription, "Chest/Abdomen"}});
  EXPECT_THAT(StudyDirectoryName(study, kReadable), MatchesRegex("2020-03-01 CT\\+PT Chest_Abdomen~[0-9a-f]{6}"));
  EXPECT_EQ(StudyDirectoryName(study, kUid), "1.2.3");
}

TEST(StudyDirectoryNameTest, NeverChangesBetweenVersions) {
  const Study study = MakeStudy("1.2.840.113619.2.1", {{tag::kStudyDate, "20200301"}});
  EXPECT_EQ(StudyDirectoryName(study, kReadable), "2020-03-01~57a343");
  EXPECT_EQ(StudyDirectoryName(study, kReadable, Suffix::kLong), "2020-03-01~57a343e33c563c04");
}

TEST(StudyDirectoryNameTest, DoesNotDependOnTheSeriesThatWereFound) {
  Study study = MakeStudy("1.2.3", {{tag::kStudyDescription, "Chest"}});
  const std::string name = StudyDirectoryName(study, kReadable);
  study.series.push_back({Uid("1.2.3.1"), {{tag::kModality, "MR"}}, {}});
  EXPECT_EQ(StudyDirectoryName(study, kReadable), name);
}

TEST(StudyDirectoryNameTest, DoesNotSayTheModalityTwice) {
  const std::pair<const char*, const char*> table[] = {
      {"CT Chest", "CT Chest~"}, {"CT", "CT~"}, {"CTA Chest", "CT CTA Chest~"}, {"", "CT~"}};
  for (const auto& [description, name] : table) {
    EXPECT_THAT(
        StudyDirectoryName(MakeStudy("1.2", {{tag::kModalitiesInStudy, "CT"}, {tag::kStudyDescription, description}}),
                           kReadable),
        StartsWith(name));
    const Series series{Uid("1.2"), {{tag::kModality, "CT"}, {tag::kSeriesDescription, description}}, {}};
    EXPECT_THAT(SeriesDirectoryName(series, kReadable), StartsWith(name));
  }
}

TEST(StudyDirectoryNameTest, NamesDocumentsWhenThereIsNothingElse) {
  EXPECT_THAT(StudyDirectoryName(MakeStudy("1.2", {{tag::kModalitiesInStudy, "SR"}}), kReadable), StartsWith("SR~"));
}

TEST(StudyDirectoryNameTest, NamesAStudyWithoutAnything) {
  EXPECT_THAT(StudyDirectoryName(MakeStudy("1.2", {}), kReadable), MatchesRegex("study~[0-9a-f]{6}"));
  EXPECT_THAT(StudyDirectoryName(MakeStudy("1.2", {{tag::kStudyDate, "not a date"}}), kReadable), StartsWith("study~"));
}

TEST(StudyDirectoryNameTest, StaysUsableWithHostileValues) {
  const std::string hostile[] = {"..",
                                 ".",
                                 "/",
                                 "../../etc/passwd",
                                 "a:b*c?d<e>f|g\"h",
                                 "tab\tcr\rlf\n",
                                 std::string(10, '\0'),
                                 " ",
                                 "-rf",
                                 "~",
                                 Repeat("\xE6\xBC\xA2", 64),
                                 Repeat("\xF0\x9F\x98\x80", 64),
                                 Repeat("x", 100000),
                                 Repeat("\xCC\x81", 5000),
                                 Repeat(". ", 200),
                                 "a=b",
                                 "trail .",
                                 "\xFF\xFE"};
  for (const std::string& value : hostile) {
    SCOPED_TRACE(testing::PrintToString(value.substr(0, 40)));
    const Study study = MakeStudy(
        "1.2.3", {{tag::kStudyDate, value}, {tag::kModalitiesInStudy, value}, {tag::kStudyDescription, value}});
    ExpectUsable(StudyDirectoryName(study, kReadable));
    ExpectUsable(StudyDirectoryName(study, kReadable, Suffix::kFull));
    const Series series{
        Uid("1.2.3"), {{tag::kSeriesNumber, value}, {tag::kModality, value}, {tag::kSeriesDescription, value}}, {}};
    ExpectUsable(SeriesDirectoryName(series, kReadable));
    ExpectUsable(PatientDirectoryName(value, value, kReadable));
    ExpectUsable(PatientDirectoryName(value, value, kUid));
  }
}

TEST(StudyDirectoryNameTest, CutsLongNamesAtACharacterAndKeepsTheSuffix) {
  const Study study = MakeStudy("1.2.3", {{tag::kStudyDescription, Repeat("\xF0\x9F\x98\x80", 80)}});
  const std::string name = StudyDirectoryName(study, kReadable);
  EXPECT_EQ(name.size(), 62u * 4 + 7);
  EXPECT_THAT(name, MatchesRegex(".*~[0-9a-f]{6}"));
}

TEST(StudyDirectoryNameTest, TellsStudiesOfEqualTextApart) {
  const Attributes attributes{{tag::kStudyDate, "20200101"}, {tag::kStudyDescription, "DUP"}};
  EXPECT_NE(StudyDirectoryName(MakeStudy("1.1", attributes), kReadable),
            StudyDirectoryName(MakeStudy("1.2", attributes), kReadable));
}

TEST(SeriesDirectoryNameTest, ReadsAsNumberModalityDescription) {
  const Series series{
      Uid("1.2"), {{tag::kSeriesNumber, "4"}, {tag::kModality, "CT"}, {tag::kSeriesDescription, "AX 1.0 B30f"}}, {}};
  EXPECT_THAT(SeriesDirectoryName(series, kReadable), MatchesRegex("004 CT AX 1\\.0 B30f~[0-9a-f]{6}"));
  EXPECT_EQ(SeriesDirectoryName(series, kUid), "1.2");
}

TEST(PatientDirectoryNameTest, ReadsAsIdAndName) {
  EXPECT_THAT(PatientDirectoryName("TB/0001", "Doe^John^Q^^", kReadable),
              MatchesRegex("TB_0001 Doe John Q~[0-9a-f]{6}"));
  EXPECT_EQ(PatientDirectoryName(" TB1 ", "", kReadable), PatientDirectoryName("TB1", "", kReadable));
  EXPECT_THAT(PatientDirectoryName("", "Doe^John", kReadable), MatchesRegex("no PatientID~[0-9a-f]{6}"));
}

TEST(PatientDirectoryNameTest, EncodesTheIdWhenUidsAreTheStyle) {
  const std::pair<std::string, std::string> table[] = {
      {"TB-0001", "TB-0001"},     {"TB/0002", "TB%2F0002"},           {"../..", "%2E.%2F.%2E"}, {"50%", "50%25"},
      {"a~123456", "a%7E123456"}, {"M\xC3\xBCller", "M\xC3\xBCller"}, {"HEAD", "%48EAD"},       {"a*?", "a%2A%3F"}};
  for (const auto& [id, name] : table) {
    EXPECT_EQ(PatientDirectoryName(id, "Doe", kUid), name);
    EXPECT_EQ(PercentDecode(name), id);
    EXPECT_FALSE(IsJunkName(name));
  }
}

TEST(ReadablePersonNameTest, TakesTheFirstGroupThatSaysSomething) {
  EXPECT_EQ(ReadablePersonName("Yamada^Tarou=\xE5\xB1\xB1\xE7\x94\xB0^\xE5\xA4\xAA\xE9\x83\x8E"), "Yamada Tarou");
  EXPECT_EQ(ReadablePersonName("=\xE5\xB1\xB1\xE7\x94\xB0^\xE5\xA4\xAA\xE9\x83\x8E"),
            "\xE5\xB1\xB1\xE7\x94\xB0 \xE5\xA4\xAA\xE9\x83\x8E");
  EXPECT_EQ(ReadablePersonName("^^=^"), "");
}

TEST(InstanceFileNamesTest, AreNumbersWhereTheseAreUnique) {
  const auto names = InstanceFileNames(MakeSeries({{"1.1", "12"}, {"1.2", " 7 "}, {"1.3", "123456"}}), kReadable);
  EXPECT_THAT(names, ElementsAre("00012.dcm", "00007.dcm", "123456.dcm"));
}

TEST(InstanceFileNamesTest, HaveAHashWhereNumbersAreMissingOrRepeated) {
  const auto names =
      InstanceFileNames(MakeSeries({{"1.1", "1"}, {"1.2", "1"}, {"1.3", ""}, {"1.4", "-3"}, {"1.5", "2"}}), kReadable);
  EXPECT_THAT(names[0], MatchesRegex("00001~[0-9a-f]{6}\\.dcm"));
  EXPECT_THAT(names[1], MatchesRegex("00001~[0-9a-f]{6}\\.dcm"));
  EXPECT_NE(names[0], names[1]);
  EXPECT_THAT(names[2], MatchesRegex("[0-9a-f]{8}\\.dcm"));
  EXPECT_THAT(names[3], MatchesRegex("[0-9a-f]{8}\\.dcm"));
  EXPECT_EQ(names[4], "00002.dcm");
}

TEST(InstanceFileNamesTest, DoNotDependOnOrder) {
  const auto forth = InstanceFileNames(MakeSeries({{"1.1", "1"}, {"1.2", "1"}, {"1.3", ""}}), kReadable);
  const auto back = InstanceFileNames(MakeSeries({{"1.3", ""}, {"1.2", "1"}, {"1.1", "1"}}), kReadable);
  EXPECT_EQ(std::set(forth.begin(), forth.end()), std::set(back.begin(), back.end()));
}

TEST(InstanceFileNamesTest, AreAllDifferentThoughShortHashesCollide) {
  // 20 000 equal numbers: among 16 million short hashes some are surely equal.
  Series series{Uid("1.2"), {}, {}};
  for (int i = 0; i < 20000; ++i) {
    series.instances.push_back({Uid(StrCat("1.2.", i)), {{tag::kInstanceNumber, "1"}}, std::nullopt});
  }
  const auto names = InstanceFileNames(series, kReadable);
  EXPECT_EQ(std::set(names.begin(), names.end()).size(), names.size());
  size_t long_ones = 0;
  for (const std::string& name : names) {
    long_ones += name.size() > std::string("00001~123456.dcm").size() ? 1 : 0;
  }
  EXPECT_GT(long_ones, 0u);
  EXPECT_LT(long_ones, 1000u);
}

TEST(InstanceFileNamesTest, AreUidsWhenTheseAreTheStyle) {
  EXPECT_THAT(InstanceFileNames(MakeSeries({{"1.1", "1"}}), kUid), ElementsAre("1.1.dcm"));
}

TEST(ParseBareUidTest, AcceptsAndRejectsAsTheTableSays) {
  EXPECT_EQ(ParseBareUid("1.2.840.1", false), Uid("1.2.840.1"));
  EXPECT_EQ(ParseBareUid("1.2.840.1", true), Uid("1.2.840.1"));
  EXPECT_EQ(ParseBareUid("1.2.840.1.dcm", true), Uid("1.2.840.1"));
  for (const char* name : {"00012.dcm", "00012~123456.dcm", "12345678.dcm", "3f9a2c0d.dcm", "a.out", ".", "..", "", "7",
                           "1.2/3", "1.2 ", "1.2\n"}) {
    EXPECT_EQ(ParseBareUid(name, true), std::nullopt) << name;
  }
  EXPECT_EQ(ParseBareUid("2020-03-01 CT Chest~3f9a2c", false), std::nullopt);
  EXPECT_EQ(ParseBareUid(Repeat("1.", 40), false), std::nullopt);
}

TEST(MayBeNameTest, IsTrueForEveryNameThatIsMade) {
  const Study study = MakeStudy("1.2", {{tag::kStudyDescription, "a~b"}});
  for (const auto style : {kReadable, kUid}) {
    for (const Suffix suffix : {Suffix::kShort, Suffix::kLong, Suffix::kFull}) {
      EXPECT_TRUE(MayBeDirectoryName(StudyDirectoryName(study, style, suffix), style));
    }
    for (const std::string& name :
         InstanceFileNames(MakeSeries({{"1.1", "1"}, {"1.2", "1"}, {"1.3", ""}, {"1.4", "4"}}), style)) {
      EXPECT_TRUE(MayBeFileName(name, style)) << name;
    }
  }
}

TEST(MayBeNameTest, IsFalseForWhatIsNeverMade) {
  for (const char* name : {"README", "x~y", "name~3F9A2C", "name~3f9a2", "name~3f9a2c4"}) {
    EXPECT_FALSE(MayBeDirectoryName(name, kReadable)) << name;
  }
  for (const char* name : {"00012", "image.dcm", "00012.jpg", ".dcm", "DICOMDIR"}) {
    EXPECT_FALSE(MayBeFileName(name, kReadable)) << name;
  }
}

TEST(IsJunkNameTest, KnowsWhatDesktopsProbeFor) {
  for (const char* name : {".Trash", ".Trash-1000", ".hidden", "autorun.inf", "AUTORUN.INF", "desktop.ini", ".git",
                           ".xdg-volume-info", "Thumbs.db", ".DS_Store", "._x", "", "System Volume Information"}) {
    EXPECT_TRUE(IsJunkName(name)) << name;
  }
  for (const char* name : {"1.2.3", "patients", "00001.dcm", "PatientName=B*", "TB-0001"}) {
    EXPECT_FALSE(IsJunkName(name)) << name;
  }
}

}  // namespace
}  // namespace trolley
