#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "search/qido/fake_qido.h"
#include "search/searcher_contract.h"
#include "trolley/searchers.h"

namespace trolley {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

std::shared_ptr<HttpClient> Client(std::chrono::seconds stall_timeout = std::chrono::seconds(30)) {
  HttpOptions options;
  options.stall_timeout = stall_timeout;
  return std::make_shared<HttpClient>(options);
}

// --- The contract ---

std::vector<Attributes> ContractContent() {
  std::vector<Attributes> all = {FakeInstance(1, 1, 1, "Contract^Anna")};
  for (const int series : {1, 2, 3}) {
    const std::vector<Attributes> more = FakeSeries(2, series, series == 2 ? 250 : 3);
    all.insert(all.end(), more.begin(), more.end());
  }
  all.push_back(FakeInstance(3, 1, 1, "Contra^Ben"));
  return all;
}

class QidoWorld : public SearchWorld {
 public:
  explicit QidoWorld(const FakeQido::Habits& habits = {}) : qido_(ContractContent()) {
    qido_.SetHabits(habits);
    searcher_ = MakeQidoRsSearcher({qido_.url()}, Client(SearchWorld::patience));
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
  void Refuse() override {
    searcher_ = MakeQidoRsSearcher({"http://127.0.0.1:1/dicom-web"}, Client(SearchWorld::patience));
  }
  void FallSilent() override { qido_.SetMood(FakeQido::Mood::kSilent); }
  void CutOff() override { qido_.SetMood(FakeQido::Mood::kCutting); }
  void Recover() override { qido_.SetMood(FakeQido::Mood::kWell); }

 private:
  FakeQido qido_;
  std::unique_ptr<Searcher> searcher_;
};

using enum SearchCase;
const std::vector<SearchCase> kAll = {kNone,    kStudies, kSeries,    kInstances,   kOneInstance, kMatching, kLimit,
                                      kRefused, kTimeout, kTruncated, kUnsupported, kCancelled,   kRecovers};
INSTANTIATE_TEST_SUITE_P(QidoRs, SearcherContract,
                         testing::ValuesIn(SearchContractParams(
                             "QidoRs", [] { return std::make_unique<QidoWorld>(); }, kAll)),
                         SearchContractName);
INSTANTIATE_TEST_SUITE_P(
    QidoRsWithLimits, SearcherContract,
    testing::ValuesIn(SearchContractParams(
        "Limited", [] { return std::make_unique<QidoWorld>(FakeQido::Habits{.default_limit = 2, .max_limit = 50}); },
        kAll)),
    SearchContractName);

// --- What servers really answer ---

class QidoRsTest : public testing::Test {
 protected:
  void Serve(std::vector<Attributes> instances) { qido_.SetInstances(std::move(instances)); }
  void ServeBody(const std::string& content_type, const std::string& body, int status = 200,
                 const HttpReply::Headers& more = {}) {
    qido_.server().SetHandler([=](const ReceivedRequest&, HttpReply& reply) {
      status == 204 ? reply.Head(204, more) : reply.Respond(status, content_type, body, more);
    });
  }
  // The bodies one after another, the last one for ever; for requests to `path`, others are answered by the fake.
  void ServeJson(const std::string& body) { ServeBody("application/dicom+json", body); }

  SearchResult Find(const Query& query) {
    return searcher_->Find(query, Context::WithTimeout(std::chrono::seconds(30)));
  }
  size_t Count(const Query& query) {
    size_t count = 0;
    const SearchResult answer = Find(query);
    for (const Study& study : *answer) {
      count += query.level() == Level::kStudy ? 1 : 0;
      for (const Series& series : study.series) {
        count += query.level() == Level::kSeries ? 1 : series.instances.size();
      }
    }
    return count;
  }
  std::pair<std::optional<ErrorCode>, std::string> Failure(const Query& query) {
    try {
      Find(query);
    } catch (const Error& error) {
      return {error.code(), error.what()};
    }
    return {std::nullopt, "no error"};
  }
  void ExpectFailure(const Query& query, ErrorCode code, const std::string& text = "") {
    const auto [failure, message] = Failure(query);
    EXPECT_EQ(failure, code) << message;
    EXPECT_THAT(message, HasSubstr(text));
    EXPECT_THAT(message, testing::StartsWith("Cannot "));
  }
  std::vector<std::string> Targets() { return qido_.server().Targets(); }

  const Query studies_{Level::kStudy};
  const Query series_ = Query::ForSeries({Uid("1.2.1"), Uid("1.2.1.1")});
  FakeQido qido_;
  std::unique_ptr<Searcher> searcher_ = MakeQidoRsSearcher({.url = qido_.url() + "/", .page_size = 100}, Client());
};

TEST_F(QidoRsTest, AsksForDicomJsonCompressed) {
  EXPECT_EQ(Count(studies_), 0u);
  ASSERT_EQ(qido_.server().Requests().size(), 1u);
  const ReceivedRequest request = qido_.server().Requests()[0];
  EXPECT_EQ(request.method, "GET");
  EXPECT_EQ(request.target, "/dicom-web/studies");
  EXPECT_EQ(request.Header("accept"), "application/dicom+json, application/json");
  EXPECT_THAT(request.Header("accept-encoding"), HasSubstr("gzip"));
}

TEST_F(QidoRsTest, TakesEveryFormOfNone) {
  ServeBody("", "", 204);
  EXPECT_EQ(Count(studies_), 0u);
  ServeJson("[]");
  EXPECT_EQ(Count(studies_), 0u);
  ServeJson(" \n");
  EXPECT_EQ(Count(studies_), 0u);
  ServeBody("application/json", "[ ]");
  EXPECT_EQ(Count(studies_), 0u);
}

TEST_F(QidoRsTest, TakesASingleObject) {
  ServeJson(JsonRow(FakeInstance(1, 1, 1)));
  EXPECT_EQ(Count(studies_), 1u);
}

TEST_F(QidoRsTest, TakesJsonUnderAnotherName) {
  ServeBody("text/plain", JsonRows({FakeInstance(1, 1, 1)}));
  EXPECT_EQ(Count(studies_), 1u);
}

TEST_F(QidoRsTest, RefusesWhatIsNotDicomJson) {
  ServeBody("text/html", "<html>Please log in</html>");
  ExpectFailure(studies_, ErrorCode::kProtocol, "text/html");
  ServeBody("text/html", "");
  ExpectFailure(studies_, ErrorCode::kProtocol);
  ServeJson("[{\"0020000D\": {\"vr\":\"UI\",\"Value\":[\"1.2\"");
  ExpectFailure(studies_, ErrorCode::kProtocol);
  ServeJson(R"({"HttpError":"Bad","Message":"no"})");
  ExpectFailure(studies_, ErrorCode::kProtocol);
  ServeJson("[{}]");
  ExpectFailure(studies_, ErrorCode::kProtocol);
}

TEST_F(QidoRsTest, ThrowsWhatTheStatusMeans) {
  const std::vector<std::pair<int, ErrorCode>> statuses = {
      {400, ErrorCode::kProtocol},    {401, ErrorCode::kAccessDenied}, {403, ErrorCode::kAccessDenied},
      {404, ErrorCode::kProtocol},    {413, ErrorCode::kTooMany},      {500, ErrorCode::kUnavailable},
      {501, ErrorCode::kUnsupported}, {503, ErrorCode::kUnavailable},  {504, ErrorCode::kTimedOut}};
  for (const auto& [status, code] : statuses) {
    ServeBody("text/plain", "no", status);
    ExpectFailure(studies_, code);
  }
}

TEST_F(QidoRsTest, DoesNotRepeatPatientDataThatAServerQuotes) {
  ServeBody("text/plain", "cannot match PatientName=Geheim*", 400);
  EXPECT_THAT(Failure(Query(studies_).Where("PatientName", "Geheim*")).second, Not(HasSubstr("Geheim")));
}

TEST_F(QidoRsTest, TakesAMissingStudyForNoneOnlyWhereSearchWorks) {
  // Nothing is there: the URL is wrong.
  ServeBody("text/html", "not found", 404);
  ExpectFailure(Query::ForStudy({Uid("1.2.1")}, Level::kSeries), ErrorCode::kProtocol, "check the URL");
  // The service is there, the study is not.
  qido_.server().SetHandler([this](const ReceivedRequest& request, HttpReply& reply) {
    request.target.find("/studies/") != std::string::npos ? (void)reply.Respond(404, "text/html", "not found")
                                                          : qido_.Respond(request, reply);
  });
  EXPECT_EQ(Count(Query::ForStudy({Uid("1.2.1")}, Level::kSeries)), 0u);
  EXPECT_EQ(Count(series_), 0u);
}

TEST_F(QidoRsTest, ThrowsWhenTheServerHasNoRelationalSearch) {
  qido_.server().SetHandler([this](const ReceivedRequest& request, HttpReply& reply) {
    request.target.find("/series") != std::string::npos || request.target.find("/instances") != std::string::npos
        ? (void)reply.Respond(404, "text/html", "not found")
        : qido_.Respond(request, reply);
  });
  Serve(FakeSeries(1, 1, 1));
  ExpectFailure(Query(Level::kSeries).Where("Modality", "CT"), ErrorCode::kUnsupported);
  ExpectFailure(Query::ForStudy({Uid("1.2.1")}, Level::kInstance), ErrorCode::kUnsupported);
  EXPECT_EQ(Count(Query::ForStudy({Uid("1.2.99")}, Level::kInstance)), 0u);
}

TEST_F(QidoRsTest, RowsThatDoNotNameTheirStudyAreAnError) {
  std::vector<Attributes> instances;
  for (int i = 1; i <= 17; ++i) {  // too many to ask for each
    instances.push_back(FakeInstance(i, 1, 1));
    instances.back().Set(tag::kModalitiesInStudy, "CT");
  }
  Serve(instances);
  qido_.server().SetHandler([this](const ReceivedRequest& request, HttpReply& reply) {
    if (ParseQidoTarget(request.target).path == "/series") {
      reply.Respond(200, "application/dicom+json", R"([{"0020000E":{"vr":"UI","Value":["1.2.1.1"]}}])");
    } else {
      qido_.Respond(request, reply);
    }
  });
  ExpectFailure(Query(Level::kSeries).Where("ModalitiesInStudy", "CT"), ErrorCode::kProtocol, "belongs to");
}

// --- Servers that search series and instances of named parents only ---

class QidoRsWalkTest : public QidoRsTest {
 protected:
  QidoRsWalkTest() {
    Serve({FakeInstance(1, 1, 1), FakeInstance(1, 1, 2), FakeInstance(1, 2, 1), FakeInstance(2, 1, 1, "Smith^Ann")});
    qido_.server().SetHandler([this](const ReceivedRequest& request, HttpReply& reply) {
      const std::string path = ParseQidoTarget(request.target).path;
      const auto depth = std::count(path.begin(), path.end(), '/');
      const bool known = path == "/studies" || (path.ends_with("/series") && depth == 3) ||
                         (path.ends_with("/instances") && depth == 5);
      known ? qido_.Respond(request, reply) : (void)reply.Respond(refusal_, "text/html", "no such page");
    });
  }
  int refusal_ = 404;
};

TEST_F(QidoRsWalkTest, FindsByWalkingAndRemembers) {
  EXPECT_EQ(Count(Query(Level::kSeries).Where("PatientName", "Doe*").Where("Modality", "CT")), 2u);
  EXPECT_EQ(Count(Query(Level::kInstance).Where("PatientName", "Doe*").Where("InstanceNumber", "1")), 2u);
  EXPECT_EQ(qido_.server().CountRequests("/dicom-web/series"), 1u);
  EXPECT_EQ(Count(Query::ForStudy({Uid("1.2.1")}, Level::kInstance)), 3u);
  EXPECT_EQ(Count(Query::ForStudy({Uid("1.2.1")}, Level::kInstance)), 3u);
  EXPECT_EQ(qido_.server().CountRequests("/dicom-web/studies/1.2.1/instances"), 1u);
  EXPECT_EQ(qido_.server().CountRequests("/dicom-web/instances"), 0u);
  EXPECT_EQ(Count(Query(Level::kInstance).Where("SOPInstanceUID", "1.2.2.1.1")), 1u);
  EXPECT_EQ(Count(Query(Level::kSeries).Where("SeriesInstanceUID", "1.2.9.9")), 0u);
}

TEST_F(QidoRsWalkTest, AsksAServerThatIsKnownToBeSoOnlyWhatItAnswers) {
  for (const int refusal : {404, 405}) {
    refusal_ = refusal;
    searcher_ = MakeQidoRsSearcher({.url = qido_.url(), .profile = ServerProfile::kAws}, Client());
    const Query query = Query(Level::kInstance).Where("PatientID", "P1").Include("PatientName").Include("Modality");
    const SearchResult answer = Find(query);
    ASSERT_EQ(answer->size(), 1u);
    EXPECT_EQ(answer->front().series.size(), 2u);
    EXPECT_EQ(answer->front().attributes.Get(tag::kPatientName), "Doe^John");
    EXPECT_EQ(answer->front().series.back().attributes.Get(tag::kModality), "CT");
  }
  EXPECT_EQ(qido_.server().CountRequests("/dicom-web/instances"), 0u);
  EXPECT_EQ(qido_.server().CountRequests("/dicom-web/studies/1.2.1/instances"), 0u);
  refusal_ = 405;
  searcher_ = MakeQidoRsSearcher({.url = qido_.url()}, Client());
  EXPECT_EQ(Count(Query(Level::kInstance).Where("PatientID", "P1")), 3u);
}

TEST_F(QidoRsWalkTest, KeepsTheCallersWindow) {
  EXPECT_EQ(Count(Query(Level::kInstance).Where("PatientName", "Doe*").SetLimit(2)), 2u);
  EXPECT_EQ(Count(Query(Level::kInstance).Where("PatientName", "Doe*").SetOffset(2).SetLimit(2)), 1u);
}

TEST_F(QidoRsWalkTest, DoesNotWalkThroughAWholeArchive) {
  std::vector<Attributes> instances;
  for (int i = 1; i <= 1001; ++i) {
    instances.push_back(FakeInstance(i, 1, 1));
  }
  Serve(instances);
  ExpectFailure(Query(Level::kSeries).Where("Modality", "CT"), ErrorCode::kTooMany, "one STUDY per query");
  EXPECT_LT(Targets().size(), 20u);
}

// --- Profiles ---

TEST_F(QidoRsTest, AsksAzureInPagesThatItTakes) {
  searcher_ = MakeQidoRsSearcher({.url = qido_.url(), .profile = ServerProfile::kAzure}, Client());
  qido_.SetHabits({.default_limit = 100, .max_limit = 200});
  Serve(FakeSeries(1, 1, 450));
  EXPECT_EQ(Count(series_), 450u);
  for (const ReceivedRequest& request : qido_.server().Requests()) {
    EXPECT_THAT(request.target, HasSubstr("limit=200"));
    EXPECT_EQ(request.Header("accept"), "application/dicom+json");
  }
  EXPECT_LE(Targets().size(), 4u);
  EXPECT_EQ(Count(Query(series_).SetLimit(300)), 300u);
}

TEST_F(QidoRsTest, TakesAllThatAwsEverGivesForAPart) {
  searcher_ = MakeQidoRsSearcher({.url = qido_.url(), .profile = ServerProfile::kAws}, Client());
  std::vector<std::string> rows;
  for (int i = 0; i < 10000; ++i) {
    rows.push_back(StrCat(R"({"00080018":{"vr":"UI","Value":["1.2.1.1.)", i, R"("]}})"));
  }
  ServeJson("[" + Join(rows, ",") + "]");
  ExpectFailure(series_, ErrorCode::kTooMany, "a part of the result");
}

TEST_F(QidoRsTest, FiltersWildcardsHereForAzure) {
  searcher_ = MakeQidoRsSearcher({.url = qido_.url(), .profile = ServerProfile::kAzure}, Client());
  Serve({FakeInstance(1, 1, 1, "Doe^John"), FakeInstance(2, 1, 1, "Smith^Ann")});
  EXPECT_EQ(Count(Query(studies_).Where("PatientName", "Doe*").Where("StudyDate", "20200101-20201231")), 1u);
  for (const std::string& target : Targets()) {
    EXPECT_EQ(target.find("PatientName="), std::string::npos);
  }
  ExpectFailure(Query(studies_).Where("PatientName", "Doe*"), ErrorCode::kUnsupported, "PatientName");
}

// --- Whole answers ---

TEST_F(QidoRsTest, AsksOnceMoreForANewLongestAnswerOnly) {
  Serve(FakeSeries(1, 1, 30));
  EXPECT_EQ(Count(series_), 30u);
  EXPECT_THAT(Targets(), ElementsAre("/dicom-web/studies/1.2.1/series/1.2.1.1/instances",
                                     "/dicom-web/studies/1.2.1/series/1.2.1.1/instances?limit=100&offset=30"));
  Serve(FakeSeries(1, 1, 29));
  EXPECT_EQ(Count(series_), 29u);
  EXPECT_EQ(Targets().size(), 3u);
}

TEST_F(QidoRsTest, ListsASeriesWithOneRequestWhenItsStudyToldHowMany) {
  std::vector<Attributes> instances = FakeSeries(1, 1, 2000);
  for (Attributes& instance : instances) {
    instance.Set(tag::kNumberOfSeriesRelatedInstances, "2000");
    instance.Set(tag::kNumberOfStudyRelatedSeries, "1");
  }
  Serve(instances);
  EXPECT_EQ(Count(studies_), 1u);
  EXPECT_EQ(Count(Query::ForStudy({Uid("1.2.1")}, Level::kSeries)), 1u);
  const size_t before = Targets().size();
  EXPECT_EQ(Count(series_), 2000u);
  EXPECT_EQ(Targets().size(), before + 1);
}

TEST_F(QidoRsTest, AsksNoFurtherWhenTheOneThatIsNamedHasCome) {
  Serve({FakeInstance(1, 1, 1), FakeInstance(1, 2, 1), FakeInstance(2, 1, 1), FakeInstance(3, 1, 1)});
  EXPECT_EQ(Count(Query::ForStudy({Uid("1.2.2")}, Level::kStudy)), 1u);
  EXPECT_EQ(Count(Query::ForStudy({Uid("1.2.1")}, Level::kSeries).Where(tag::kSeriesInstanceUID, "1.2.1.2")), 1u);
  EXPECT_EQ(Targets().size(), 2u);
  qido_.SetHabits({.silent_cap = 1, .ignores_keys = true});
  EXPECT_EQ(Count(Query::ForStudy({Uid("1.2.3")}, Level::kStudy)), 1u);
  EXPECT_EQ(Targets().size(), 5u) << "one study per query";
  EXPECT_EQ(Count(Query::ForStudy({Uid("1.2.9")}, Level::kStudy)), 0u);
}

// The seed's bug 3: no paging, so that a server's limit silently shortens the answer.
TEST_F(QidoRsTest, FindsOutASilentLimit) {
  for (const size_t cap : {1u, 12u, 100u, 299u}) {
    qido_.SetHabits({.silent_cap = cap});
    Serve(FakeSeries(1, 1, 300));
    EXPECT_EQ(Count(series_), 300u) << cap;
  }
}

TEST_F(QidoRsTest, GoesOnFromADefaultLimit) {
  qido_.SetHabits({.default_limit = 100});
  Serve(FakeSeries(1, 1, 450));
  EXPECT_EQ(Count(series_), 450u);
}

TEST_F(QidoRsTest, KeepsToAPageSizeThatTheServerAccepts) {
  qido_.SetHabits({.default_limit = 20, .max_limit = 50, .warns = true});
  Serve(FakeSeries(1, 1, 90));
  EXPECT_EQ(Count(series_), 90u);
}

TEST_F(QidoRsTest, StopsWhereOffsetIsIgnored) {
  qido_.SetHabits({.ignores_offset = true});
  Serve(FakeSeries(1, 1, 30));
  EXPECT_EQ(Count(series_), 30u);
  EXPECT_EQ(Targets().size(), 2u);
  Serve(FakeSeries(1, 1, 80));
  EXPECT_EQ(Count(series_), 80u);
  EXPECT_EQ(Targets().size(), 3u);  // known by now
}

TEST_F(QidoRsTest, DoesNotReadAllOfItAgainWhereOffsetAndLimitAreIgnored) {
  // More than fits into the system's buffers.
  const auto all = std::make_shared<const std::string>(JsonRows(FakeSeries(1, 1, 20000)) + std::string(20000000, ' '));
  const auto sent = std::make_shared<std::atomic<size_t>>(0);
  qido_.server().SetHandler([all, sent](const ReceivedRequest& request, HttpReply& reply) {
    if (request.target.find("offset") == std::string::npos) {
      reply.Respond(200, "application/dicom+json", *all);
      return;
    }
    reply.Head(200, {{"Content-Type", "application/dicom+json"}, {"Content-Length", StrCat(all->size())}});
    constexpr size_t kPiece = 10000;
    for (size_t at = 0; at < all->size() && reply.Send(std::string_view(*all).substr(at, kPiece)); at += kPiece) {
      *sent = at;
    }
  });
  EXPECT_EQ(Count(series_), 20000u);
  EXPECT_LT(*sent, all->size() - 100000) << "none of it is new";
  EXPECT_EQ(Count(series_), 20000u);
  EXPECT_EQ(Targets().size(), 3u) << "known by now";
}

TEST_F(QidoRsTest, ThrowsTooManyWhereMoreIsPromisedButNotGiven) {
  qido_.SetHabits({.silent_cap = 10, .ignores_offset = true, .warns = true});
  Serve(FakeSeries(1, 1, 30));
  ExpectFailure(series_, ErrorCode::kTooMany);
  ExpectFailure(series_, ErrorCode::kTooMany);
}

TEST_F(QidoRsTest, ThrowsTooManyWhereAServerThatCannotPageCountsMore) {
  std::vector<Attributes> instances = FakeSeries(1, 1, 30);
  for (Attributes& instance : instances) {
    instance.Set(tag::kNumberOfSeriesRelatedInstances, "30");
  }
  qido_.SetHabits({.silent_cap = 10, .ignores_offset = true});
  Serve(instances);
  EXPECT_EQ(Count(Query::ForStudy({Uid("1.2.1")}, Level::kSeries)), 1u);
  ExpectFailure(series_, ErrorCode::kTooMany);
}

TEST_F(QidoRsTest, ThrowsTooManyForAWarningOnNothing) {
  ServeBody("application/dicom+json", "[]", 200,
            {{"Warning", "299 test: The number of results exceeded the maximum supported by the server"}});
  ExpectFailure(studies_, ErrorCode::kTooMany);
}

TEST_F(QidoRsTest, ThrowsTooManyOverItsOwnLimit) {
  searcher_ = MakeQidoRsSearcher({.url = qido_.url(), .page_size = 10, .max_rows = 25}, Client());
  qido_.SetHabits({.silent_cap = 10});
  Serve(FakeSeries(1, 1, 25));
  EXPECT_EQ(Count(series_), 25u);
  Serve(FakeSeries(1, 1, 26));
  ExpectFailure(series_, ErrorCode::kTooMany, "25");
}

TEST_F(QidoRsTest, EndsWhenAServerInventsRowsForEver) {
  searcher_ = MakeQidoRsSearcher({.url = qido_.url(), .page_size = 10, .max_rows = 200}, Client());
  qido_.server().SetHandler([](const ReceivedRequest& request, HttpReply& reply) {
    const int number = static_cast<int>(request.number);
    reply.Respond(200, "application/dicom+json", JsonRows({FakeInstance(number + 1, 1, 1)}));
  });
  ExpectFailure(studies_, ErrorCode::kTooMany);
}

TEST_F(QidoRsTest, MergesRowsThatPagesRepeat) {
  // Newest first: an instance that arrives between two pages moves all others on by one.
  qido_.server().SetHandler([](const ReceivedRequest& request, HttpReply& reply) {
    std::vector<Attributes> all = FakeSeries(1, 1, 7);
    size_t offset = 0;
    for (const auto& [name, value] : ParseQidoTarget(request.target).terms) {
      offset = name == "offset" ? std::stoul(value) : offset;
    }
    if (offset > 0) {
      all.insert(all.begin(), FakeInstance(1, 1, 8));
    }
    std::vector<Attributes> page;
    for (size_t i = offset; i < std::min(offset + 3, all.size()); ++i) {
      page.push_back(all[i]);
    }
    reply.Respond(200, "application/dicom+json", JsonRows(page));
  });
  EXPECT_EQ(Count(series_), 7u);
}

TEST_F(QidoRsTest, TakesAnAnswerWhoseWindowIsRefused) {
  Serve(FakeSeries(1, 1, 30));
  qido_.server().SetHandler([this](const ReceivedRequest& request, HttpReply& reply) {
    request.target.find("limit") != std::string::npos ? (void)reply.Respond(400, "text/plain", "limit?")
                                                      : qido_.Respond(request, reply);
  });
  EXPECT_EQ(Count(series_), 30u);
  ServeBody("text/plain", "no", 400);
  ExpectFailure(series_, ErrorCode::kProtocol);
}

TEST_F(QidoRsTest, IsUsedFromManyThreadsAtOnce) {
  Serve(FakeSeries(1, 1, 30));
  std::vector<std::jthread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 5; ++n) {
        EXPECT_EQ(Count(series_), 30u);
        EXPECT_EQ(Count(Query(studies_).Where("PatientName", "Doe^J*")), 1u);
        EXPECT_EQ(Count(Query::ForStudy({Uid("1.2.1")}, Level::kSeries)), 1u);
      }
    });
  }
}

// --- The caller's limit ---

TEST_F(QidoRsTest, StopsAtTheCallersLimit) {
  qido_.SetHabits({.silent_cap = 10, .warns = true});
  Serve(FakeSeries(1, 1, 100));
  EXPECT_EQ(Count(Query(series_).SetLimit(5)), 5u);
  EXPECT_THAT(Targets(), ElementsAre(HasSubstr("?limit=5")));
  EXPECT_EQ(Count(Query(series_).SetLimit(25)), 25u);
  EXPECT_EQ(Count(Query(series_).SetLimit(25).SetOffset(90)), 10u);
}

TEST_F(QidoRsTest, CountsTheLimitInRowsThatMatch) {
  std::vector<Attributes> instances;
  for (int i = 1; i <= 20; ++i) {
    instances.push_back(FakeInstance(i, 1, 1, i % 2 == 0 ? "Even^" + std::to_string(i) : "Odd"));
  }
  Serve(instances);
  qido_.SetHabits({.ignores_keys = true});
  const Query even = Query(studies_).Where("PatientName", "Even*");
  EXPECT_EQ(Count(Query(even).SetLimit(4)), 4u);
  const SearchResult window = Find(Query(even).SetLimit(3).SetOffset(2));
  ASSERT_EQ(window->size(), 3u);
  EXPECT_EQ(window->front().uid.str(), "1.2.6");
}

// --- Questions that servers misunderstand ---

TEST_F(QidoRsTest, LeavesOutWhatTheServerShouldNotHaveSent) {
  Serve({FakeInstance(1, 1, 1, "Doe^John"), FakeInstance(2, 1, 1, "Smith^Ann")});
  qido_.SetHabits({.ignores_keys = true});
  EXPECT_EQ(Count(Query(studies_).Where("PatientName", "Smith*")), 1u);
  EXPECT_EQ(Count(Query(studies_).Where("PatientName", "Nobody*")), 0u);
}

TEST_F(QidoRsTest, LeavesOutRowsWithoutTheAttributeOnceTheKeyIsKnownToBeIgnored) {
  Attributes nameless = FakeInstance(3, 1, 1);
  Attributes row;
  nameless.ForEach([&](Tag tag, std::string_view value) {
    if (tag != tag::kPatientName) {
      row.Set(tag, value);
    }
  });
  Serve({FakeInstance(1, 1, 1, "Doe^John"), FakeInstance(2, 1, 1, "Smith^Ann"), row});
  qido_.SetHabits({.ignores_keys = true});
  EXPECT_EQ(Count(Query(studies_).Where("PatientName", "Smith*")), 1u);
}

TEST_F(QidoRsTest, RefusesAKeyThatIsNeitherReturnedNorKnownToBeHonoured) {
  Serve({FakeInstance(1, 1, 1)});
  ExpectFailure(Query(studies_).Where("InstitutionName", "Here*"), ErrorCode::kUnsupported, "InstitutionName");
  EXPECT_THAT(Targets()[0], HasSubstr("InstitutionName=Here*&includefield=InstitutionName"));
}

TEST_F(QidoRsTest, RefusesFuzzyMatchingThatTheServerDoesNotHave) {
  ServeBody(
      "application/dicom+json", JsonRows({FakeInstance(1, 1, 1)}), 200,
      {{"Warning", "299 test: The fuzzymatching parameter is not supported. Only literal matching has been done."}});
  ExpectFailure(Query(studies_).Where("PatientName", "Doe").SetFuzzy(true), ErrorCode::kUnsupported, "fuzzy");
  EXPECT_EQ(Count(Query(studies_).Where("PatientName", "Doe*")), 1u);
}

TEST_F(QidoRsTest, AsksStudiesForWhatIsComputedForStudies) {
  std::vector<Attributes> instances = {FakeInstance(1, 1, 1), FakeInstance(1, 2, 1), FakeInstance(2, 1, 1)};
  for (Attributes& instance : instances) {
    instance.Set(tag::kModalitiesInStudy, instance.Get(tag::kStudyInstanceUID) == "1.2.1" ? "CT\\SR" : "MR");
  }
  Serve(instances);
  const Query query = Query(Level::kSeries).Where("ModalitiesInStudy", "SR").Where("Modality", "C*");
  const SearchResult answer = Find(query);
  ASSERT_EQ(answer->size(), 1u);
  EXPECT_EQ(answer->front().series.size(), 2u);
  for (const std::string& target : Targets()) {
    EXPECT_EQ(target.find("/series") != std::string::npos, target.find("ModalitiesInStudy=") == std::string::npos);
  }
  EXPECT_EQ(Count(Query(Level::kSeries).Where("ModalitiesInStudy", "US")), 0u);
}

TEST_F(QidoRsTest, AsksForTheSeriesOfManyStudiesAtOnce) {
  std::vector<Attributes> instances;
  for (int i = 1; i <= 40; ++i) {
    instances.push_back(FakeInstance(i, 1, 1));
    instances.back().Set(tag::kModalitiesInStudy, i % 2 == 0 ? "CT" : "MR");
  }
  Serve(instances);
  EXPECT_EQ(Count(Query(Level::kSeries).Where("ModalitiesInStudy", "CT")), 20u);
  EXPECT_LT(Targets().size(), 6u);
}

// --- Servers that do not decode ---

class QidoRsEncodingTest : public QidoRsTest {
 protected:
  // As Debian's Orthanc: takes the query string as it is, and refuses what is no number there.
  void ServeWithoutDecoding() {
    qido_.server().SetHandler([this](const ReceivedRequest& request, HttpReply& reply) {
      if (request.target.find("limit=%") != std::string::npos) {
        reply.Respond(400, "application/json", R"({"Message":"Bad file format"})");
      } else if (request.target.find('%') != std::string::npos) {
        reply.Respond(200, "application/dicom+json", "[]");
      } else {
        qido_.Respond(request, reply);
      }
    });
  }
};

TEST_F(QidoRsEncodingTest, EncodesWhereTheServerDecodes) {
  Serve({FakeInstance(1, 1, 1, "Doe^John"), FakeInstance(2, 1, 1, "DoeXJohn")});
  EXPECT_EQ(Count(Query(studies_).Where("PatientName", "Doe^John")), 1u);
  EXPECT_EQ(Targets()[0], "/dicom-web/studies?limit=%31");
  EXPECT_EQ(Targets()[1], "/dicom-web/studies?PatientName=Doe%5EJohn");
}

TEST_F(QidoRsEncodingTest, AsksWithWildcardsAndFiltersWhereItDoesNot) {
  Serve({FakeInstance(1, 1, 1, "Doe^John"), FakeInstance(2, 1, 1, "DoeXJohn"), FakeInstance(3, 1, 1, "Müller^Jürgen"),
         FakeInstance(4, 1, 1, "Miller^Jorgen")});
  ServeWithoutDecoding();
  EXPECT_EQ(Count(Query(studies_).Where("PatientName", "Doe^John")), 1u);
  const SearchResult answer = Find(Query(studies_).Where("PatientName", "Müller^J*"));
  ASSERT_EQ(answer->size(), 1u);
  EXPECT_EQ(answer->front().uid.str(), "1.2.3");
  EXPECT_EQ(qido_.server().CountRequests("limit=%31"), 1u);
}

TEST_F(QidoRsEncodingTest, DoesNotProbeWithoutNeed) {
  Serve({FakeInstance(1, 1, 1, "Doe^John")});
  EXPECT_EQ(Count(Query(studies_).Where("PatientName", "Doe*").Where("PatientID", "P1")), 1u);
  EXPECT_EQ(qido_.server().CountRequests("%31"), 0u);
}

TEST_F(QidoRsEncodingTest, LearnsNothingFromAFailedProbe) {
  ServeBody("text/plain", "no", 503);
  ExpectFailure(Query(studies_).Where("PatientName", "Doe^John"), ErrorCode::kUnavailable);
  Serve({FakeInstance(1, 1, 1, "Doe^John")});
  ServeWithoutDecoding();
  EXPECT_EQ(Count(Query(studies_).Where("PatientName", "Doe^John")), 1u);
}

}  // namespace
}  // namespace trolley
