// Series listed by Orthanc's own REST interface, and how Orthanc is recognised.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "orthanc/orthanc_searcher.h"
#include "search/qido/fake_qido.h"
#include "support/orthanc_fake.h"
#include "trolley/error.h"
#include "trolley/http_client.h"
#include "trolley/searchers.h"

namespace trolley {
namespace {

using testing::IsEmpty;
using testing::UnorderedElementsAre;

std::map<InstanceReference, std::string> Content() {
  std::map<InstanceReference, std::string> content;
  for (int i = 1; i <= 3; ++i) {
    content[{Uid("1.2.1"), Uid("1.2.1.1"), Uid("1.2.1.1." + std::to_string(i))}] =
        std::string(100 * static_cast<size_t>(i), 'x');
  }
  return content;
}

// As Orthanc answers: with the count of each series.
std::vector<Attributes> Rows(int count) {
  std::vector<Attributes> rows = FakeSeries(1, 1, count);
  for (Attributes& row : rows) {
    row.Set(tag::kNumberOfSeriesRelatedInstances, std::to_string(count));
  }
  return rows;
}

// Orthanc with DICOMweb; both have the same three instances.
class OrthancListingTest : public testing::Test {
 protected:
  void Make(OrthancRest::Basis basis) {
    const auto http = std::make_shared<HttpClient>(HttpOptions());
    rest_ = std::make_shared<OrthancRest>(orthanc_.server().Url(), http, basis);
    searcher_ = MakeOrthancSizesSearcher(MakeQidoRsSearcher({.url = orthanc_.server().Url("/dicom-web")}, http), rest_);
  }
  SearchResult Find(const Query& query) {
    return searcher_->Find(query, Context::WithTimeout(std::chrono::seconds(30)));
  }
  // Number and size of each instance, -1 for a size that is not told.
  std::vector<std::pair<int64_t, int64_t>> List(const Query& query) {
    std::vector<std::pair<int64_t, int64_t>> listed;
    const SearchResult answer = Find(query);
    for (const Study& study : *answer) {
      for (const Series& series : study.series) {
        for (const Instance& instance : series.instances) {
          listed.emplace_back(instance.attributes.Number(tag::kInstanceNumber).value_or(-1),
                              instance.size ? static_cast<int64_t>(*instance.size) : -1);
        }
      }
    }
    return listed;
  }
  // How often DICOMweb, and anything else, was asked since the last time.
  std::pair<size_t, size_t> Asked() {
    const size_t all = orthanc_.server().CountRequests();
    const size_t web = orthanc_.server().CountRequests("/dicom-web/");
    const std::pair<size_t, size_t> asked{web - web_before_, all - web - (all_before_ - web_before_)};
    all_before_ = all;
    web_before_ = web;
    return asked;
  }

  using Listed = std::vector<std::pair<int64_t, int64_t>>;
  const Listed all_{{1, 100}, {2, 200}, {3, 300}};
  FakeQido qido_{Rows(3)};
  FakeOrthanc orthanc_{Content(), [this](const ReceivedRequest& request, HttpReply& reply) {
                         if (request.target.starts_with("/dicom-web/")) {
                           qido_.Respond(request, reply);
                         } else {
                           reply.Respond(404, "text/html", "<html>no</html>");
                         }
                       }};
  const Query series_ = Query::ForSeries({Uid("1.2.1"), Uid("1.2.1.1")}).Include(tag::kInstanceNumber).IncludeSize();
  std::shared_ptr<OrthancRest> rest_;
  std::unique_ptr<Searcher> searcher_;
  size_t all_before_ = 0;
  size_t web_before_ = 0;
};

TEST_F(OrthancListingTest, ListsASeriesWithoutDicomWeb) {
  Make(OrthancRest::Basis::kConfigured);
  EXPECT_EQ(List(series_), all_);
  EXPECT_THAT(orthanc_.server().Targets(),
              UnorderedElementsAre("/system", "/tools/find", "/series/b0/instances", "/series/b0/statistics"));
  const SearchResult answer = Find(series_);
  ASSERT_EQ(answer->size(), 1u);
  EXPECT_EQ(answer->front().uid.str(), "1.2.1");
  EXPECT_EQ(answer->front().attributes.Get(tag::kStudyInstanceUID), "1.2.1");
  EXPECT_EQ(answer->front().series.front().uid.str(), "1.2.1.1");
  EXPECT_EQ(answer->front().series.front().instances.front().attributes.Get(tag::kSOPInstanceUID), "1.2.1.1.1");
}

TEST_F(OrthancListingTest, AsksDicomWebWhatRestDoesNotTell) {
  Make(OrthancRest::Basis::kConfigured);
  const Query plain = Query::ForSeries({Uid("1.2.1"), Uid("1.2.1.1")});
  for (const Query& query :
       {plain, Query(plain).Include(tag::kRows), Query(series_).Include(tag::kModality), Query(series_).SetLimit(2),
        Query(series_).SetOffset(1), Query(series_).Where(tag::kInstanceNumber, "2"),
        Query(Level::kInstance).Where(tag::kSeriesInstanceUID, "1.2.1.1").IncludeSize(),
        Query::ForStudy({Uid("1.2.1")}, Level::kInstance).IncludeSize()}) {
    Asked();
    EXPECT_THAT(List(query), testing::Not(IsEmpty())) << query.Describe();
    EXPECT_GE(Asked().first, 1u) << query.Describe();
  }
}

std::string Described(const std::string& id, const std::string& more, const std::string& uid) {
  return StrCat(R"({"ID":")", id, R"(",)", more, R"("MainDicomTags":{"InstanceNumber":"1","SOPInstanceUID":")", uid,
                R"("}})");
}

TEST_F(OrthancListingTest, AnyDoubtIsForDicomWeb) {
  const std::string one = Described("a0", R"("FileSize":100,)", "1.2.1.1.1");
  const std::string two = Described("a1", R"("FileSize":200,)", "1.2.1.1.2");
  const auto three = [&](const std::string& third) { return StrCat("[", one, ",", two, ",", third, "]"); };
  const std::string right = three(Described("a2", R"("FileSize":300,)", "1.2.1.1.3"));
  Make(OrthancRest::Basis::kConfigured);
  orthanc_.Describe(right, 600);
  Find(series_);
  Asked();
  Find(series_);
  EXPECT_EQ(Asked().first, 0u) << "the others would be of no use";
  for (const auto& [instances, bytes] : std::vector<std::pair<std::string, uint64_t>>{
           {right, 599},
           {right, 600 + (uint64_t{1} << 32)},
           {three(Described("a2", R"("FileSize":300,)", "1.2.1.1.2")), 600},
           {three(Described("a2", R"("FileSize":0,)", "1.2.1.1.3")), 300},
           {three(Described("a2", "", "1.2.1.1.3")), 300},
           {three(Described("a2", R"("FileSize":-1,)", "1.2.1.1.3")), 300},
           {three(Described("a2", R"("FileSize":300,"ParentSeries":"b1",)", "1.2.1.1.3")), 600},
           {three(Described("../x", R"("FileSize":300,)", "1.2.1.1.3")), 600},
           {three(Described("a2", R"("FileSize":300,)", "../x")), 600},
           {three("7"), 300},
           {three("[]"), 300},
           {StrCat("[", one, ",", two, "]"), 300},
           {StrCat("[", one, ",", two), 300},
           {"[]", 0},
           {"{}", 0},
           {"", 0},
           {"<html>", 0}}) {
    SCOPED_TRACE(instances);
    orthanc_.Describe(instances.empty() ? " " : instances, bytes);
    Asked();
    const Listed listed = List(series_);
    ASSERT_EQ(listed.size(), 3u);
    EXPECT_GE(Asked().first, 1u);
    EXPECT_EQ(listed[2].first, 3);
  }
}

TEST_F(OrthancListingTest, WhatIsNotThereIsForDicomWebToSay) {
  Make(OrthancRest::Basis::kConfigured);
  const Query other = Query::ForSeries({Uid("1.2.9"), Uid("1.2.9.1")}).Include(tag::kInstanceNumber).IncludeSize();
  EXPECT_THAT(List(other), IsEmpty());
  EXPECT_GE(Asked().first, 1u);
  orthanc_.Empty();
  EXPECT_EQ(List(series_).size(), 3u);
}

TEST_F(OrthancListingTest, ARefusalIsForDicomWeb) {
  for (const auto& [part, status] : std::vector<std::pair<std::string, int>>{{"/system", 403},
                                                                             {"/tools", 404},
                                                                             {"/tools", 500},
                                                                             {"/series/b0/i", 404},
                                                                             {"/statistics", 404},
                                                                             {"/series/b0", 200}}) {
    SCOPED_TRACE(part + " " + std::to_string(status));
    orthanc_.Refuse(part, status);
    Make(OrthancRest::Basis::kConfigured);
    EXPECT_EQ(List(series_).size(), 3u);
  }
}

TEST_F(OrthancListingTest, ASeriesThatIsNoMoreSaysNothingOfTheOthers) {
  Make(OrthancRest::Basis::kConfigured);
  orthanc_.Refuse("/statistics", 404);
  EXPECT_EQ(List(series_).size(), 3u);
  orthanc_.Refuse("", 0);
  Asked();
  EXPECT_EQ(List(series_), all_);
  EXPECT_EQ(Asked().first, 0u);
}

// As deep as fits into an answer: who follows that by recursion has no stack left.
TEST_F(OrthancListingTest, AnAnswerOfAnyDepthIsRefused) {
  constexpr size_t kDepth = 500000;
  const std::string deep = std::string(kDepth, '[') + std::string(kDepth, ']');
  for (const char* const part : {"/system", "/plugins", "/tools", "/series/b0/i", "/statistics"}) {
    SCOPED_TRACE(part);
    for (const auto basis : {OrthancRest::Basis::kDetected, OrthancRest::Basis::kConfigured}) {
      orthanc_.Refuse(part, 200, R"({"ApiVersion":16,"Version":"1.10.1","ID":"dicom-web","a":)" + deep + "}");
      Make(basis);
      EXPECT_EQ(List(series_).size(), 3u);
      orthanc_.Refuse(part, 200, R"([{"ID":"a0","FileSize":100,"a":)" + deep + "}]");
      Make(basis);
      EXPECT_EQ(List(series_).size(), 3u);
      EXPECT_EQ(List(Query(series_).Where(tag::kSOPInstanceUID, "1.2.1.1.1")).size(), 1u);
    }
  }
}

TEST_F(OrthancListingTest, AGuessIsConfirmedOnce) {
  Make(OrthancRest::Basis::kDetected);
  EXPECT_FALSE(rest_->IsKnownAvailable({}));
  EXPECT_EQ(Asked().second, 0u);
  EXPECT_EQ(List(series_), all_);
  EXPECT_EQ(List(series_), all_);
  EXPECT_EQ(orthanc_.server().CountRequests("/instances?"), 0u) << "DICOMweb lists nothing, it only counts";
  EXPECT_EQ(orthanc_.server().CountRequests("/system"), 1u);
  EXPECT_EQ(orthanc_.server().CountRequests("/plugins"), 1u);
  EXPECT_TRUE(rest_->IsKnownAvailable({}));
}

TEST_F(OrthancListingTest, WhereDicomWebIsAnotherArchiveThatHasMoreItLists) {
  qido_.SetInstances(Rows(4));
  Make(OrthancRest::Basis::kDetected);
  const Listed listed = List(series_);
  ASSERT_EQ(listed.size(), 4u);
  EXPECT_EQ(listed.back().first, 4);
}

TEST_F(OrthancListingTest, AGuessIsMadeOnlyWhereSizesAreWanted) {
  Make(OrthancRest::Basis::kDetected);
  Find(Query(Level::kStudy));
  Find(Query::ForStudy({Uid("1.2.1")}, Level::kSeries));
  Find(Query::ForSeries({Uid("1.2.1"), Uid("1.2.1.1")}));
  EXPECT_EQ(Asked().second, 0u);
}

TEST_F(OrthancListingTest, AWrongGuessCostsOneRequest) {
  for (const auto& [part, status] : std::vector<std::pair<std::string, int>>{
           {"/system", 404}, {"/system", 401}, {"/system", 403}, {"/system", 200}, {"/system", 500}}) {
    SCOPED_TRACE(status);
    orthanc_.Refuse(part, status);
    Make(OrthancRest::Basis::kDetected);
    Asked();
    for (int i = 0; i < 3; ++i) {
      EXPECT_EQ(List(series_), (Listed{{1, -1}, {2, -1}, {3, -1}}));
    }
    EXPECT_EQ(Asked().second, 1u);
    EXPECT_FALSE(rest_->IsKnownAvailable({}));
  }
}

TEST_F(OrthancListingTest, AnOrthancWithoutDicomWebIsNotTheArchive) {
  for (const int status : {404, 401, 200}) {
    orthanc_.Refuse("/plugins", status);
    Make(OrthancRest::Basis::kDetected);
    EXPECT_EQ(List(series_), (Listed{{1, -1}, {2, -1}, {3, -1}}));
  }
}

TEST_F(OrthancListingTest, AGuessFollowsNoRedirect) {
  FakeHttpServer other([](const ReceivedRequest&, HttpReply& reply) {
    reply.Respond(200, "application/json", R"({"ApiVersion":16,"Version":"1.10.1","ID":"dicom-web"})");
  });
  orthanc_.server().SetHandler([&](const ReceivedRequest& request, HttpReply& reply) {
    if (request.target.starts_with("/dicom-web/")) {
      qido_.Respond(request, reply);
    } else {
      reply.Respond(302, "text/plain", "", {{"Location", other.Url(request.target)}});
    }
  });
  Make(OrthancRest::Basis::kDetected);
  EXPECT_EQ(List(series_), (Listed{{1, -1}, {2, -1}, {3, -1}}));
  EXPECT_EQ(other.CountRequests(), 0u);
}

TEST_F(OrthancListingTest, AGuessThatHangsCostsTwoSeconds) {
  orthanc_.server().SetHandler([&](const ReceivedRequest& request, HttpReply& reply) {
    request.target.starts_with("/dicom-web/") ? qido_.Respond(request, reply) : reply.Hang();
  });
  Make(OrthancRest::Basis::kDetected);
  const auto begin = Clock::now();
  EXPECT_EQ(List(series_).size(), 3u);
  EXPECT_EQ(List(series_).size(), 3u);
  EXPECT_LT(Clock::now() - begin, std::chrono::seconds(10));
  EXPECT_EQ(orthanc_.server().CountRequests("/system"), 1u);
}

TEST_F(OrthancListingTest, AnInterruptedGuessIsMadeAgain) {
  std::stop_source stop;
  orthanc_.server().SetHandler([&](const ReceivedRequest&, HttpReply& reply) {
    stop.request_stop();
    reply.Hang();
  });
  Make(OrthancRest::Basis::kDetected);
  try {
    searcher_->Find(series_, {stop.get_token()});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCancelled);
  }
  orthanc_.server().SetHandler([&](const ReceivedRequest& request, HttpReply& reply) {
    if (request.target == "/system" || request.target == "/plugins/dicom-web") {
      reply.Respond(200, "application/json", R"({"ApiVersion":16,"Version":"1.10.1","ID":"dicom-web"})");
    } else {
      qido_.Respond(request, reply);
    }
  });
  EXPECT_TRUE(rest_->IsAvailable({}));
}

}  // namespace
}  // namespace trolley
