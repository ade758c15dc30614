#include "trolley/query.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "trolley/error.h"

namespace trolley {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::Pair;

std::string Canonical(std::string_view keyword, std::string_view value) {
  return Query().Where(keyword, value).keys().at(0).second;
}

std::string Refusal(std::string_view keyword, std::string_view value) {
  Query query;
  try {
    query.Where(keyword, value);
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kInvalidArgument);
    EXPECT_EQ(query, Query()) << "a refused key must leave no trace";
    return e.what();
  }
  return "accepted";
}

struct Accepted {
  const char* keyword;
  std::string value;
  std::string canonical;
};

class AcceptedKeyTest : public testing::TestWithParam<Accepted> {};

TEST_P(AcceptedKeyTest, HasItsCanonicalForm) {
  const Accepted& c = GetParam();
  EXPECT_EQ(Canonical(c.keyword, c.value), c.canonical) << c.keyword << "=" << c.value;
  EXPECT_EQ(Canonical(c.keyword, c.canonical), c.canonical) << "not stable";
}

INSTANTIATE_TEST_SUITE_P(
    All, AcceptedKeyTest,
    testing::Values(
        Accepted{"StudyDate", "20200301", "20200301"}, Accepted{"StudyDate", " 20200301 ", "20200301"},
        Accepted{"StudyDate", "20200301-20200303", "20200301-20200303"},
        Accepted{"StudyDate", "20200301-", "20200301-"}, Accepted{"StudyDate", "-20200303", "-20200303"},
        Accepted{"StudyDate", "20200301-20200301", "20200301"}, Accepted{"StudyDate", "20200229", "20200229"},
        Accepted{"StudyTime", "10", "10"}, Accepted{"StudyTime", "1011", "1011"},
        Accepted{"StudyTime", "101112.123456", "101112.123456"}, Accepted{"StudyTime", "10-1130", "10-1130"},
        Accepted{"StudyTime", "-235960", "-235960"}, Accepted{"StudyTime", "22-", "22-"},
        Accepted{"AcquisitionDateTime", "20200301101112.5+0100", "20200301101112.5+0100"},
        Accepted{"AcquisitionDateTime", "2020-2021", "2020-2021"},
        Accepted{"AcquisitionDateTime", "20200301-0500", "20200301-0500"},
        Accepted{"AcquisitionDateTime", "202003-", "202003-"}, Accepted{"StudyInstanceUID", "1.2.3", "1.2.3"},
        Accepted{"StudyInstanceUID", "1.2.4\\1.2.3\\1.2.4", "1.2.3\\1.2.4"}, Accepted{"0020000d", " 1.2.3 ", "1.2.3"},
        Accepted{"InstanceNumber", "007", "7"}, Accepted{"InstanceNumber", "+7", "7"},
        Accepted{"InstanceNumber", "-7", "-7"}, Accepted{"Rows", "0512", "512"},
        Accepted{"SliceThickness", "+1.50", "1.50"}, Accepted{"SliceThickness", "-1e-3", "-1e-3"},
        Accepted{"PatientAge", "045Y", "045Y"}, Accepted{"PatientName", "Doe^John", "Doe^John"},
        Accepted{"PatientName", "Doe^John^^^", "Doe^John"}, Accepted{"PatientName", " Doe^John^ = ", "Doe^John"},
        Accepted{"PatientName", "Yamada^Tarou=\xE5\xB1\xB1==", "Yamada^Tarou=\xE5\xB1\xB1"},
        Accepted{"PatientName", "=\xE5\xB1\xB1*", "=\xE5\xB1\xB1*"}, Accepted{"PatientName", "Do?^J**", "Do?^J*"},
        Accepted{"PatientName", "*", "*"}, Accepted{"PatientName", "M\xC3\xBCller*", "M\xC3\xBCller*"},
        Accepted{"PatientID", " 4711 ", "4711"}, Accepted{"PatientID", "a=b,c/d", "a=b,c/d"},
        Accepted{"ModalitiesInStudy", "CT", "CT"}, Accepted{"StudyDescription", "Chest  AP", "Chest  AP"},
        Accepted{"PatientComments", "  a\\b  ", "  a\\b"},
        Accepted{"PatientID", std::string(1024, 'x'), std::string(1024, 'x')}));

struct Refused {
  const char* keyword;
  std::string value;
  const char* reason;
};

class RefusedKeyTest : public testing::TestWithParam<Refused> {};

TEST_P(RefusedKeyTest, SaysWhyAndNamesTheTerm) {
  const Refused& c = GetParam();
  const std::string refusal = Refusal(c.keyword, c.value);
  EXPECT_THAT(refusal, testing::StartsWith(std::string("Cannot use ") + c.keyword)) << c.value;
  EXPECT_THAT(refusal, HasSubstr(c.reason)) << c.keyword << "=" << c.value;
}

constexpr const char* kNoDate = "not a DICOM date (YYYYMMDD or YYYYMMDD-YYYYMMDD)";
constexpr const char* kNoTime = "not a DICOM time (HHMMSS or HHMMSS-HHMMSS)";
constexpr const char* kNoDateTime = "not a DICOM date and time";

INSTANTIATE_TEST_SUITE_P(
    All, RefusedKeyTest,
    testing::Values(
        Refused{"StudyDate", "2020-03-01", kNoDate}, Refused{"StudyDate", "2020-13-01", kNoDate},
        Refused{"StudyDate", "20201301", kNoDate}, Refused{"StudyDate", "20200230", kNoDate},
        Refused{"StudyDate", "20210229", kNoDate}, Refused{"StudyDate", "20200300", kNoDate},
        Refused{"StudyDate", "202003", kNoDate}, Refused{"StudyDate", "2020030", kNoDate},
        Refused{"StudyDate", "202003011", kNoDate}, Refused{"StudyDate", "2020*", kNoDate},
        Refused{"StudyDate", "*", kNoDate}, Refused{"StudyDate", "-", kNoDate},
        Refused{"StudyDate", "--20200301", kNoDate}, Refused{"StudyDate", "20200301--20200302", kNoDate},
        Refused{"StudyDate", "20200301 20200302", kNoDate}, Refused{"StudyDate", "20200301-20200302-20200303", kNoDate},
        Refused{"StudyDate", "20200301\\20200302", kNoDate}, Refused{"StudyDate", "last 7 days", kNoDate},
        Refused{"StudyDate", "20200303-20200301", "the range ends before it begins"},
        Refused{"StudyTime", "24", kNoTime}, Refused{"StudyTime", "1060", kNoTime},
        Refused{"StudyTime", "101161", kNoTime}, Refused{"StudyTime", "10:11", kNoTime},
        Refused{"StudyTime", "101112.", kNoTime}, Refused{"StudyTime", "101112.1234567", kNoTime},
        Refused{"StudyTime", "1", kNoTime}, Refused{"StudyTime", "101", kNoTime}, Refused{"StudyTime", "-", kNoTime},
        Refused{"StudyTime", "23-01", "the range ends before it begins"},
        Refused{"AcquisitionDateTime", "20", kNoDateTime}, Refused{"AcquisitionDateTime", "2020030110x", kNoDateTime},
        Refused{"AcquisitionDateTime", "20201301", kNoDateTime}, Refused{"AcquisitionDateTime", "-", kNoDateTime},
        Refused{"StudyInstanceUID", "*", "not a DICOM UID"}, Refused{"StudyInstanceUID", "1.2.*", "not a DICOM UID"},
        Refused{"StudyInstanceUID", "1.2\\", "not a DICOM UID"}, Refused{"StudyInstanceUID", "../1", "not a DICOM UID"},
        Refused{"StudyInstanceUID", std::string(65, '1'), "not a DICOM UID"},
        Refused{"StudyInstanceUID", "1.2,1.3", "not a DICOM UID"}, Refused{"InstanceNumber", "x", "not an integer"},
        Refused{"InstanceNumber", "1.5", "not an integer"}, Refused{"InstanceNumber", "*", "not an integer"},
        Refused{"InstanceNumber", "+-1", "not an integer"}, Refused{"InstanceNumber", "1\\2", "not an integer"},
        Refused{"InstanceNumber", "99999999999999999999", "not an integer"},
        Refused{"SliceThickness", "1,5", "not a number"}, Refused{"SliceThickness", "nan", "not a number"},
        Refused{"SliceThickness", "inf", "not a number"}, Refused{"SliceThickness", "1e", "not a number"},
        Refused{"PatientAge", "45", "not a DICOM age"}, Refused{"PatientAge", "045y", "not a DICOM age"},
        Refused{"ModalitiesInStudy", "CT\\MR", "only UIDs can be given as a list"},
        Refused{"PatientID", "", "the value is empty"}, Refused{"PatientID", "   ", "the value is empty"},
        Refused{"PatientName", "^^=^", "the value is empty"}, Refused{"StudyDate", "", "the value is empty"},
        Refused{"PatientID", "a\nb", "control characters"}, Refused{"PatientID", std::string("a\0b", 3), "control"},
        Refused{"PatientID", "a\x7F", "control characters"}, Refused{"PatientID", "\xFF", "not UTF-8"},
        Refused{"PatientID", "M\xFCller", "not UTF-8"},
        Refused{"PatientID", std::string(1025, 'x'), "longer than 1024 bytes"},
        Refused{"PixelData", "1", "an attribute of type OB cannot be searched for"},
        Refused{"RequestAttributesSequence", "1", "an attribute of type SQ cannot be searched for"},
        Refused{"SpecificCharacterSet", "ISO_IR 100", "cannot be searched for"},
        Refused{"QueryRetrieveLevel", "STUDY", "cannot be searched for"},
        Refused{"TransferSyntaxUID", "1.2", "cannot be searched for"}));

TEST(QueryTest, RefusesABadDateWithThePromisedMessage) {
  EXPECT_EQ(Refusal("StudyDate", "2020-13-01"),
            "Cannot use StudyDate=2020-13-01: not a DICOM date (YYYYMMDD or YYYYMMDD-YYYYMMDD)");
}

TEST(QueryTest, RefusesUnknownKeywordsWithTheNearestKnownOne) {
  EXPECT_EQ(Refusal("PatientNmae", "x"), "Cannot use PatientNmae: not a DICOM keyword; did you mean PatientName?");
  EXPECT_EQ(Refusal("studydate", "20200301"), "Cannot use studydate: not a DICOM keyword; did you mean StudyDate?");
  EXPECT_THAT(Refusal("00091001", "x"), HasSubstr("not a DICOM keyword"));
  EXPECT_THAT(Refusal("", "x"), HasSubstr("not a DICOM keyword"));
  EXPECT_THAT(Refusal("Doe^John", "x"), Not(HasSubstr("Doe")));
  EXPECT_THROW(Query().Include("PatientNmae"), Error);
  EXPECT_THROW(Query().Where(Tag{0x00091001}, "x"), Error);
}

TEST(QueryTest, RefusalsHidePatientData) {
  EXPECT_THAT(Refusal("PatientBirthDate", "1970-01-01"), Not(HasSubstr("1970")));
  EXPECT_THAT(Refusal("PatientName", "Doe\\John"), Not(HasSubstr("Doe")));
  EXPECT_THAT(Refusal("PatientID", "4711\n"), Not(HasSubstr("4711")));
  EXPECT_THAT(Refusal("AccessionNumber", "A4711\\B"), Not(HasSubstr("4711")));
  EXPECT_THAT(Refusal("PatientAge", "78 years"), Not(HasSubstr("78")));
}

TEST(QueryTest, TakesEveryFieldOfTheSeed) {
  for (const char* keyword : {"AccessionNumber", "PatientName", "PatientID", "ModalitiesInStudy", "InstitutionName",
                              "PatientSex", "StudyDescription", "SeriesDescription", "InstitutionalDepartmentName",
                              "Modality", "ProtocolName", "StudyID"}) {
    EXPECT_EQ(Canonical(keyword, "B*"), "B*") << keyword;
  }
  EXPECT_EQ(Canonical("StudyInstanceUID", "1.2"), "1.2");
  EXPECT_EQ(Canonical("SeriesInstanceUID", "1.2"), "1.2");
  EXPECT_EQ(Canonical("PatientBirthDate", "19700101"), "19700101");
}

TEST(QueryTest, StudyDatesHaveOpenEnds) {
  using namespace std::chrono_literals;
  const auto first = 2020y / 3 / 1;
  const auto last = 2020y / 3 / 3;
  EXPECT_EQ(Query().StudyDates(first, last).Get(tag::kStudyDate), "20200301-20200303");
  EXPECT_EQ(Query().StudyDates(first, {}).Get(tag::kStudyDate), "20200301-");
  EXPECT_EQ(Query().StudyDates({}, last).Get(tag::kStudyDate), "-20200303");
  EXPECT_EQ(Query().StudyDates(first, first).Get(tag::kStudyDate), "20200301");
  EXPECT_EQ(Query().StudyDates(first, last).StudyDates({}, {}), Query());
  EXPECT_THROW(Query().StudyDates(last, first), Error);
  EXPECT_THROW(Query().StudyDates(2021y / 2 / 29, {}), Error);
  EXPECT_THROW(Query().StudyDates({}, 2021y / 13 / 1), Error);
}

TEST(QueryTest, KeysAreOrderedAndReplaced) {
  Query query(Level::kSeries);
  query.Where("PatientName", "Doe*")
      .Where("StudyDate", "20200301")
      .Where("Modality", "CT")
      .Where("PatientName", "Roe*");
  EXPECT_THAT(query.keys(), ElementsAre(Pair(tag::kStudyDate, "20200301"), Pair(tag::kModality, "CT"),
                                        Pair(tag::kPatientName, "Roe*")));
  EXPECT_EQ(query.Get(tag::kModality), "CT");
  EXPECT_EQ(query.Get(tag::kPatientID), "");
  EXPECT_EQ(query.Get(Tag{0}), "");
  EXPECT_EQ(query.Get(Tag{0xFFFFFFFF}), "");
  EXPECT_EQ(query.level(), Level::kSeries);
}

TEST(QueryTest, ARefusedKeyLeavesTheEarlierOne) {
  Query query;
  query.Where("StudyDate", "20200301");
  EXPECT_THROW(query.Where("StudyDate", "nonsense"), Error);
  EXPECT_EQ(query.Get(tag::kStudyDate), "20200301");
}

TEST(QueryTest, IncludeFieldsAreOrderedAndEachOnce) {
  Query query;
  query.Include("PatientName").Include(tag::kStudyDate).Include("00100010").Include(Tag{0x00091001});
  EXPECT_THAT(query.include_fields(), ElementsAre(tag::kStudyDate, Tag{0x00091001}, tag::kPatientName));
}

TEST(QueryTest, EqualQuestionsAreEqual) {
  Query a;
  a.Where("StudyInstanceUID", "1.2.4\\1.2.3")
      .Where("StudyDate", "20200301-20200301")
      .Include("Rows")
      .Include("Columns");
  Query b;
  b.Include("Columns").Include("Rows").Where("StudyDate", "20200301").Where("0020000D", "1.2.3\\1.2.4\\1.2.4");
  EXPECT_EQ(a, b);
  EXPECT_EQ(a.CacheKey(), b.CacheKey());
}

TEST(QueryTest, DifferentQuestionsHaveDifferentCacheKeys) {
  const auto query = [](Level level = Level::kStudy) { return Query(level); };
  const std::vector<Query> queries = {
      query(),
      query(Level::kSeries),
      query(Level::kInstance),
      query().SetLimit(0),
      query().SetLimit(1),
      query().SetLimit(11),
      query().SetLimit(1).SetOffset(1),
      query().SetOffset(1),
      query().SetFuzzy(true),
      query().Include("Rows"),
      query().Include("Columns"),
      query().Include("Rows").Include("Columns"),
      query().Where("PatientID", "1"),
      query().Where("PatientID", "11"),
      query().Where("PatientID", "1?001000301=1"),
      query().Where("PatientID", "1").Where("PatientName", "1"),
      query().Where("PatientName", "1"),
      query().Where("PatientName", "1").Include("PatientName"),
  };
  std::set<std::string> keys;
  std::set<Query> values;
  for (const Query& q : queries) {
    EXPECT_TRUE(keys.insert(q.CacheKey()).second) << q.CacheKey();
    EXPECT_TRUE(values.insert(q).second) << q.CacheKey();
  }
}

TEST(QueryTest, CacheKeyIsStable) {
  // Persistent caches of an earlier program are looked up with it.
  Query query(Level::kSeries);
  query.Where("PatientName", "D*").Where("StudyDate", "20200301").Include("Rows").SetLimit(5).SetOffset(10);
  EXPECT_EQ(query.CacheKey(), "1SERIESl5o10+00280010?000800208=20200301?001000102=D*");
}

TEST(QueryTest, SizesAreAskedForWithWhatTheyAreEstimatedFrom) {
  const Query query = Query(Level::kInstance).IncludeSize();
  EXPECT_TRUE(query.includes_size());
  Query same(Level::kInstance);
  same.Include(tag::kRows).Include(tag::kColumns).Include(tag::kBitsAllocated).Include(tag::kNumberOfFrames);
  EXPECT_FALSE(same.includes_size());
  EXPECT_EQ(query.include_fields(), same.include_fields());
  EXPECT_NE(query, same);
  EXPECT_NE(query.CacheKey(), same.CacheKey());
}

TEST(QueryTest, StudyAndSeriesLevelsHaveDifferentCacheKeys) {
  EXPECT_NE(Query(Level::kStudy).CacheKey(), Query(Level::kSeries).CacheKey());
}

TEST(QueryTest, ForReferencesAsksForThem) {
  const InstanceReference instance{Uid("1.1"), Uid("1.2"), Uid("1.3")};
  const Query study = Query::ForStudy({instance.study}, Level::kSeries);
  EXPECT_EQ(study.level(), Level::kSeries);
  EXPECT_THAT(study.keys(), ElementsAre(Pair(tag::kStudyInstanceUID, "1.1")));
  const Query series = Query::ForSeries(instance.series_reference());
  EXPECT_EQ(series.level(), Level::kInstance);
  EXPECT_THAT(series.keys(), ElementsAre(Pair(tag::kStudyInstanceUID, "1.1"), Pair(tag::kSeriesInstanceUID, "1.2")));
  const Query one = Query::ForInstance(instance);
  EXPECT_EQ(one.level(), Level::kInstance);
  EXPECT_THAT(one.keys(), ElementsAre(Pair(tag::kSOPInstanceUID, "1.3"), Pair(tag::kStudyInstanceUID, "1.1"),
                                      Pair(tag::kSeriesInstanceUID, "1.2")));
}

TEST(QueryTest, DescribesWithoutPatientData) {
  Query query(Level::kStudy);
  query.Where("PatientName", "Doe*")
      .Where("PatientID", "4711")
      .Where("PatientBirthDate", "19700101")
      .Where("AccessionNumber", "A1")
      .Where("StudyDescription", "secret")
      .Where("StudyDate", "20200301-")
      .Where("ModalitiesInStudy", "CT")
      .Where("StudyInstanceUID", "1.2.3")
      .SetLimit(10)
      .SetOffset(20)
      .SetFuzzy(true);
  const std::string text = query.Describe();
  EXPECT_THAT(text, testing::StartsWith("STUDY StudyDate=20200301- AccessionNumber="));
  EXPECT_THAT(text, HasSubstr("ModalitiesInStudy=CT"));
  EXPECT_THAT(text, HasSubstr("StudyInstanceUID=1.2.3 limit=10 offset=20 fuzzy"));
  for (const char* hidden : {"Doe", "4711", "19700101", "A1", "secret"}) {
    EXPECT_THAT(text, Not(HasSubstr(hidden)));
  }
}

}  // namespace
}  // namespace trolley
