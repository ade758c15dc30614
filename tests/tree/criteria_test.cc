#include "trolley/criteria.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>

#include "trolley/error.h"

namespace trolley {
namespace {

using testing::HasSubstr;
using testing::Not;

// Noon of a day in local time.
std::chrono::system_clock::time_point Noon(int year, int month, int day) {
  std::tm local{};
  local.tm_year = year - 1900;
  local.tm_mon = month - 1;
  local.tm_mday = day;
  local.tm_hour = 12;
  local.tm_isdst = -1;
  return std::chrono::system_clock::from_time_t(std::mktime(&local));
}

Query Parse(std::string_view criteria, std::chrono::system_clock::time_point now = Noon(2020, 3, 31)) {
  Query query;
  AddCriteria(criteria, query, now);
  return query;
}

std::string Refusal(std::string_view criteria, Query query = Query()) {
  try {
    AddCriteria(criteria, query);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    return error.what();
  }
  ADD_FAILURE() << "accepted: " << criteria;
  return "";
}

TEST(CriteriaTest, ReadsSeveralTerms) {
  const Query query = Parse("PatientName=B*,StudyDate=20200301-20200303,ModalitiesInStudy=CT");
  EXPECT_EQ(
      query,
      Query().Where("PatientName", "B*").Where("StudyDate", "20200301-20200303").Where("ModalitiesInStudy", "CT"));
}

TEST(CriteriaTest, DecodesPercentEncodedValues) {
  EXPECT_EQ(Parse("PatientID=TB%2F0002").Get(tag::kPatientID), "TB/0002");
  EXPECT_EQ(Parse("PatientName=Doe%2C John%3D%25").Get(tag::kPatientName), "Doe, John=%");
}

TEST(CriteriaTest, ReadsListsOfUids) {
  EXPECT_EQ(Parse("StudyInstanceUID=1.2%2C1.3").Get(tag::kStudyInstanceUID), "1.2\\1.3");
}

TEST(CriteriaTest, ResolvesDatesInWords) {
  const std::pair<const char*, const char*> table[] = {
      {"today", "20200331"},         {"yesterday", "20200330"},       {"last 7 days", "20200324-"},
      {"Last 1 day", "20200330-"},   {"last 2 weeks", "20200317-"},   {"last week", "20200324-"},
      {"last 1 month", "20200229-"}, {"last 13 months", "20190228-"}, {"last%207%20days", "20200324-"},
      {"last 30 days", "20200301-"}};
  for (const auto& [words, date] : table) {
    EXPECT_EQ(Parse(std::string("StudyDate=") + words).Get(tag::kStudyDate), date) << words;
  }
  EXPECT_EQ(Parse("StudyDate=last 1 day", Noon(2020, 1, 1)).Get(tag::kStudyDate), "20191231-");
}

TEST(CriteriaTest, ResolvesToTheSameQueryAllDayLong) {
  const auto noon = Noon(2020, 3, 31);
  EXPECT_EQ(Parse("StudyDate=last 7 days", noon).CacheKey(),
            Parse("StudyDate=last 7 days", noon + std::chrono::hours(11)).CacheKey());
}

TEST(CriteriaTest, LeavesWordsOfOtherKeysAlone) {
  EXPECT_EQ(Parse("StudyDescription=today").Get(tag::kStudyDescription), "today");
}

TEST(CriteriaTest, DeepensTheLevelAsTheKeysNeed) {
  EXPECT_EQ(Parse("PatientName=B*").level(), Level::kStudy);
  EXPECT_EQ(Parse("SeriesDescription=T1*").level(), Level::kSeries);
  EXPECT_EQ(Parse("Modality=CT,PatientName=B*").level(), Level::kSeries);
  EXPECT_EQ(Parse("SOPClassUID=1.2.840.10008.5.1.4.1.1.2").level(), Level::kInstance);
  Query deep(Level::kInstance);
  AddCriteria("PatientName=B*", deep);
  EXPECT_EQ(deep.level(), Level::kInstance);
}

TEST(CriteriaTest, AddsToTheKeysOfTheQuery) {
  Query query = Parse("PatientName=B*");
  AddCriteria("StudyDate=20200301", query);
  EXPECT_EQ(query, Parse("PatientName=B*,StudyDate=20200301"));
}

TEST(CriteriaTest, RefusesOneKeyWithTwoValues) {
  EXPECT_THAT(Refusal("Modality=CT,Modality=MR"), HasSubstr("Modality"));
  EXPECT_THAT(Refusal("Modality=MR", Parse("Modality=CT")), HasSubstr("twice"));
  EXPECT_EQ(Parse("Modality=CT,Modality=CT"), Parse("Modality=CT"));
}

TEST(CriteriaTest, ChangesNothingWhenItRefuses) {
  Query query = Parse("PatientName=B*");
  const Query before = query;
  EXPECT_THROW(AddCriteria("Modality=CT,FooBar=1", query), Error);
  EXPECT_EQ(query, before);
}

TEST(CriteriaTest, RefusesAndNamesWhatIsMalformed) {
  EXPECT_THAT(Refusal("PatientNam=B*"), HasSubstr("'PatientName'"));
  EXPECT_THAT(Refusal("FooBar=1"), HasSubstr("FooBar"));
  EXPECT_THAT(Refusal("StudyDate=2020-03-01"), HasSubstr("StudyDate"));
  EXPECT_THAT(Refusal("StudyDate=20201301"), HasSubstr("StudyDate"));
  EXPECT_THAT(Refusal("StudyDate=last 7 hours"), HasSubstr("StudyDate"));
  EXPECT_THAT(Refusal("StudyDate=last 0 days"), HasSubstr("StudyDate"));
  EXPECT_THAT(Refusal("StudyDate=last 99999999999999999999 days"), HasSubstr("StudyDate"));
  EXPECT_THAT(Refusal("PatientName="), HasSubstr("PatientName"));
  EXPECT_THAT(Refusal("PatientName=%zz"), HasSubstr("PatientName"));
  EXPECT_THAT(Refusal("PatientName=A=B"), HasSubstr("%3D"));
  EXPECT_THAT(Refusal("PatientName=B*,"), HasSubstr("%2C"));
  EXPECT_THAT(Refusal("PatientName=B%00"), HasSubstr("PatientName"));
  EXPECT_THAT(Refusal("PatientName=%ff"), HasSubstr("PatientName"));
  EXPECT_THAT(Refusal("StudyInstanceUID=1.2/3"), HasSubstr("StudyInstanceUID"));
  EXPECT_THAT(Refusal("=x"), HasSubstr("keyword"));
  EXPECT_THAT(Refusal(""), HasSubstr("Keyword=value"));
}

TEST(CriteriaTest, KeepsPatientDataOutOfMessages) {
  EXPECT_THAT(Refusal("PatientName=Doe,John"), Not(HasSubstr("John")));
  EXPECT_THAT(Refusal("PatientName=Secret%zz"), Not(HasSubstr("Secret")));
  EXPECT_THAT(Refusal("PatientName=Doe,PatientName=Secret"), Not(HasSubstr("Secret")));
}

TEST(CriteriaTest, FormatsWhatItReads) {
  for (const char* criteria :
       {"PatientName=B*", "StudyDate=20200301-,PatientID=TB%2F0002", "PatientName=Doe%2C John%3D%25",
        "StudyInstanceUID=1.2%2C1.3", "PatientName=M\xC3\xBCller^J*", "00100010=B*", "SeriesDescription=T1 ax"}) {
    const Query query = Parse(criteria);
    const std::string name = FormatCriteria(query);
    EXPECT_EQ(Parse(name), query) << name;
    EXPECT_EQ(name.find('/'), std::string::npos);
    EXPECT_TRUE(LooksLikeCriteria(name));
  }
  EXPECT_EQ(FormatCriteria(Parse("PatientID=TB%2f0002,StudyDate=20200301")), "StudyDate=20200301,PatientID=TB%2F0002");
  EXPECT_EQ(FormatCriteria(Parse("PatientName=M\xC3\xBCller^J*")), "PatientName=M\xC3\xBCller^J*");
  EXPECT_EQ(FormatCriteria(Query()), "");
}

TEST(CriteriaTest, IsTheSameNameForTheSameQuery) {
  EXPECT_EQ(FormatCriteria(Parse("PatientName=B*,Modality=CT")), FormatCriteria(Parse("Modality=CT,PatientName=B%2A")));
}

TEST(LooksLikeCriteriaTest, TellsCriteriaFromNames) {
  EXPECT_TRUE(LooksLikeCriteria("PatientName=B*"));
  EXPECT_TRUE(LooksLikeCriteria("=x"));
  EXPECT_FALSE(LooksLikeCriteria("2020-03-01 CT Chest~3f9a2c"));
  EXPECT_FALSE(LooksLikeCriteria("1.2.3"));
}

}  // namespace
}  // namespace trolley
