#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "download/downloader_contract.h"
#include "download/recording_sink.h"
#include "download/wado/fake_wado.h"
#include "trolley/downloaders.h"
#include "trolley/http_client.h"

namespace trolley {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kStored = R"(multipart/related; type="application/dicom"; transfer-syntax=*)";

InstanceReference Ref(int series, int instance) {
  const std::string study = "1.2.3";
  const std::string of_series = study + "." + std::to_string(series);
  return {Uid(study), Uid(of_series), Uid(of_series + "." + std::to_string(instance))};
}

// Every byte value, and what looks like delimiters.
std::string Payload(size_t size, int seed) {
  std::string data = "\r\n--b\r\n--b1--\r\n\r\n";
  uint32_t state = static_cast<uint32_t>(seed) * 2654435761u + 1;
  while (data.size() < size) {
    state = state * 1664525u + 1013904223u;
    data.push_back(static_cast<char>(state >> 24));
  }
  return data;
}

std::map<InstanceReference, std::string> Content() {
  std::map<InstanceReference, std::string> content;
  for (int i = 1; i <= 20; ++i) {
    content[Ref(1, i)] = FakePart10(Ref(1, i).instance.str(), Payload(3000 + static_cast<size_t>(i), i));
  }
  for (int i = 1; i <= 3; ++i) {
    content[Ref(2, i)] = FakePart10(Ref(2, i).instance.str(), Payload(200000, i));
  }
  return content;
}

std::shared_ptr<HttpClient> Client(std::chrono::seconds stall_timeout = std::chrono::seconds(30)) {
  HttpOptions options;
  options.stall_timeout = stall_timeout;
  return std::make_shared<HttpClient>(options);
}

// --- The contract ---

class WadoWorld : public DownloadWorld {
 public:
  WadoWorld() : wado_(Content()), downloader_(MakeWadoRsDownloader({wado_.url()}, Client(DownloadWorld::patience))) {}
  Downloader& downloader() override { return *downloader_; }
  const std::map<InstanceReference, std::string>& content() const override { return wado_.content(); }
  void Refuse() override {
    downloader_ = MakeWadoRsDownloader({"http://127.0.0.1:1/dicom-web"}, Client(DownloadWorld::patience));
  }
  void FallSilent() override { wado_.SetMood(FakeWado::Mood::kSilent); }
  void CutOff() override { wado_.SetMood(FakeWado::Mood::kCutting); }
  void Recover() override { wado_.SetMood(FakeWado::Mood::kWell); }

 private:
  FakeWado wado_;
  std::unique_ptr<Downloader> downloader_;
};

using enum DownloadCase;
INSTANTIATE_TEST_SUITE_P(WadoRs, DownloaderContract,
                         testing::ValuesIn(DownloadContractParams(
                             "WadoRs", [] { return std::make_unique<WadoWorld>(); },
                             {kOne, kMany, kNone, kRefused, kTimeout, kTruncated, kCancelled, kRecovers})),
                         DownloadContractName);

// --- What servers really send ---

class WadoRsTest : public testing::Test {
 protected:
  using Handler = FakeHttpServer::Handler;

  void Serve(Handler handler) { wado_.server().SetHandler(std::move(handler)); }
  // The same response to everything.
  void Serve(const std::string& content_type, const std::string& body, int status = 200) {
    Serve([=](const ReceivedRequest&, HttpReply& reply) { reply.Respond(status, content_type, body); });
  }
  // Head and body as given; the connection ends after them.
  void ServeRaw(const HttpReply::Headers& headers, const std::string& body) {
    Serve([=](const ReceivedRequest&, HttpReply& reply) {
      reply.Head(200, headers);
      reply.Send(body);
      reply.Close();
    });
  }

  std::optional<ErrorCode> Get(const std::vector<InstanceReference>& instances) {
    return CodeOf([&] { downloader_->Download(instances, sink_, Context::WithTimeout(std::chrono::seconds(30))); });
  }
  void ExpectWhole(const InstanceReference& instance) {
    sink_ = RecordingSink();
    EXPECT_EQ(Get({instance}), std::nullopt);
    EXPECT_TRUE(sink_.whole == (std::map<InstanceReference, std::string>{{instance, Bytes(instance)}}))
        << "not the exact bytes; " << sink_.messages[instance];
  }
  void ExpectFailed(ErrorCode code, const std::string& message) {
    sink_ = RecordingSink();
    EXPECT_EQ(Get({one_}), std::nullopt);
    EXPECT_TRUE(sink_.whole.empty());
    EXPECT_EQ(sink_.failed, (std::map<InstanceReference, ErrorCode>{{one_, code}}));
    EXPECT_THAT(sink_.messages[one_], HasSubstr(message));
    EXPECT_THAT(sink_.messages[one_], testing::StartsWith("Cannot download instance 1.2.3.1.1: "));
  }
  const std::string& Bytes(const InstanceReference& instance) const { return wado_.content().at(instance); }
  std::vector<std::string> Accepts() {
    std::vector<std::string> accepts;
    for (const ReceivedRequest& request : wado_.server().Requests()) {
      accepts.push_back(request.Header("accept"));
    }
    return accepts;
  }
  std::vector<InstanceReference> FirstOfSeries(int count) const {
    std::vector<InstanceReference> refs;
    for (int i = 1; i <= count; ++i) {
      refs.push_back(Ref(1, i));
    }
    return refs;
  }

  RecordingSink sink_;
  const InstanceReference one_ = Ref(1, 1);
  const std::string file_ = Content().at(one_);
  FakeWado wado_{Content()};  // after what its handlers use
  std::unique_ptr<Downloader> downloader_ = MakeWadoRsDownloader({wado_.url() + "/"}, Client());
};

// The seed's bug 6: it sends no Accept header, so that servers decompress; and see the single parts below.
TEST_F(WadoRsTest, AsksForStoredBytesOfOneInstanceWithoutEncoding) {
  ExpectWhole(one_);
  ASSERT_EQ(wado_.server().Requests().size(), 1u);
  const ReceivedRequest request = wado_.server().Requests()[0];
  EXPECT_EQ(request.method, "GET");
  EXPECT_EQ(request.target, "/dicom-web/studies/1.2.3/series/1.2.3.1/instances/1.2.3.1.1");
  EXPECT_EQ(request.Header("accept"), kStored);
  EXPECT_EQ(request.Header("accept-encoding"), "");
  EXPECT_EQ(request.Header("range"), "");
}

TEST_F(WadoRsTest, TakesAPartByItsLengthWhateverItHolds) {
  const std::string tricky = FakePart10("1.2.3.1.1", "\r\n--b0\r\n\r\n--b0--\r\n");
  Serve(kMultipartType, MultipartBody({{tricky}}));
  EXPECT_EQ(Get({one_}), std::nullopt);
  EXPECT_EQ(sink_.whole[one_], tricky);
}

TEST_F(WadoRsTest, TellsTheLengthOfThePart) {
  ExpectWhole(one_);
  EXPECT_EQ(sink_.lengths[one_], Bytes(one_).size());
}

TEST_F(WadoRsTest, TakesTheFormsThatServersUse) {
  const std::string body = MultipartBody({{file_}});
  const std::string no_length = MultipartBody({{file_, false}});
  const std::vector<std::pair<std::string, std::string>> forms = {
      {R"(multipart/related; boundary="b0"; type="application/dicom")", body},
      {"Multipart/Related; Boundary=b0", no_length},
      {"multipart/related", body},                           // boundary not named
      {"multipart/related; type=application/dicom", file_},  // not multipart at all
      {"application/dicom", file_},
      {"application/dicom; transfer-syntax=1.2.840.10008.1.2.1", file_},
      {"application/octet-stream", file_},
      {kMultipartType, "a preamble\r\nfor old readers" + body + "an epilogue"},
      {kMultipartType, body.substr(2)},
  };
  for (const auto& [type, bytes] : forms) {
    SCOPED_TRACE(type);
    Serve(type, bytes);
    ExpectWhole(one_);
  }
}

TEST_F(WadoRsTest, TakesAnAnswerWithoutContentType) {
  ServeRaw({{"Content-Length", std::to_string(file_.size())}}, file_);
  ExpectWhole(one_);
}

TEST_F(WadoRsTest, TakesAMultipartAnswerThatEndsWithTheConnection) {
  ServeRaw({{"Content-Type", kMultipartType}, {"Connection", "close"}}, MultipartBody({{file_, false}}));
  ExpectWhole(one_);
  EXPECT_EQ(sink_.lengths[one_], std::nullopt);
}

// The seed's bug 5: it drops a part that was cut off without a word, and keeps the line break before the delimiter.
TEST_F(WadoRsTest, FailsWithoutTheClosingDelimiter) {
  for (const FakePart& part : {FakePart{file_, true}, FakePart{file_, false}}) {
    for (const std::string end : {"", "\r\n--b0", "\r\n--b0\r\n"}) {
      ServeRaw({{"Content-Type", kMultipartType}, {"Connection", "close"}}, MultipartBody({part}, "b0", false) + end);
      ExpectFailed(ErrorCode::kProtocol, "cut off");
    }
  }
}

TEST_F(WadoRsTest, FailsWhenTheEndOfABareFileCannotBeTold) {
  ServeRaw({{"Content-Type", "application/dicom"}, {"Connection", "close"}}, file_);
  ExpectFailed(ErrorCode::kProtocol, "lost connection");
}

TEST_F(WadoRsTest, FailsWhenABareFileIsShorterThanPromised) {
  ServeRaw({{"Content-Type", "application/dicom"}, {"Content-Length", std::to_string(file_.size() + 1)}}, file_);
  sink_ = RecordingSink();
  const auto thrown = Get({one_});
  EXPECT_TRUE(thrown.has_value() || sink_.failed.contains(one_));
  EXPECT_TRUE(sink_.whole.empty());
}

TEST_F(WadoRsTest, FailsWhenAPartIsNotAsLongAsItSays) {
  for (const int difference : {-7, 9}) {
    const std::string length = std::to_string(static_cast<int>(file_.size()) + difference);
    Serve(kMultipartType, "--b0\r\nContent-Length: " + length + "\r\n\r\n" + file_ + "\r\n--b0--\r\n");
    ExpectFailed(ErrorCode::kProtocol, "multipart");
  }
}

TEST_F(WadoRsTest, FailsForAnotherInstanceBeforeAnyOfItsBytes) {
  Serve(kMultipartType, MultipartBody({{Bytes(Ref(1, 2))}}));
  ExpectFailed(ErrorCode::kProtocol, "another instance, 1.2.3.1.2");
  EXPECT_TRUE(sink_.lengths.empty());
  Serve("application/dicom", Bytes(Ref(1, 2)));
  ExpectFailed(ErrorCode::kProtocol, "another instance, 1.2.3.1.2");
}

TEST_F(WadoRsTest, FailsForWhatIsNotDicom) {
  const std::string page = "<html><body>Please log in</body></html>";
  const std::vector<std::pair<std::string, std::string>> responses = {
      {"text/html; charset=utf-8", page},
      {"application/json", "{}"},
      {"application/dicom+json", "[]"},
      {"application/dicom", page},
      {"application/dicom", std::string(1234, '\0')},
      {kMultipartType, MultipartBody({{page}})},
      {kMultipartType, MultipartBody({{file_.substr(0, 140)}})},  // ends within its meta group
      {kMultipartType, MultipartBody({})},
      {kMultipartType, ""},
      {"application/dicom", ""},
      {"multipart/related", "--"},
  };
  for (const auto& [type, body] : responses) {
    SCOPED_TRACE(type + " " + body.substr(0, 20));
    Serve(type, body);
    ExpectFailed(ErrorCode::kProtocol, "");
  }
}

TEST_F(WadoRsTest, FailsForNoContent) {
  Serve([](const ReceivedRequest&, HttpReply& reply) { reply.Head(204, {}); });
  ExpectFailed(ErrorCode::kProtocol, "no content");
}

TEST_F(WadoRsTest, FailsForCompressionThatNobodyAskedFor) {
  Serve([this](const ReceivedRequest&, HttpReply& reply) {
    reply.Respond(200, kMultipartType, MultipartBody({{file_}}), {{"Content-Encoding", "gzip"}});
  });
  ExpectFailed(ErrorCode::kProtocol, "not requested");
}

TEST_F(WadoRsTest, SaysMissingFor404And410) {
  for (const int status : {404, 410}) {
    Serve("text/html", "not here", status);
    sink_ = RecordingSink();
    EXPECT_EQ(Get({one_}), std::nullopt);
    EXPECT_EQ(sink_.missing, std::vector{one_});
  }
}

TEST_F(WadoRsTest, ThrowsWhatTheStatusMeans) {
  const std::vector<std::pair<int, ErrorCode>> statuses = {{401, ErrorCode::kAccessDenied},
                                                           {500, ErrorCode::kUnavailable},
                                                           {503, ErrorCode::kUnavailable},
                                                           {504, ErrorCode::kTimedOut},
                                                           {429, ErrorCode::kUnavailable}};
  for (const auto& [status, code] : statuses) {
    Serve("text/plain", "no", status);
    sink_ = RecordingSink();
    EXPECT_EQ(Get({one_}), code) << status;
    EXPECT_TRUE(sink_.whole.empty() && sink_.missing.empty());
  }
}

TEST_F(WadoRsTest, GoesOnAfterAnInstanceThatIsForbidden) {
  Serve([this](const ReceivedRequest& request, HttpReply& reply) {
    request.target == FakeWado::PathOf(one_) ? (void)reply.Respond(403, "text/plain", "no")
                                             : wado_.Respond(request, reply);
  });
  EXPECT_EQ(Get({one_, Ref(1, 2)}), std::nullopt);
  EXPECT_EQ(sink_.failed[one_], ErrorCode::kAccessDenied);
  EXPECT_EQ(sink_.whole[Ref(1, 2)], Bytes(Ref(1, 2)));
}

TEST_F(WadoRsTest, DoesNotWaitForAnEndlessErrorPage) {
  Serve([](const ReceivedRequest&, HttpReply& reply) {
    reply.Head(404, {{"Content-Type", "text/html"}, {"Connection", "close"}});
    while (reply.Send(std::string(100000, 'x'))) {
    }
  });
  EXPECT_EQ(Get({one_}), std::nullopt);
  EXPECT_EQ(sink_.missing, std::vector{one_});
}

TEST_F(WadoRsTest, HandsBytesOnWhileTheyArrive) {
  Serve([this](const ReceivedRequest&, HttpReply& reply) {
    const std::string body = MultipartBody({{file_}});
    reply.Head(200, {{"Content-Type", kMultipartType}, {"Content-Length", std::to_string(body.size())}});
    reply.Dribble(body, 1, std::chrono::milliseconds(0));
  });
  ExpectWhole(one_);
}

TEST_F(WadoRsTest, LetsWhatTheSinkThrowsPass) {
  sink_.on_data = [] { throw Error(ErrorCode::kNoSpace, "Cannot write: full"); };
  EXPECT_EQ(Get({one_, Ref(1, 2)}), ErrorCode::kNoSpace);
  EXPECT_EQ(wado_.server().CountRequests(), 1u);
}

TEST_F(WadoRsTest, LetsAProtocolErrorOfTheSinkPass) {
  sink_.on_data = [] { throw Error(ErrorCode::kProtocol, "Cannot believe it"); };
  EXPECT_EQ(Get({one_}), ErrorCode::kProtocol);
  EXPECT_TRUE(sink_.failed.empty());
}

// --- The fallback list of Accept headers ---

class WadoRsLadderTest : public WadoRsTest {
 protected:
  // Understands only this Accept header.
  void ServeOnly(const std::string& accept, int refusal, const std::string& type = kMultipartType) {
    Serve([=, this](const ReceivedRequest& request, HttpReply& reply) {
      if (request.Header("accept") != accept) {
        reply.Respond(refusal, "application/json", R"({"Message":"cannot generate"})");
      } else if (type == kMultipartType) {
        wado_.Respond(request, reply);
      } else {
        reply.Respond(200, type, file_);
      }
    });
  }
};

TEST_F(WadoRsLadderTest, FallsBackUntilTheServerUnderstandsAndRemembers) {
  const std::string plain = R"(multipart/related; type="application/dicom")";
  ServeOnly(plain, 400);
  ExpectWhole(one_);
  EXPECT_THAT(Accepts(), ElementsAre(kStored, plain));
  ExpectWhole(Ref(1, 2));
  EXPECT_THAT(Accepts(), ElementsAre(kStored, plain, plain));
}

TEST_F(WadoRsLadderTest, AsksAzureAndGoogleForAFileFirstAndForPartsOfASeries) {
  const std::string file = "application/dicom; transfer-syntax=*";
  Serve([=, this](const ReceivedRequest& request, HttpReply& reply) {
    request.target == FakeWado::PathOf(one_) && request.Header("accept") == file
        ? (void)reply.Respond(200, "application/dicom", file_)
        : wado_.Respond(request, reply);
  });
  for (const ServerProfile profile : {ServerProfile::kAzure, ServerProfile::kGoogle}) {
    downloader_ = MakeWadoRsDownloader({.url = wado_.url(), .profile = profile}, Client());
    ExpectWhole(one_);
    sink_ = RecordingSink();
    EXPECT_EQ(Get(FirstOfSeries(10)), std::nullopt);
    EXPECT_EQ(sink_.whole.size(), 10u);
  }
  EXPECT_THAT(Accepts(), ElementsAre(file, kStored, file, kStored));
}

TEST_F(WadoRsLadderTest, TriesAllRungs) {
  ServeOnly("*/*", 406, "application/dicom");
  ExpectWhole(one_);
  EXPECT_THAT(Accepts(), ElementsAre(kStored, R"(multipart/related; type="application/dicom")",
                                     "application/dicom; transfer-syntax=*", "*/*"));
}

TEST_F(WadoRsLadderTest, Remembers406OnlyWhenItHappensAgain) {
  ServeOnly("*/*", 406, "application/dicom");
  ExpectWhole(one_);
  ExpectWhole(one_);
  EXPECT_EQ(wado_.server().CountRequests(), 8u);
  ExpectWhole(one_);
  EXPECT_EQ(wado_.server().CountRequests(), 9u);
}

TEST_F(WadoRsLadderTest, ReportsTheFirstRefusalWhenNothingIsUnderstood) {
  ServeOnly("nothing", 406);
  ExpectFailed(ErrorCode::kProtocol, "406");
  EXPECT_EQ(wado_.server().CountRequests(), 4u);
}

TEST_F(WadoRsLadderTest, AsksForNoOtherBytesOnceTheServerUnderstoodTheFirstRung) {
  ExpectWhole(one_);
  ServeOnly("*/*", 406, "application/dicom");
  ExpectFailed(ErrorCode::kProtocol, "406");
  EXPECT_EQ(wado_.server().CountRequests(), 2u);
}

TEST_F(WadoRsLadderTest, DoesNotFallBackForOtherFailures) {
  Serve("text/plain", "broken", 500);
  EXPECT_EQ(Get({one_}), ErrorCode::kUnavailable);
  EXPECT_EQ(wado_.server().CountRequests(), 1u);
}

// --- Series ---

TEST_F(WadoRsTest, FetchesManyInstancesOfASeriesInOneRequest) {
  EXPECT_EQ(Get(FirstOfSeries(20)), std::nullopt);
  EXPECT_EQ(sink_.whole.size(), 20u);
  EXPECT_THAT(wado_.server().Targets(), ElementsAre("/dicom-web/studies/1.2.3/series/1.2.3.1"));
}

TEST_F(WadoRsTest, FetchesAWholeSeriesWithoutNamingItsInstances) {
  ASSERT_TRUE(downloader_->capabilities().can_stream_series);
  const auto context = Context::WithTimeout(std::chrono::seconds(30));
  downloader_->DownloadSeries(Ref(1, 1).series_reference(), sink_, context);
  EXPECT_EQ(wado_.server().CountRequests(), 1U);
  EXPECT_EQ(sink_.whole.size(), 20U);
  for (const auto& [instance, bytes] : sink_.whole) {
    EXPECT_EQ(bytes, Content().at(instance));
  }
  EXPECT_EQ(CodeOf([&] {
              downloader_->DownloadSeries({Uid("1.2.3"), Uid("9.9")}, sink_, context);
            }),
            ErrorCode::kProtocol)
      << "404: there may be another way";
  // A part that is repeated comes once; one that is cut off fails the series.
  const FakePart part{Content().at(Ref(2, 1))};
  sink_ = RecordingSink();
  Serve(kMultipartType, MultipartBody({part, part}));
  downloader_->DownloadSeries(Ref(2, 1).series_reference(), sink_, context);
  EXPECT_EQ(sink_.whole.size(), 1U);
  wado_.SetMood(FakeWado::Mood::kCutting);
  sink_ = RecordingSink();
  Serve([&](const ReceivedRequest& request, HttpReply& reply) { wado_.Respond(request, reply); });
  EXPECT_TRUE(CodeOf([&] { downloader_->DownloadSeries(Ref(1, 1).series_reference(), sink_, context); }));
  EXPECT_LT(sink_.whole.size(), 20U);
}

TEST_F(WadoRsTest, FetchesFewInstancesOneByOne) {
  EXPECT_EQ(Get(FirstOfSeries(7)), std::nullopt);
  EXPECT_EQ(sink_.whole.size(), 7u);
  EXPECT_THAT(wado_.server().Targets(), Each(HasSubstr("/instances/")));
}

TEST_F(WadoRsTest, LeavesOutWhatWasNotAskedForAndStopsWhenAllHasCome) {
  std::vector<InstanceReference> wanted = FirstOfSeries(9);
  wanted.erase(wanted.begin());
  Serve([this](const ReceivedRequest&, HttpReply& reply) {
    std::vector<FakePart> parts;
    for (int i = 1; i <= 10; ++i) {
      parts.push_back({Bytes(Ref(1, i)), i % 2 == 0});
    }
    reply.Head(200, {{"Content-Type", kMultipartType}, {"Connection", "close"}});
    reply.Send(MultipartBody(parts, "b0", false));
    reply.Hang();  // more of the series, which nobody wants
  });
  EXPECT_EQ(Get(wanted), std::nullopt);
  EXPECT_EQ(sink_.whole.size(), 8u);
  EXPECT_FALSE(sink_.lengths.contains(one_));
}

TEST_F(WadoRsTest, FetchesAnInstanceOnceThoughAskedTwice) {
  EXPECT_EQ(Get({one_, one_}), std::nullopt);
  EXPECT_EQ(sink_.whole.size(), 1u);
  EXPECT_EQ(wado_.server().CountRequests(), 1u);
}

TEST_F(WadoRsTest, TakesARepeatedPartOnce) {
  Serve(kMultipartType, MultipartBody({{Bytes(Ref(1, 2))}, {file_}, {file_}}));
  ExpectWhole(one_);
}

TEST_F(WadoRsTest, AsksOneByOneForWhatTheSeriesDidNotBring) {
  Serve([this](const ReceivedRequest& request, HttpReply& reply) {
    if (request.target == FakeWado::SeriesPathOf(one_)) {
      reply.Respond(206, kMultipartType, MultipartBody({{Bytes(Ref(1, 2))}, {Bytes(Ref(1, 5))}}));
    } else if (request.target == FakeWado::PathOf(Ref(1, 3))) {
      reply.Respond(404, "text/plain", "gone");
    } else {
      wado_.Respond(request, reply);
    }
  });
  EXPECT_EQ(Get(FirstOfSeries(8)), std::nullopt);
  EXPECT_EQ(sink_.whole.size(), 7u);
  EXPECT_EQ(sink_.missing, std::vector{Ref(1, 3)});
  EXPECT_EQ(wado_.server().CountRequests(), 7u);
}

TEST_F(WadoRsTest, AsksOneByOneWhereSeriesAreNotOffered) {
  for (const int status : {400, 404, 406, 413, 501}) {
    Serve([=, this](const ReceivedRequest& request, HttpReply& reply) {
      request.target == FakeWado::SeriesPathOf(one_) ? (void)reply.Respond(status, "text/plain", "no")
                                                     : wado_.Respond(request, reply);
    });
    sink_ = RecordingSink();
    EXPECT_EQ(Get(FirstOfSeries(9)), std::nullopt);
    EXPECT_EQ(sink_.whole.size(), 9u) << status;
  }
}

TEST_F(WadoRsTest, BelievesThatAllIsMissingWhenSeriesAndFirstInstanceAre) {
  Serve("text/plain", "gone", 404);
  EXPECT_EQ(Get(FirstOfSeries(20)), std::nullopt);
  EXPECT_EQ(sink_.missing.size(), 20u);
  EXPECT_EQ(wado_.server().CountRequests(), 2u);
}

TEST_F(WadoRsTest, ThrowsWhenASeriesIsCutOffButKeepsWhatWasWhole) {
  std::vector<FakePart> parts;
  for (int i = 1; i <= 5; ++i) {
    parts.push_back({Bytes(Ref(1, i))});
  }
  ServeRaw({{"Content-Type", kMultipartType}, {"Connection", "close"}}, MultipartBody(parts, "b0", false));
  EXPECT_EQ(Get(FirstOfSeries(20)), ErrorCode::kProtocol);
  EXPECT_EQ(sink_.whole.size(), 4u);  // the fifth has no delimiter after it
}

TEST_F(WadoRsTest, AsksNoSeriesOfAServerThatGivesSingleParts) {
  Serve([this](const ReceivedRequest& request, HttpReply& reply) {
    if (request.Header("accept") != "application/dicom; transfer-syntax=*") {
      reply.Respond(400, "text/plain", "no");
      return;
    }
    for (const auto& [instance, bytes] : wado_.content()) {
      if (request.target == FakeWado::PathOf(instance)) {
        reply.Respond(200, "application/dicom", bytes);
      }
    }
  });
  ExpectWhole(one_);
  sink_ = RecordingSink();
  EXPECT_EQ(Get(FirstOfSeries(10)), std::nullopt);
  EXPECT_EQ(sink_.whole.size(), 10u);
  EXPECT_EQ(wado_.server().CountRequests("/instances/"), wado_.server().CountRequests());
}

TEST_F(WadoRsTest, IsUsedFromManyThreadsAtOnce) {
  std::vector<std::jthread> threads;
  std::vector<RecordingSink> sinks(8);
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      for (int n = 1; n <= 10; ++n) {
        const std::vector<InstanceReference> wanted = {Ref(1, 1 + (i + n) % 20)};
        downloader_->Download(wanted, sinks[static_cast<size_t>(i)], {});
        sinks[static_cast<size_t>(i)].whole.erase(wanted[0]);
      }
    });
  }
  threads.clear();
  EXPECT_EQ(wado_.server().CountRequests(), 80u);
}

}  // namespace
}  // namespace trolley
