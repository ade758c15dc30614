#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "base/text.h"
#include "search/qido/fake_qido.h"
#include "search/searcher_contract.h"
#include "support/fake_mint.h"
#include "trolley/searchers.h"

namespace trolley {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::UnorderedElementsAre;

std::shared_ptr<HttpClient> Client(std::chrono::seconds stall_timeout = std::chrono::seconds(30)) {
  HttpOptions options;
  options.stall_timeout = stall_timeout;
  return std::make_shared<HttpClient>(options);
}

// --- The contract ---

std::vector<Attributes> ContractContent() {
  std::vector<Attributes> all = {FakeInstance(1, 1, 1, "Contract^Anna")};
  for (const int series : {1, 2, 3}) {
    const std::vector<Attributes> more = FakeSeries(2, series, series == 2 ? 100 : 3);
    all.insert(all.end(), more.begin(), more.end());
  }
  all.push_back(FakeInstance(3, 1, 1, "Contra^Ben"));
  return all;
}

class MintWorld : public SearchWorld {
 public:
  explicit MintWorld(MintDialect dialect, const FakeMint::Habits& habits = {})
      : mint_(dialect == MintDialect::kVitrea ? FakeMint::Dialect::kVitrea : FakeMint::Dialect::kReference,
              ContractContent()),
        dialect_(dialect) {
    mint_.SetHabits(habits);
    Reach(mint_.url());
  }
  Searcher& searcher() override { return *searcher_; }
  std::vector<InstanceReference> content() const override {
    std::vector<InstanceReference> all;
    for (const Attributes& row : ContractContent()) {
      all.push_back({Uid(row.Get(tag::kStudyInstanceUID)), Uid(row.Get(tag::kSeriesInstanceUID)),
                     Uid(row.Get(tag::kSOPInstanceUID))});
    }
    return all;
  }
  std::optional<Query> Unsupported() const override { return Query(Level::kStudy).Where("SeriesNumber", "1"); }
  void Refuse() override { Reach("http://127.0.0.1:1/mint"); }
  void FallSilent() override { mint_.SetMood(FakeMint::Mood::kSilent); }
  void CutOff() override { mint_.SetMood(FakeMint::Mood::kCutting); }
  void Recover() override { mint_.SetMood(FakeMint::Mood::kWell); }

 private:
  void Reach(const std::string& url) {
    searcher_ = MakeMintSearcher({.url = url, .dialect = dialect_}, Client(SearchWorld::patience));
  }

  FakeMint mint_;
  const MintDialect dialect_;
  std::unique_ptr<Searcher> searcher_;
};

using enum SearchCase;

std::vector<SearchContractParam> Contract(const std::string& name, MintDialect dialect, const FakeMint::Habits& habits,
                                          std::vector<SearchCase> cases) {
  return SearchContractParams(
      name, [=] { return std::make_unique<MintWorld>(dialect, habits); }, cases);
}

const std::vector<SearchCase> kAnswers = {kNone,  kStudies, kSeries,    kInstances,   kOneInstance, kMatching,
                                          kLimit, kRefused, kTruncated, kUnsupported, kCancelled,   kRecovers};
std::vector<SearchCase> All() {
  std::vector<SearchCase> all = kAnswers;
  all.push_back(kTimeout);
  return all;
}

INSTANTIATE_TEST_SUITE_P(MintVitrea, SearcherContract,
                         testing::ValuesIn(Contract("Strict", MintDialect::kVitrea, {}, All())), SearchContractName);
INSTANTIATE_TEST_SUITE_P(MintVitreaSloppy, SearcherContract,
                         testing::ValuesIn(Contract("Sloppy", MintDialect::kVitrea,
                                                    {.sloppy = true, .own_limit = 2, .ignores_keys = true}, kAnswers)),
                         SearchContractName);
INSTANTIATE_TEST_SUITE_P(MintReference, SearcherContract,
                         testing::ValuesIn(Contract("Reference", MintDialect::kReference, {}, All())),
                         SearchContractName);
INSTANTIATE_TEST_SUITE_P(
    MintReferenceSloppy, SearcherContract,
    testing::ValuesIn(Contract("ReferenceSloppy", MintDialect::kReference,
                               {.cap = 2, .tells_limit = false, .ignores_keys = true, .old_capitals = true}, kAnswers)),
    SearchContractName);

// --- What both have ---

class MintFixture : public testing::Test {
 protected:
  explicit MintFixture(MintDialect dialect)
      : dialect_(dialect),
        mint_(dialect == MintDialect::kVitrea ? FakeMint::Dialect::kVitrea : FakeMint::Dialect::kReference, {}) {
    Make({});
  }
  void Make(MintOptions options) {
    options.url = mint_.url() + "/";
    options.dialect = dialect_;
    searcher_ = MakeMintSearcher(options, Client());
  }
  // One instance each, with these dates.
  void ServeStudies(const std::vector<std::string>& dates) {
    std::vector<Attributes> instances;
    for (const std::string& date : dates) {
      instances.push_back(FakeInstance(static_cast<int>(instances.size()) + 1, 1, 1));
      instances.back().Set(tag::kStudyDate, date);
    }
    mint_.SetInstances(instances);
  }
  void ServeBody(const std::string& body, int status = 200, const std::string& type = "text/xml") {
    mint_.server().SetHandler([=](const ReceivedRequest&, HttpReply& reply) { reply.Respond(status, type, body); });
  }
  SearchResult Find(const Query& query) {
    return searcher_->Find(query, Context::WithTimeout(std::chrono::seconds(30)));
  }
  std::vector<std::string> Studies(const Query& query) {
    std::vector<std::string> uids;
    const SearchResult answer = Find(query);
    for (const Study& study : *answer) {
      uids.push_back(study.uid.str());
    }
    return uids;
  }
  void ExpectFailure(const Query& query, ErrorCode code, const std::string& text = "") {
    try {
      const SearchResult answer = Find(query);
      ADD_FAILURE() << answer->size() << " studies instead of a failure";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << error.what();
      EXPECT_THAT(error.what(), HasSubstr(text));
      EXPECT_THAT(error.what(), testing::StartsWith("Cannot "));
      EXPECT_THAT(error.what(), Not(HasSubstr("Geheim")));
    }
  }
  std::string Target() { return mint_.server().Targets().empty() ? "" : mint_.server().Targets().back(); }

  const Query all_{Level::kStudy};
  const MintDialect dialect_;
  FakeMint mint_;
  std::unique_ptr<Searcher> searcher_;
};

// --- Vitrea ---

class MintVitreaTest : public MintFixture {
 protected:
  MintVitreaTest() : MintFixture(MintDialect::kVitrea) {}
  // The answer of a server to anything.
  void ServeStudyXml(const std::string& studies, const std::string& declaration = "") {
    ServeBody(declaration + "<studySearchResults xmlns=\"http://medical.nema.org/mint\">" + studies +
              "</studySearchResults>");
  }
  static std::string StudyXml(const std::string& uid, const std::string& more = "") {
    return "<study studyUUID=\"u\" version=\"1\" lastModified=\"2021-08-09T06:42:04.325Z\">" + more +
           "<attr tag=\"0020000d\" vr=\"UI\" val=\"" + uid + "\" /></study>";
  }
};

TEST_F(MintVitreaTest, AsksWithDicomKeywords) {
  Find(Query(all_).Where("PatientName", "B*").SetLimit(10));
  EXPECT_EQ(mint_.server().Targets()[0],
            "/mint/studies?PatientName=B*&QueryLevel=STUDY&IncludeFields=StudyInstanceUID,PatientName&limit=10");
  Find(Query(Level::kInstance).Where("StudyInstanceUID", "1.2").Include("Rows").Include("StudyDate"));
  EXPECT_EQ(Target(),
            "/mint/studies?StudyInstanceUID=1.2&QueryLevel=INSTANCE&"
            "IncludeFields=StudyInstanceUID,SeriesInstanceUID,SOPInstanceUID,StudyDate,Rows");
  Find(Query(all_).Where("StudyDescription", "a&b=c d+e"));
  EXPECT_THAT(Target(), HasSubstr("StudyDescription=a%26b%3Dc%20d%2Be&"));
}

// The seed's bug 10: date filters under names that servers do not know, so that they are ignored.
TEST_F(MintVitreaTest, SendsDatesUnderTheNamesThatServersKnow) {
  ServeStudies({"20200229", "20200301", "20200303", "20200304"});
  EXPECT_THAT(Studies(Query(all_).Where("StudyDate", "20200301-20200303")), ElementsAre("1.2.2", "1.2.3"));
  EXPECT_THAT(Target(), HasSubstr("minStudyDate=20200301&maxStudyDate=20200303&"));
  EXPECT_THAT(Studies(Query(all_).Where("StudyDate", "20200303")), ElementsAre("1.2.3"));
  EXPECT_THAT(Studies(Query(all_).Where("StudyDate", "20200303-")), ElementsAre("1.2.3", "1.2.4"));
  EXPECT_THAT(Studies(Query(all_).Where("StudyDate", "-20200301")), ElementsAre("1.2.1", "1.2.2"));
}

// The seed's bug 10, too: where the names are wrong, the answer is still right.
TEST_F(MintVitreaTest, LeavesOutStudiesOfOtherDatesWhenTheServerIgnoresTheRange) {
  Make({.min_date_parameter = "min_study_date", .max_date_parameter = "max_study_date"});
  ServeStudies({"20200229", "20200301", "", "20200304"});
  EXPECT_THAT(Studies(Query(all_).Where("StudyDate", "20200301-20200303")), ElementsAre("1.2.2"));
  EXPECT_THAT(Target(), HasSubstr("min_study_date=20200301&max_study_date=20200303&"));
}

TEST_F(MintVitreaTest, AsksForAnotherWindowWhenTheLimitLetThroughWhatDoesNotMatch) {
  mint_.SetHabits({.ignores_keys = true});
  ServeStudies({"20200101", "20200102", "20200301", "20200302"});
  const Query some = Query(all_).Where("StudyDate", "20200301-");
  EXPECT_THAT(Studies(Query(some).SetLimit(1)), ElementsAre("1.2.3"));
  EXPECT_THAT(Studies(Query(some).SetLimit(1).SetOffset(1)), ElementsAre("1.2.4"));
  EXPECT_THAT(Studies(Query(some).SetOffset(2)), ElementsAre());
}

TEST_F(MintVitreaTest, KeepsWhatTheFirstRowOfAStudySaysWhenItIsOutsideTheWindow) {
  mint_.SetInstances(FakeSeries(1, 1, 3));
  const SearchResult answer =
      Find(Query::ForSeries({Uid("1.2.1"), Uid("1.2.1.1")}).Include("PatientID").Include("Modality").SetOffset(2));
  ASSERT_EQ(answer->size(), 1u);
  EXPECT_EQ(answer->front().attributes.Get(tag::kPatientID), "P1");
  ASSERT_EQ(answer->front().series.size(), 1u);
  EXPECT_EQ(answer->front().series[0].attributes.Get(tag::kModality), "CT");
  EXPECT_EQ(answer->front().series[0].instances.size(), 1u);
}

TEST_F(MintVitreaTest, AsksAroundALimitOfTheServersOwn) {
  mint_.SetHabits({.own_limit = 2});
  ServeStudies({"20200101", "20200102", "20200103"});
  EXPECT_EQ(Studies(all_).size(), 3u);
}

TEST_F(MintVitreaTest, ThrowsWhenTheServerCropsTheAnswer) {
  mint_.SetHabits({.cap = 2});
  ServeStudies({"20200101", "20200102", "20200103"});
  ExpectFailure(all_, ErrorCode::kTooMany, "only the first 2 studies");
  ServeBody("", 206);
  ExpectFailure(all_, ErrorCode::kTooMany);
}

TEST_F(MintVitreaTest, ThrowsWhenOurOwnLimitCropsTheAnswer) {
  MintOptions options;
  options.max_rows = 3;
  Make(options);
  ServeStudies({"20200101", "20200102", "20200103", "20200104", "20200105"});
  mint_.SetHabits({.own_limit = 2});
  ExpectFailure(all_, ErrorCode::kTooMany, "only the first 3 studies");
}

TEST_F(MintVitreaTest, ThrowsForWhatItCannotExpress) {
  const std::vector<Query> queries = {
      Query(all_).Where("StudyID", "7"),
      Query(all_).Where("StudyTime", "10"),
      Query(all_).Where("Modality", "CT"),
      Query(Level::kSeries).Where("SeriesInstanceUID", "1.2\\1.3"),
      Query(all_).Where("PatientBirthDate", "19700101-19800101"),
      Query(all_).Where("PatientName", "A").SetFuzzy(true),
      Query(all_).Include("Modality"),
      Query(Level::kSeries).Include("Rows"),
      Query(Level::kInstance).Include("PatientAge"),
  };
  for (const Query& query : queries) {
    ExpectFailure(query, ErrorCode::kUnsupported);
  }
  EXPECT_EQ(mint_.server().CountRequests(), 0u);
}

TEST_F(MintVitreaTest, FiltersByWhatTheServerReturnsButDoesNotSearchBy) {
  std::vector<Attributes> instances = FakeSeries(1, 1, 2);
  instances.push_back(FakeInstance(1, 2, 1));
  instances.back().Set(tag::kModality, "MR");
  mint_.SetInstances(instances);
  const SearchResult answer = Find(Query::ForStudy({Uid("1.2.1")}, Level::kSeries).Where("Modality", "MR"));
  ASSERT_EQ(answer->size(), 1u);
  ASSERT_EQ(answer->front().series.size(), 1u);
  EXPECT_EQ(answer->front().series[0].uid.str(), "1.2.1.2");
  EXPECT_EQ(answer->front().attributes.Get(tag::kStudyInstanceUID), "1.2.1");
}

TEST_F(MintVitreaTest, ThrowsWhenNobodyCanTellWhetherTheServerSearchedByAKey) {
  ServeStudyXml(StudyXml("1.2"));
  ExpectFailure(Query(all_).Where("AccessionNumber", "Geheim"), ErrorCode::kUnsupported, "AccessionNumber");
}

TEST_F(MintVitreaTest, ThrowsWhenTheServerAnswersAnotherLevel) {
  ServeStudyXml(StudyXml("1.2"));
  ExpectFailure(Query(Level::kSeries), ErrorCode::kProtocol, "nothing of the level");
}

TEST_F(MintVitreaTest, AsksForAListOfStudiesOneByOne) {
  ServeStudies({"20200101", "20200102", "20200103"});
  EXPECT_THAT(Studies(Query(all_).Where("StudyInstanceUID", "1.2.3\\1.2.1")), UnorderedElementsAre("1.2.3", "1.2.1"));
}

// --- What servers really answer ---

TEST_F(MintVitreaTest, SurvivesARecordedAnswer) {
  // An encoding that does not exist, attributes after the series, an impossible date, attributes without a value.
  ServeStudyXml(
      "<study studyUUID=\"85997945\" version=\"1\" lastModified=\"2021-03-09T06:42:04.825Z\"><series><instance>"
      "<attr tag=\"00080018\" vr=\"UI\" val=\"1.2.276.12\" /><attr tag=\"00020010\" vr=\"UI\" "
      "val=\"1.2.840.10008.1.2.1\" /></instance><attr  tag=\"0020000e\" vr=\"UI\" val=\"1.2.40.571\" /></series>"
      "<attr tag=\"00080020\" vr=\"DA\" val=\"1900\" /><attr tag=\"00080050\" vr=\"SH\" />"
      "<attr tag=\"00100010\" vr=\"PN\" val=\"M\xC3\xBCller^W^I L\" /><attr tag=\"0020000d\" vr=\"UI\" "
      "val=\"1.2.840.1\" /><attr tag=\"nonsense\" vr=\"UI\" val=\"1\" /></study>",
      "<?xml version='1.0' encoding='UTF-3'?>");
  const SearchResult answer = Find(Query(Level::kInstance));
  ASSERT_EQ(answer->size(), 1u);
  const Study& study = answer->front();
  EXPECT_EQ(study.attributes.Get(tag::kPatientName), "M\xC3\xBCller^W^I L");
  EXPECT_EQ(study.attributes.Get(tag::kStudyDate), "1900");
  EXPECT_TRUE(study.attributes.Has(tag::kAccessionNumber));
  ASSERT_EQ(study.series.size(), 1u);
  ASSERT_EQ(study.series[0].instances.size(), 1u);
  EXPECT_EQ(study.series[0].instances[0].attributes.Get(tag::kTransferSyntaxUID), "1.2.840.10008.1.2.1");
}

// The seed's bug 4: a duplicate row fails the whole query.
TEST_F(MintVitreaTest, MergesAStudyThatIsToldTwice) {
  ServeStudyXml(StudyXml("1.2", "<attr tag=\"00100020\" vr=\"LO\" val=\"P1\" />") + StudyXml("1.2") +
                StudyXml("1.2", "<attr tag=\"00080050\" vr=\"SH\" val=\"A1\" />"));
  const SearchResult answer = Find(all_);
  ASSERT_EQ(answer->size(), 1u);
  EXPECT_EQ(answer->front().attributes.Get(tag::kPatientID), "P1");
  EXPECT_EQ(answer->front().attributes.Get(tag::kAccessionNumber), "A1");
}

TEST_F(MintVitreaTest, ReadsOtherEncodings) {
  ServeStudyXml(StudyXml("1.2", "<attr tag=\"00100010\" vr=\"PN\" val=\"M\xFCller\" />"),
                "<?xml version='1.0' encoding='ISO-8859-1'?>");
  EXPECT_EQ(Find(all_)->front().attributes.Get(tag::kPatientName), "M\xC3\xBCller");
  ServeStudyXml(StudyXml("1.2", "<attr tag=\"00100010\" vr=\"PN\" val=\"M\xFCller\" />"));  // does not say so
  EXPECT_EQ(Find(all_)->front().attributes.Get(tag::kPatientName), "M\xC3\xBCller");
}

TEST_F(MintVitreaTest, TellsFailuresFromNone) {
  const std::string page = "<html><head><title>Error 500</title><meta x></head><body>Geheim</body></html>";
  ServeBody(page, 500, "text/html");
  ExpectFailure(Query(all_).Where("PatientName", "Geheim"), ErrorCode::kUnavailable, "500");
  ServeBody(page, 401, "text/html");
  ExpectFailure(all_, ErrorCode::kAccessDenied, "401");
  ServeBody(page, 200, "text/html");
  ExpectFailure(all_, ErrorCode::kProtocol, "login");
  ServeBody(page, 404, "text/html");
  ExpectFailure(all_, ErrorCode::kProtocol, "no MINT search");
  ServeBody(page, 501, "text/html");
  ExpectFailure(all_, ErrorCode::kUnsupported);
  for (const char* body : {"", "{}", "Request failed", "<studies/>", "<studySearchResults>", "<a><b></a>"}) {
    SCOPED_TRACE(body);
    ServeBody(body);
    ExpectFailure(all_, ErrorCode::kProtocol, "check the URL");
  }
  ServeBody("<studySearchResults/>");
  EXPECT_TRUE(Find(all_)->empty());
}

TEST_F(MintVitreaTest, RefusesHostileXml) {
  ServeBody("<!DOCTYPE s [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><studySearchResults>" + StudyXml("&b;") +
            "</studySearchResults>");
  ExpectFailure(all_, ErrorCode::kProtocol, "document type");
  ServeStudyXml(StudyXml("../../etc"));
  ExpectFailure(all_, ErrorCode::kProtocol, "StudyInstanceUID");
  ServeStudyXml("<study studyUUID=\"u\"/>");
  ExpectFailure(all_, ErrorCode::kProtocol, "StudyInstanceUID");
  std::string deep;
  for (int i = 0; i < 100000; ++i) {
    deep += "<a>";
  }
  ServeBody(deep);
  ExpectFailure(all_, ErrorCode::kProtocol);
  ServeStudyXml(StudyXml("1.2", "<attr tag=\"00081030\" vr=\"LO\" val=\"" + std::string(70000, 'x') + "\" />"));
  EXPECT_FALSE(Find(all_)->front().attributes.Has(tag::kStudyDescription));
}

// --- The reference server ---

class MintReferenceTest : public MintFixture {
 protected:
  MintReferenceTest() : MintFixture(MintDialect::kReference) {}
  size_t Searches() { return mint_.server().CountRequests("/studies?"); }
};

TEST_F(MintReferenceTest, AsksWithTheFewParametersThatItKnows) {
  ServeStudies({"20200301"});
  const Query query = Query(all_).Where("PatientID", "P1").Where("StudyDate", "20200301-20200302");
  EXPECT_THAT(Studies(query), ElementsAre("1.2.1"));
  // Days are those of the server's time zone, and the last one is not taken in: wider, and filtered here.
  EXPECT_EQ(mint_.server().Targets()[0],
            "/mint/studies?minStudyDate=20200229&maxStudyDate=20200304&patientID=P1&limit=500&offset=1");
  EXPECT_EQ(mint_.server().Targets()[1], "/mint/studies/0a1b-1.2.1/DICOM/metadata");
}

// The seed's bug 10, and an upper end that is not in the range.
TEST_F(MintReferenceTest, TakesInBothEndsOfARangeAndNothingBeyond) {
  ServeStudies({"20200228", "20200229", "20200301", "20200302", "20200303", "20200304"});
  EXPECT_THAT(Studies(Query(all_).Where("StudyDate", "20200301-20200303")), ElementsAre("1.2.3", "1.2.4", "1.2.5"));
  EXPECT_THAT(Studies(Query(all_).Where("StudyDate", "20200304-")), ElementsAre("1.2.6"));
  EXPECT_THAT(Studies(Query(all_).Where("StudyDate", "-20200228")), ElementsAre("1.2.1"));
}

TEST_F(MintReferenceTest, PagesUntilThereIsNoMore) {
  ServeStudies(std::vector<std::string>(7, "20200301"));
  Make({.page_size = 3});
  EXPECT_EQ(Studies(all_).size(), 7u);
  mint_.SetHabits({.tells_limit = false});
  EXPECT_EQ(Studies(all_).size(), 7u);
  Make({});
  mint_.SetHabits({.cap = 2, .tells_limit = false});  // silently less than was asked for
  EXPECT_EQ(Studies(all_).size(), 7u);
}

TEST_F(MintReferenceTest, NeedsOneRequestWhenTheServerTellsItsLimit) {
  ServeStudies({"20200301", "20200301"});
  EXPECT_EQ(Studies(all_).size(), 2u);
  EXPECT_EQ(Searches(), 1u);
}

TEST_F(MintReferenceTest, ThrowsWhenThereAreNoFurtherPages) {
  ServeStudies({"20200301", "20200301", "20200301"});
  mint_.SetHabits({.cap = 2, .tells_limit = false, .ignores_offset = true});
  ExpectFailure(all_, ErrorCode::kTooMany, "no pages");
}

TEST_F(MintReferenceTest, StopsWhenTheLimitIsReached) {
  ServeStudies(std::vector<std::string>(5, "20200301"));
  EXPECT_THAT(Studies(Query(all_).SetLimit(2)), ElementsAre("1.2.1", "1.2.2"));
  EXPECT_EQ(mint_.server().CountRequests("/metadata"), 2u);
  EXPECT_THAT(Studies(Query(all_).SetLimit(2).SetOffset(3)), ElementsAre("1.2.4", "1.2.5"));
}

TEST_F(MintReferenceTest, RemembersWhatAListOfStudiesNeeds) {
  ServeStudies({"20200301", "20200301"});
  EXPECT_EQ(Studies(all_).size(), 2u);
  EXPECT_EQ(Studies(Query(all_).Where("PatientName", "doe*").Include("ModalitiesInStudy")).size(), 2u);
  EXPECT_EQ(mint_.server().CountRequests("/metadata"), 2u);
}

TEST_F(MintReferenceTest, FiltersByWhatTheMetadataSay) {
  std::vector<Attributes> instances = FakeSeries(1, 1, 2);
  instances.push_back(FakeInstance(2, 1, 1));
  instances.back().Set(tag::kModality, "MR");
  mint_.SetInstances(instances);
  EXPECT_THAT(Studies(Query(all_).Where("ModalitiesInStudy", "MR")), ElementsAre("1.2.2"));
  EXPECT_THAT(Studies(Query(all_).Where("PatientID", "P?")), ElementsAre("1.2.1", "1.2.2"));
  EXPECT_THAT(Studies(Query(all_).Where("StudyID", "7")), ElementsAre());  // they do not have one
  const SearchResult answer = Find(Query::ForSeries({Uid("1.2.1"), Uid("1.2.1.1")}).Include("Rows"));
  ASSERT_EQ(answer->size(), 1u);
  const Study& study = answer->front();
  EXPECT_EQ(study.attributes.Get(tag::kNumberOfStudyRelatedInstances), "2");
  ASSERT_EQ(study.series[0].instances.size(), 2u);
  for (const Instance& instance : study.series[0].instances) {  // hoisted to the series in the metadata
    EXPECT_EQ(instance.attributes.Get(tag::kRows), "64");
    EXPECT_EQ(instance.attributes.Get(tag::kTransferSyntaxUID), "1.2.840.10008.1.2.1");
  }
}

TEST_F(MintReferenceTest, LooksAtABoundedNumberOfStudies) {
  ServeStudies(std::vector<std::string>(5, "20200301"));
  Make({.page_size = 2, .max_scanned_studies = 3});
  ExpectFailure(Query(all_).Where("PatientName", "Geheim"), ErrorCode::kTooMany, "add a PatientID");
  EXPECT_EQ(Studies(all_).size(), 5u);
  EXPECT_EQ(Studies(Query(all_).Where("PatientName", "Doe*").Where("StudyDate", "20200301")).size(), 5u);
}

TEST_F(MintReferenceTest, LeavesOutAStudyThatIsGoneMeanwhile) {
  ServeStudies({"20200301", "20200302"});
  mint_.server().SetHandler([this](const ReceivedRequest& request, HttpReply& reply) {
    request.target.find("0a1b-1.2.1/") != std::string::npos ? (void)reply.Respond(404, "text/html", "gone")
                                                            : mint_.Respond(request, reply);
  });
  EXPECT_THAT(Studies(all_), ElementsAre("1.2.2"));
}

TEST_F(MintReferenceTest, ThrowsWhenMetadataFail) {
  ServeStudies({"20200301"});
  for (const int status : {500, 401, 200}) {
    mint_.server().SetHandler([=, this](const ReceivedRequest& request, HttpReply& reply) {
      request.target.find("metadata") != std::string::npos
          ? (void)reply.Respond(status, "text/html", "<html><body>Geheim</body></html>")
          : mint_.Respond(request, reply);
    });
    ExpectFailure(all_, status == 500   ? ErrorCode::kUnavailable
                        : status == 401 ? ErrorCode::kAccessDenied
                                        : ErrorCode::kProtocol);
  }
}

}  // namespace
}  // namespace trolley
