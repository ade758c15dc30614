#include "search/assemble.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "base/text.h"
#include "trolley/error.h"

namespace trolley {
namespace {

using testing::HasSubstr;

Attributes Instance(const std::string& study, const std::string& series, const std::string& instance) {
  return {{tag::kSOPInstanceUID, instance}, {tag::kStudyDate, "20200301"},
          {tag::kModality, "CT"},           {tag::kPatientName, "Doe^John"},
          {tag::kStudyInstanceUID, study},  {tag::kSeriesInstanceUID, series},
          {tag::kInstanceNumber, "7"},      {tag::kRows, "512"}};
}

std::string ErrorOf(const Query& query, std::vector<Attributes> rows) {
  try {
    Assemble(query, std::move(rows));
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kProtocol);
    return error.what();
  }
  return "no error";
}

TEST(AssembleTest, MakesNothingOfNothing) {
  const SearchResult answer = Assemble(Query(Level::kStudy), {});
  ASSERT_NE(answer, nullptr);
  EXPECT_TRUE(answer->empty());
}

TEST(AssembleTest, MakesATreeInTheArchivesOrder) {
  const SearchResult answer =
      Assemble(Query(Level::kInstance), {Instance("1.2", "1.2.2", "1.9"), Instance("1.1", "1.1.1", "1.8"),
                                         Instance("1.2", "1.2.1", "1.7"), Instance("1.2", "1.2.2", "1.6")});
  ASSERT_EQ(answer->size(), 2u);
  const Study& first = (*answer)[0];
  EXPECT_EQ(first.uid.str(), "1.2");
  ASSERT_EQ(first.series.size(), 2u);
  EXPECT_EQ(first.series[0].uid.str(), "1.2.2");
  ASSERT_EQ(first.series[0].instances.size(), 2u);
  EXPECT_EQ(first.series[0].instances[0].uid.str(), "1.9");
  EXPECT_EQ(first.series[0].instances[1].uid.str(), "1.6");
  EXPECT_EQ(first.series[1].uid.str(), "1.2.1");
  EXPECT_EQ((*answer)[1].uid.str(), "1.1");
}

TEST(AssembleTest, PutsAttributesWhereTheyBelong) {
  const SearchResult answer = Assemble(Query(Level::kInstance), {Instance("1.2", "1.2.1", "1.9")});
  const Study& study = answer->front();
  const Series& series = study.series.front();
  const trolley::Instance& instance = series.instances.front();
  EXPECT_EQ(study.attributes.Get(tag::kPatientName), "Doe^John");
  EXPECT_EQ(study.attributes.Get(tag::kStudyDate), "20200301");
  EXPECT_EQ(series.attributes.Get(tag::kModality), "CT");
  EXPECT_EQ(instance.attributes.Get(tag::kRows), "512");
  EXPECT_FALSE(study.attributes.Has(tag::kModality));
  EXPECT_FALSE(series.attributes.Has(tag::kPatientName));
  EXPECT_FALSE(instance.attributes.Has(tag::kModality));
  EXPECT_FALSE(instance.size);
}

TEST(AssembleTest, KeepsAtTheQuerysLevelWhatBelongsBelow) {
  const SearchResult studies = Assemble(Query(Level::kStudy), {Instance("1.2", "1.2.1", "1.9")});
  EXPECT_EQ(studies->front().attributes.Get(tag::kRows), "512");
  EXPECT_TRUE(studies->front().series.empty());
  const SearchResult series = Assemble(Query(Level::kSeries), {Instance("1.2", "1.2.1", "1.9")});
  EXPECT_EQ(series->front().series.front().attributes.Get(tag::kRows), "512");
  EXPECT_TRUE(series->front().series.front().instances.empty());
}

TEST(AssembleTest, TakesParentsFromTheQuery) {
  const Query query = Query::ForSeries({Uid("1.2"), Uid("1.2.1")});
  const SearchResult answer = Assemble(query, {{{tag::kSOPInstanceUID, "1.9"}}, {{tag::kSOPInstanceUID, "1.8"}}});
  ASSERT_EQ(answer->size(), 1u);
  EXPECT_EQ(answer->front().uid.str(), "1.2");
  EXPECT_EQ(answer->front().series.front().uid.str(), "1.2.1");
  EXPECT_EQ(answer->front().series.front().instances.size(), 2u);
}

TEST(AssembleTest, MergesRepeatedRows) {
  Attributes first = Instance("1.2", "1.2.1", "1.9");
  Attributes second = Instance("1.2", "1.2.1", "1.9");
  second.Set(tag::kRows, "1024");
  second.Set(tag::kColumns, "256");
  second.Set(tag::kStudyDescription, "Thorax");
  const SearchResult answer = Assemble(Query(Level::kInstance), {first, second});
  ASSERT_EQ(answer->front().series.front().instances.size(), 1u);
  const trolley::Instance& instance = answer->front().series.front().instances.front();
  EXPECT_EQ(instance.attributes.Get(tag::kRows), "512");
  EXPECT_EQ(instance.attributes.Get(tag::kColumns), "256");
  EXPECT_EQ(answer->front().attributes.Get(tag::kStudyDescription), "Thorax");
}

TEST(AssembleTest, KeepsTheSameSeriesUidOfTwoStudiesApart) {
  const SearchResult answer =
      Assemble(Query(Level::kInstance), {Instance("1.1", "1.5", "1.9"), Instance("1.2", "1.5", "1.9")});
  ASSERT_EQ(answer->size(), 2u);
  EXPECT_EQ((*answer)[0].series.front().instances.size(), 1u);
  EXPECT_EQ((*answer)[1].series.front().instances.size(), 1u);
}

TEST(AssembleTest, LeavesOutRowsThatContradictTheQuery) {
  Attributes other = Instance("1.3", "1.3.1", "1.7");
  other.Set(tag::kPatientName, "Smith^Ann");
  const Query query = Query(Level::kInstance).Where("PatientName", "Doe*");
  EXPECT_EQ(Assemble(query, {other, Instance("1.2", "1.2.1", "1.9")})->size(), 1u);
  EXPECT_TRUE(Assemble(Query::ForStudy({Uid("1.9")}, Level::kInstance), {other})->empty());
}

TEST(AssembleTest, LeavesOutWhatServesTheTransport) {
  Attributes row = Instance("1.2", "1.2.1", "1.9");
  row.Set(tag::kSpecificCharacterSet, "ISO_IR 100");
  row.Set(Tag{0x00081190}, "http://elsewhere/studies/1.2");
  const SearchResult without = Assemble(Query(Level::kStudy), {row});
  EXPECT_FALSE(without->front().attributes.Has(tag::kSpecificCharacterSet));
  EXPECT_FALSE(without->front().attributes.Has(Tag{0x00081190}));
  const SearchResult with = Assemble(Query(Level::kStudy).Include(Tag{0x00081190}), {row});
  EXPECT_TRUE(with->front().attributes.Has(Tag{0x00081190}));
}

TEST(AssembleTest, RefusesRowsWithoutValidUids) {
  EXPECT_THAT(ErrorOf(Query(Level::kStudy), {{{tag::kPatientName, "Doe"}}}), HasSubstr("no StudyInstanceUID"));
  EXPECT_THAT(ErrorOf(Query(Level::kSeries), {{{tag::kSeriesInstanceUID, "1.2"}}}), HasSubstr("no StudyInstanceUID"));
  EXPECT_THAT(ErrorOf(Query(Level::kStudy), {{{tag::kStudyInstanceUID, "../../etc"}}}), HasSubstr("invalid"));
  // What was asked for is no proof of what was found.
  const Query query = Query::ForInstance({Uid("1.2"), Uid("1.2.1"), Uid("1.9")});
  EXPECT_THAT(ErrorOf(query, {{{tag::kRows, "512"}}}), HasSubstr("no SOPInstanceUID"));
}

TEST(AssembleTest, IsQuickWithManyRows) {
  std::vector<Attributes> rows;
  for (int i = 0; i < 100000; ++i) {
    rows.push_back(Instance("1.2", StrCat("1.2.", i % 50), StrCat("1.3.", i)));
  }
  const auto start = std::chrono::steady_clock::now();
  const SearchResult answer = Assemble(Query::ForStudy({Uid("1.2")}, Level::kInstance), std::move(rows));
  EXPECT_EQ(answer->front().series.size(), 50u);
  EXPECT_EQ(answer->front().series.front().instances.size(), 2000u);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(30));  // not quadratic
}

TEST(LevelOfTest, KnowsTheUsualAttributes) {
  for (const Tag tag : {tag::kPatientName, tag::kStudyDate, tag::kStudyDescription, tag::kAccessionNumber,
                        tag::kModalitiesInStudy, tag::kStudyID, tag::kTimezoneOffsetFromUTC}) {
    EXPECT_EQ(LevelOf(tag), Level::kStudy) << TagName(tag);
  }
  for (const Tag tag : {tag::kModality, tag::kSeriesDescription, tag::kSeriesNumber, tag::kSeriesDate,
                        tag::kNumberOfSeriesRelatedInstances}) {
    EXPECT_EQ(LevelOf(tag), Level::kSeries) << TagName(tag);
  }
  for (const Tag tag : {tag::kSOPInstanceUID, tag::kSOPClassUID, tag::kInstanceNumber, tag::kRows, tag::kContentDate}) {
    EXPECT_EQ(LevelOf(tag), Level::kInstance) << TagName(tag);
  }
}

}  // namespace
}  // namespace trolley
