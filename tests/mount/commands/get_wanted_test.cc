#include "mount/commands/get_wanted.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "download/recording_sink.h"

namespace trolley {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

std::string Shown(std::string_view text) {
  const auto reference = ParseReference(text);
  return reference ? std::to_string(reference->index()) + ":" + ToString(*reference) : "none";
}

TEST(GetWantedTest, ReadsUids) {
  EXPECT_EQ(Shown("1.2.3"), "0:1.2.3");
  EXPECT_EQ(Shown("1.2.3/4.5"), "1:1.2.3/4.5");
  EXPECT_EQ(Shown("1.2.3/4.5/6.7"), "2:1.2.3/4.5/6.7");
  for (const char* wrong : {"", "12345", "1.2.3/", "/1.2.3", "1.2/3.4/5.6/7.8", "1.2.3a", "..", "../1.2", "1.2 3.4"}) {
    EXPECT_EQ(Shown(wrong), "none") << wrong;
  }
}

TEST(GetWantedTest, DistinguishesCriteriaUidsAndStandardInput) {
  const Wanted criteria = ParseWanted({"PatientName=B*,StudyDate=20200301-", "ModalitiesInStudy=CT"});
  ASSERT_TRUE(std::holds_alternative<Query>(criteria));
  EXPECT_EQ(std::get<Query>(criteria),
            Query().Where("PatientName", "B*").Where("StudyDate", "20200301-").Where("ModalitiesInStudy", "CT"));
  EXPECT_EQ(std::get<Query>(ParseWanted({"Modality=CT"})).level(), Level::kSeries);
  EXPECT_THAT(std::get<std::vector<Reference>>(ParseWanted({"1.2", "1.2/3.4"})), SizeIs(2));
  EXPECT_TRUE(std::holds_alternative<FromStandardInput>(ParseWanted({"-"})));
}

TEST(GetWantedTest, RefusesWhatIsNeither) {
  for (const std::vector<std::string>& wrong : {std::vector<std::string>{"nonsense"},
                                                {"1.2", "PatientName=B*"},
                                                {"-", "1.2"},
                                                {"PatientNam=B*"},
                                                {"StudyDate=x"}}) {
    EXPECT_EQ(CodeOf([&] { ParseWanted(wrong); }), ErrorCode::kInvalidArgument) << wrong.front();
  }
}

TEST(GetWantedTest, ReadsACohort) {
  std::istringstream in(
      "\xef\xbb\xbf"
      "12345\r\n"
      "# a comment\n"
      "\n"
      "  1.2.3  \n"
      "1.2.3/4.5\n"
      "PatientID=9,ModalitiesInStudy=MR\n"
      "12*\n"
      "a\\b\n"
      "StudyDate=never\n"
      "A.1-2");
  const std::vector<CohortLine> lines = ReadCohort(in);
  ASSERT_THAT(lines, SizeIs(8));
  EXPECT_EQ(lines[0].number, 1U);
  EXPECT_EQ(std::get<Query>(lines[0].wanted), Query().Where("AccessionNumber", "12345"));
  EXPECT_EQ(lines[1].number, 4U);
  EXPECT_EQ(ToString(std::get<Reference>(lines[1].wanted)), "1.2.3");
  EXPECT_EQ(ToString(std::get<Reference>(lines[2].wanted)), "1.2.3/4.5");
  EXPECT_EQ(std::get<Query>(lines[3].wanted), Query().Where("PatientID", "9").Where("ModalitiesInStudy", "MR"));
  // A wildcard would fetch more than the one exam that the line means.
  for (const size_t i : {4U, 5U, 6U}) {
    EXPECT_TRUE(std::holds_alternative<Error>(lines[i].wanted)) << lines[i].number;
  }
  EXPECT_EQ(std::get<Query>(lines[7].wanted), Query().Where("AccessionNumber", "A.1-2"));
}

}  // namespace
}  // namespace trolley
