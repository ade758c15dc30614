#include "search/qido/qido_url.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "trolley/error.h"

namespace trolley {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string Url(const Query& query, bool decodes = true) {
  return MakeQidoUrl(query, decodes).PathAndQuery(std::nullopt, std::nullopt);
}

std::string Unsupported(const Query& query, bool decodes = true) {
  try {
    return Url(query, decodes);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
    return error.what();
  }
}

const Query kStudies(Level::kStudy);
const Query kSeries(Level::kSeries);
const Query kInstances(Level::kInstance);

TEST(QidoUrlTest, IsHierarchicalWhereParentsAreKnown) {
  EXPECT_EQ(Url(kStudies), "/studies");
  EXPECT_EQ(Url(Query::ForStudy({Uid("1.2")}, Level::kStudy)), "/studies?StudyInstanceUID=1.2");
  EXPECT_EQ(Url(Query::ForStudy({Uid("1.2")}, Level::kSeries)), "/studies/1.2/series");
  EXPECT_EQ(Url(Query::ForStudy({Uid("1.2")}, Level::kInstance)), "/studies/1.2/instances");
  EXPECT_EQ(Url(Query::ForSeries({Uid("1.2"), Uid("1.3")})), "/studies/1.2/series/1.3/instances");
  EXPECT_EQ(Url(Query::ForInstance({Uid("1.2"), Uid("1.3"), Uid("1.4")})),
            "/studies/1.2/series/1.3/instances?SOPInstanceUID=1.4");
}

TEST(QidoUrlTest, IsRelationalElsewhere) {
  EXPECT_EQ(Url(Query(kSeries).Where("AccessionNumber", "A1")), "/series?AccessionNumber=A1");
  EXPECT_EQ(Url(Query(kSeries).Where("StudyInstanceUID", "1.2\\1.3")), "/series?StudyInstanceUID=1.2,1.3");
  EXPECT_EQ(Url(Query(kInstances).Where("SeriesInstanceUID", "1.3")), "/instances?SeriesInstanceUID=1.3");
  EXPECT_EQ(Url(Query(kInstances).Where("SOPInstanceUID", "1.4")), "/instances?SOPInstanceUID=1.4");
}

TEST(QidoUrlTest, AddsTheWindow) {
  EXPECT_EQ(MakeQidoUrl(kStudies, true).PathAndQuery(25, 50), "/studies?limit=25&offset=50");
  EXPECT_EQ(MakeQidoUrl(kStudies, true).PathAndQuery(25, 0), "/studies?limit=25");
}

TEST(QidoUrlTest, IncludesOnlyWhatIsNotReturnedAnyway) {
  EXPECT_EQ(Url(Query(kStudies).Include("PatientName").Include("StudyDescription").Include("StudyInstanceUID")),
            "/studies?includefield=StudyDescription");
  // Fields of lower levels are dropped by servers.
  EXPECT_EQ(Url(Query(kStudies).Include("Rows").Include("Modality")), "/studies");
  EXPECT_EQ(Url(Query::ForStudy({Uid("1.2")}, Level::kSeries).Include("SeriesDescription").Include("SeriesDate")),
            "/studies/1.2/series?includefield=SeriesDate");
  // With the study in the path, its attributes are not returned of themselves.
  EXPECT_EQ(Url(Query::ForStudy({Uid("1.2")}, Level::kSeries).Include("PatientName")),
            "/studies/1.2/series?includefield=PatientName");
  EXPECT_EQ(Url(Query(kSeries).Include("PatientName")), "/series");
}

TEST(QidoUrlTest, IncludesTheKeysSoThatTheAnswerCanBeChecked) {
  EXPECT_EQ(Url(Query(kStudies).Where("StudyDescription", "CT*").Where("PatientName", "Doe*")),
            "/studies?StudyDescription=CT*&PatientName=Doe*&includefield=StudyDescription");
  EXPECT_EQ(Url(Query(kStudies).Where("StudyDescription", "CT*").Include("StudyDescription")),
            "/studies?StudyDescription=CT*&includefield=StudyDescription");
}

TEST(QidoUrlTest, LeavesOutKeysThatEverythingMatches) {
  EXPECT_EQ(Url(Query(kStudies).Where("StudyDescription", "*").Where("PatientName", "**")),
            "/studies?includefield=StudyDescription");
}

TEST(QidoUrlTest, EncodesOnlyWhatMustBe) {
  EXPECT_EQ(Url(Query(kStudies).Where("AccessionNumber", "ACC/20:01?*")), "/studies?AccessionNumber=ACC/20:01?*");
  EXPECT_EQ(Url(Query(kStudies).Where("StudyDate", "20200301-20200303")), "/studies?StudyDate=20200301-20200303");
  EXPECT_EQ(Url(Query(kStudies).Where("PatientName", "Doe^John")), "/studies?PatientName=Doe%5EJohn");
  EXPECT_EQ(Url(Query(kStudies).Where("PatientID", "a b&c+d%e#f;g")), "/studies?PatientID=a%20b%26c%2Bd%25e%23f%3Bg");
  EXPECT_EQ(Url(Query(kStudies).Where("PatientName", "Müller*")), "/studies?PatientName=M%C3%BCller*");
  EXPECT_EQ(Url(Query(kStudies).Where("PatientName", "Yamada=山*")), "/studies?PatientName=Yamada=%E5%B1%B1*");
}

TEST(QidoUrlTest, KnowsWhenEncodingMatters) {
  EXPECT_FALSE(NeedsPercentEncoding(Query(kStudies).Where("PatientName", "Doe*").Where("PatientID", "A/1:2,3")));
  EXPECT_FALSE(NeedsPercentEncoding(Query(kSeries).Where("StudyInstanceUID", "1.2\\1.3")));
  EXPECT_TRUE(NeedsPercentEncoding(Query(kStudies).Where("PatientName", "Doe^J*")));
  EXPECT_TRUE(NeedsPercentEncoding(Query(kStudies).Where("PatientName", "Müller")));
}

TEST(QidoUrlTest, WidensForAServerThatDoesNotDecode) {
  const Query query = Query(kStudies).Where("PatientName", "Müßler^Jörg*").Where("PatientID", "A/1 b");
  const QidoUrl url = MakeQidoUrl(query, false);
  EXPECT_THAT(url.terms, ElementsAre("PatientName=M*ler?J*rg*", "PatientID=A/1?b"));
  EXPECT_THAT(url.widened, ElementsAre(tag::kPatientName, tag::kPatientID));
  EXPECT_THAT(MakeQidoUrl(query, true).widened, IsEmpty());
}

TEST(QidoUrlTest, NeverSendsACommaThatIsNoListSeparator) {
  const QidoUrl url = MakeQidoUrl(Query(kStudies).Where("PatientID", "a,b"), true);
  EXPECT_THAT(url.terms, ElementsAre("PatientID=a?b"));
  EXPECT_THAT(url.widened, ElementsAre(tag::kPatientID));
}

TEST(QidoUrlTest, RefusesWhatItCannotSay) {
  EXPECT_THAT(Unsupported(Query(kStudies).Where("Modality", "CT")), HasSubstr("ModalitiesInStudy"));
  EXPECT_THAT(Unsupported(Query(kStudies).Where("SeriesNumber", "1")), HasSubstr("SeriesNumber"));
  EXPECT_THAT(Unsupported(Query(kSeries).Where("InstanceNumber", "1")), HasSubstr("InstanceNumber"));
  EXPECT_EQ(Url(Query(kInstances).Where("Modality", "CT")), "/instances?Modality=CT");
}

TEST(QidoUrlTest, AsksForFuzzyMatching) {
  EXPECT_EQ(Url(Query(kStudies).Where("PatientName", "Doe").SetFuzzy(true)),
            "/studies?PatientName=Doe&fuzzymatching=true");
}

// The seed's rules: what its hierarchical and its relational queries look like on the wire.
TEST(QidoUrlTest, SpellsTheSeedsQueries) {
  EXPECT_EQ(Url(Query(kStudies).Where("StudyInstanceUID", "123")), "/studies?StudyInstanceUID=123");
  EXPECT_EQ(Url(Query(kSeries).Where("StudyInstanceUID", "123")), "/studies/123/series");
  EXPECT_EQ(Url(Query(kSeries).Where("AccessionNumber", "123")), "/series?AccessionNumber=123");
  EXPECT_EQ(Url(Query(kInstances).Where("StudyInstanceUID", "123")), "/studies/123/instances");
  Query query = Query(kSeries).Where("StudyInstanceUID", "123").Where("StudyDate", "20190201-20200201");
  query.Include("SeriesDate").Include("BodyPartExamined");
  const QidoUrl url = MakeQidoUrl(query, true);
  EXPECT_EQ(url.path, "/studies/123/series");
  EXPECT_THAT(url.terms, ElementsAre("StudyDate=20190201-20200201", "includefield=StudyDate", "includefield=SeriesDate",
                                     "includefield=BodyPartExamined"));
  EXPECT_THAT(url.PathAndQuery(25, std::nullopt), testing::EndsWith("&limit=25"));
}

// --- Profiles ---

const QidoProfile& kAzure = QidoProfileOf(ServerProfile::kAzure);
const QidoProfile& kOrthanc = QidoProfileOf(ServerProfile::kOrthanc);

TEST(QidoUrlProfileTest, FiltersHereWhatAServerWithoutWildcardsCannot) {
  const QidoUrl url = MakeQidoUrl(
      Query(kStudies).Where("PatientName", "Doe*").Where("PatientID", "P1").Where("StudyID", "?"), true, kAzure);
  EXPECT_THAT(url.terms, ElementsAre("PatientID=P1", "includefield=PatientName", "includefield=PatientID",
                                     "includefield=StudyID"));
  EXPECT_THAT(url.widened, ElementsAre(tag::kPatientName, tag::kStudyID));
  EXPECT_THAT(
      MakeQidoUrl(Query::ForStudy({Uid("1.2")}, Level::kSeries).Where("SeriesDescription", "A*"), true, kAzure).terms,
      ElementsAre("includefield=SeriesDescription"));
  EXPECT_THAT(
      MakeQidoUrl(Query(kStudies).Where("PatientID", "P1").Where("AccessionNumber", "a,b"), true, kAzure).widened,
      ElementsAre(tag::kAccessionNumber));
}

TEST(QidoUrlProfileTest, NamesTheTermThatTheServerCannotBeAskedFor) {
  const auto why = [](const Query& query, const QidoProfile& profile) -> std::string {
    try {
      return MakeQidoUrl(query, true, profile).PathAndQuery({}, {});
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
      return error.what();
    }
  };
  EXPECT_THAT(why(Query(kStudies).Where("PatientName", "Doe*"), kAzure), HasSubstr("Cannot search by PatientName"));
  EXPECT_THAT(why(Query(kStudies).Where("PatientName", "Doe").SetFuzzy(true), kOrthanc), HasSubstr("fuzzymatching"));
  EXPECT_EQ(why(Query(kStudies).Where("PatientName", "Doe").SetFuzzy(true), kAzure),
            "/studies?PatientName=Doe&includefield=PatientName&fuzzymatching=true");
}

}  // namespace
}  // namespace trolley
