#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "base/text.h"
#include "download/downloader_contract.h"
#include "download/recording_sink.h"
#include "download/wado/fake_wado.h"
#include "support/fake_rad69.h"
#include "trolley/downloaders.h"
#include "trolley/http_client.h"
#include "trolley/log.h"

namespace trolley {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::UnorderedElementsAre;
using Habits = FakeRad69::Habits;

InstanceReference Ref(int series, int instance, const std::string& study = "1.2.3") {
  const std::string of_series = study + "." + std::to_string(series);
  return {Uid(study), Uid(of_series), Uid(of_series + "." + std::to_string(instance))};
}

// Every byte value, and what looks like delimiters.
std::string Payload(size_t size, int seed) {
  std::string data = "\r\n--uuid:0\r\n------=_Part_1\r\n\r\n";
  uint32_t state = static_cast<uint32_t>(seed) * 2654435761u + 1;
  while (data.size() < size) {
    state = state * 1664525u + 1013904223u;
    data.push_back(static_cast<char>(state >> 24));
  }
  return data + "\r\n";
}

const std::map<InstanceReference, std::string>& Content() {
  static const auto content = [] {
    std::map<InstanceReference, std::string> made;
    for (int i = 1; i <= 12; ++i) {
      made[Ref(1, i)] = FakePart10(Ref(1, i).instance.str(), Payload(3000 + static_cast<size_t>(i), i));
    }
    for (int i = 1; i <= 3; ++i) {
      made[Ref(2, i)] = FakePart10(Ref(2, i).instance.str(), Payload(200000, i));
    }
    made[Ref(1, 1, "1.2.4")] = FakePart10(Ref(1, 1, "1.2.4").instance.str(), Payload(100, 7));
    return made;
  }();
  return content;
}

std::shared_ptr<HttpClient> Client(std::chrono::seconds stall_timeout = std::chrono::seconds(30)) {
  HttpOptions options;
  options.stall_timeout = stall_timeout;
  return std::make_shared<HttpClient>(options);
}

// --- The contract ---

class Rad69World : public DownloadWorld {
 public:
  Rad69World(const Habits& habits, Rad69Options options) : server_(Content()), options_(std::move(options)) {
    server_.SetHabits(habits);
    Reach(server_.url());
  }
  ~Rad69World() override { EXPECT_THAT(server_.Complaints(), ElementsAre()); }
  Downloader& downloader() override { return *downloader_; }
  const std::map<InstanceReference, std::string>& content() const override { return server_.content(); }
  void Refuse() override { Reach("http://127.0.0.1:1/rids"); }
  void FallSilent() override { server_.SetMood(FakeRad69::Mood::kSilent); }
  void CutOff() override { server_.SetMood(FakeRad69::Mood::kCutting); }
  void Recover() override { server_.SetMood(FakeRad69::Mood::kWell); }

 private:
  void Reach(const std::string& url) {
    options_.url = url;
    downloader_ = MakeRad69Downloader(options_, Client(DownloadWorld::patience));
  }

  FakeRad69 server_;
  Rad69Options options_;
  std::unique_ptr<Downloader> downloader_;
};

using enum DownloadCase;

std::vector<DownloadContractParam> Contract(const std::string& name, const Habits& habits, const Rad69Options& options,
                                            const std::vector<DownloadCase>& cases) {
  return DownloadContractParams(
      name, [=] { return std::make_unique<Rad69World>(habits, options); }, cases);
}

INSTANTIATE_TEST_SUITE_P(Rad69, DownloaderContract,
                         testing::ValuesIn(Contract("Strict", {}, {},
                                                    {kOne, kMany, kNone, kRefused, kTimeout, kTruncated, kCancelled,
                                                     kRecovers})),
                         DownloadContractName);
INSTANTIATE_TEST_SUITE_P(Rad69Sloppy, DownloaderContract,
                         testing::ValuesIn(Contract("Sloppy", {.sloppy = true},
                                                    {.request = Rad69Options::Request::kAllAtOnce,
                                                     .envelope = Rad69Options::Envelope::kSoap},
                                                    {kOne, kMany, kNone, kTruncated, kRecovers})),
                         DownloadContractName);
INSTANTIATE_TEST_SUITE_P(Rad69Embedded, DownloaderContract,
                         testing::ValuesIn(Contract("Embedded", {.takes_mtom = false, .embeds = true},
                                                    {.envelope = Rad69Options::Envelope::kSoap},
                                                    {kOne, kMany, kNone, kTruncated, kRecovers})),
                         DownloadContractName);
INSTANTIATE_TEST_SUITE_P(Rad69RootLast, DownloaderContract,
                         testing::ValuesIn(Contract("RootLast", {.root = FakeRad69::Root::kLast}, {},
                                                    {kOne, kMany, kNone, kTruncated, kRecovers})),
                         DownloadContractName);

// --- What servers really send ---

class Rad69Test : public testing::Test {
 protected:
  void Make(Rad69Options options) {
    options.url = server_.url();
    options.busy_pause = std::chrono::milliseconds(1);
    downloader_ = MakeRad69Downloader(options, Client());
  }
  void SetUp() override { Make({}); }
  // The same response to everything.
  void Serve(const std::string& content_type, const std::string& body, int status = 200) {
    server_.server().SetHandler([=](const ReceivedRequest&, HttpReply& reply) {
      content_type.empty()
          ? (void)(reply.Head(status, {{"Content-Length", std::to_string(body.size())}}) && reply.Send(body))
          : (void)reply.Respond(status, content_type, body);
    });
  }
  // A multipart response; each part with its header lines.
  void ServeParts(const std::vector<std::pair<std::string, std::string>>& parts, const std::string& more = "",
                  const std::string& end = "--\r\n") {
    std::string body;
    for (const auto& [head, content] : parts) {
      body += "--b0\r\n" + head + "\r\n\r\n" + content + "\r\n";
    }
    Serve("multipart/related; type=\"application/xop+xml\"; boundary=b0" + more, body + "--b0" + end);
  }
  static std::pair<std::string, std::string> RootPart(const std::string& envelope) {
    return {"Content-Type: application/xop+xml; type=\"application/soap+xml\"\r\nContent-ID: <root>", envelope};
  }
  static std::pair<std::string, std::string> FilePart(const InstanceReference& instance, const std::string& id) {
    return {"Content-Type: application/dicom\r\nContent-ID: <" + id + ">", Content().at(instance)};
  }
  std::optional<ErrorCode> Get(const std::vector<InstanceReference>& instances) {
    sink_ = RecordingSink();
    message_.clear();
    try {
      downloader_->Download(instances, sink_, Context::WithTimeout(std::chrono::seconds(30)));
    } catch (const Error& error) {
      message_ = error.what();
      EXPECT_THAT(message_, testing::StartsWith("Cannot download"));
      return error.code();
    }
    return std::nullopt;
  }
  void ExpectWhole(const std::vector<InstanceReference>& instances) {
    EXPECT_EQ(sink_.whole.size(), instances.size());
    for (const InstanceReference& instance : instances) {
      EXPECT_TRUE(sink_.whole[instance] == Content().at(instance)) << instance.instance.str();
    }
  }
  std::vector<ReceivedRequest> Requests() { return server_.server().Requests(); }

  const InstanceReference one_ = Ref(1, 1);
  const InstanceReference two_ = Ref(1, 2);
  const InstanceReference three_ = Ref(1, 3);
  RecordingSink sink_;
  std::string message_;
  FakeRad69 server_{Content()};
  std::unique_ptr<Downloader> downloader_;
};

TEST_F(Rad69Test, AsksForASeriesAtATime) {
  EXPECT_EQ(Get({one_, Ref(2, 1), two_, one_}), std::nullopt);
  ExpectWhole({one_, Ref(2, 1), two_});
  ASSERT_EQ(Requests().size(), 2u);
  EXPECT_THAT(ReadRad69Request(Requests()[0]).instances, ElementsAre(one_, two_));
  EXPECT_THAT(ReadRad69Request(Requests()[1]).instances, ElementsAre(Ref(2, 1)));
  EXPECT_THAT(server_.Complaints(), ElementsAre());
}

TEST_F(Rad69Test, AsksForAllAtOnceInBareSoap) {
  server_.SetHabits({.takes_mtom = false});
  Make({.repository_uid = "1.2&3",
        .home_community_id = "urn:oid:<1>",
        .request = Rad69Options::Request::kAllAtOnce,
        .envelope = Rad69Options::Envelope::kSoap});
  EXPECT_EQ(Get({one_, Ref(1, 1, "1.2.4"), Ref(2, 1), two_}), std::nullopt);
  EXPECT_EQ(sink_.whole.size(), 4u);
  ASSERT_EQ(Requests().size(), 1u);
  EXPECT_THAT(ReadRad69Request(Requests()[0]).instances, ElementsAre(one_, two_, Ref(2, 1), Ref(1, 1, "1.2.4")));
  EXPECT_THAT(Requests()[0].body, HasSubstr("<x:HomeCommunityId>urn:oid:&lt;1&gt;</x:HomeCommunityId>"
                                            "<x:RepositoryUniqueId>1.2&amp;3</x:RepositoryUniqueId>"));
  EXPECT_THAT(server_.Complaints(), ElementsAre());
}

TEST_F(Rad69Test, AsksTwiceForAUidThatIsInTwoSeries) {
  Make({.request = Rad69Options::Request::kAllAtOnce});
  const InstanceReference elsewhere{one_.study, Uid("1.2.3.9"), one_.instance};
  EXPECT_EQ(Get({one_, elsewhere}), std::nullopt);
  EXPECT_EQ(Requests().size(), 2u);
  ExpectWhole({one_});
  EXPECT_THAT(sink_.missing, ElementsAre(elsewhere));
}

// The seed's bug 7: errors inside a multipart response are ignored.
TEST_F(Rad69Test, TellsOfEachInstanceWhatBecameOfIt) {
  server_.SetHabits(
      {.errors = {{two_.instance.str(), "XDSRepositoryError"}, {Ref(1, 5).instance.str(), "urn:dicom:wado:0007"}},
       .warnings = {three_.instance.str()}});
  const InstanceReference absent{one_.study, one_.series, Uid("1.2.3.1.999")};
  EXPECT_EQ(Get({one_, two_, three_, absent, Ref(1, 5)}), std::nullopt);
  ExpectWhole({one_, three_});
  EXPECT_THAT(sink_.missing, ElementsAre(absent));
  EXPECT_EQ(sink_.failed.size(), 2u);
  EXPECT_EQ(sink_.failed[two_], ErrorCode::kProtocol);
  EXPECT_THAT(sink_.messages[two_], HasSubstr("XDSRepositoryError"));
  EXPECT_THAT(sink_.messages[Ref(1, 5)], HasSubstr("transfer syntaxes"));
  EXPECT_EQ(Requests().size(), 1u);
}

TEST_F(Rad69Test, TellsMissingInstancesOfAPlainFailure) {
  server_.SetHabits({.sloppy = true});
  const InstanceReference absent{one_.study, one_.series, Uid("1.2.3.1.998")};
  const InstanceReference absent_too{one_.study, one_.series, Uid("1.2.3.1.999")};
  EXPECT_EQ(Get({absent, absent_too}), std::nullopt);
  EXPECT_THAT(sink_.missing, UnorderedElementsAre(absent, absent_too));
  EXPECT_TRUE(sink_.failed.empty());
}

TEST_F(Rad69Test, FailsForAnErrorThatNamesNoInstance) {
  server_.SetHabits({.general_error = "XDSUnknownRepositoryId"});
  EXPECT_EQ(Get({one_, two_}), ErrorCode::kProtocol);
  EXPECT_THAT(message_, HasSubstr("XDSUnknownRepositoryId; check repository_uid"));
  EXPECT_TRUE(sink_.whole.empty() && sink_.missing.empty());
}

TEST_F(Rad69Test, ShowsWhatTheServerSaysToWhoMaySeePatientData) {
  ConfigureLog({LogLevel::kInfo, true, ""});
  server_.SetHabits({.general_error = "XDSUnknownRepositoryId"});
  Get({one_, two_});
  ConfigureLog({});
  EXPECT_THAT(message_, HasSubstr("XDSUnknownRepositoryId (Unable to locate SOP from MINT.); check repository_uid"));
}

TEST_F(Rad69Test, DoesNotTakeAnUnattributedMissingDocumentForAllOfThem) {
  server_.SetHabits({.general_error = "XDSMissingDocument"});
  EXPECT_EQ(Get({one_, two_}), ErrorCode::kProtocol);
  EXPECT_TRUE(sink_.missing.empty());
  EXPECT_EQ(Get({one_}), std::nullopt);  // of one it can only be that one
  EXPECT_THAT(sink_.missing, ElementsAre(one_));
}

TEST_F(Rad69Test, GoesOnAfterErrorsThatAreToBeIgnored) {
  Make({.errors_to_ignore = {"XDSMissingDocument", "UnknownError"}});
  server_.SetHabits({.errors = {{two_.instance.str(), "UnknownError"}}});
  const InstanceReference absent{one_.study, one_.series, Uid("1.2.3.1.999")};
  EXPECT_EQ(Get({one_, two_, absent, Ref(2, 1)}), std::nullopt);
  ExpectWhole({one_, Ref(2, 1)});
  EXPECT_THAT(sink_.missing, ElementsAre(absent));
  EXPECT_EQ(sink_.failed.size(), 1u);
  EXPECT_THAT(RecentProblems().back(), HasSubstr("ignore: 1 times UnknownError 1 times XDSMissingDocument"));
  // Also where a response fails as a whole.
  server_.server().SetHandler([this](const ReceivedRequest& request, HttpReply& reply) {
    const bool first = ReadRad69Request(request).instances.front() == one_;
    first ? (void)reply.Respond(200, "application/soap+xml",
                                Rad69EnvelopeXml("Failure", Rad69ErrorXml("UnknownError", ""), ""))
          : server_.Respond(request, reply);
  });
  EXPECT_EQ(Get({one_, two_, Ref(2, 1)}), std::nullopt);
  ExpectWhole({Ref(2, 1)});
  EXPECT_EQ(sink_.failed.size(), 2u);
  EXPECT_THAT(RecentProblems().back(), HasSubstr("ignore: 2 times UnknownError"));
}

TEST_F(Rad69Test, AsksABusyServerAgain) {
  server_.SetHabits({.busy_answers = 2});
  EXPECT_EQ(Get({one_, two_}), std::nullopt);
  ExpectWhole({one_, two_});
  EXPECT_EQ(Requests().size(), 3u);
}

TEST_F(Rad69Test, AsksAgainJustForWhatTheServerWasTooBusyFor) {
  server_.SetHabits({.errors = {{two_.instance.str(), "XDSRepositoryOutOfResources"}}});
  EXPECT_EQ(Get({one_, two_}), std::nullopt);
  ExpectWhole({one_});
  EXPECT_EQ(sink_.failed[two_], ErrorCode::kUnavailable);
  EXPECT_EQ(Requests().size(), 4u);
  EXPECT_THAT(ReadRad69Request(Requests()[3]).instances, ElementsAre(two_));
}

TEST_F(Rad69Test, GivesUpOnAServerThatStaysBusy) {
  server_.SetHabits({.busy_answers = 100});
  EXPECT_EQ(Get({one_, two_}), ErrorCode::kUnavailable);
  EXPECT_EQ(Requests().size(), 4u);
  Serve("text/plain", "later", 503);
  EXPECT_EQ(Get({one_}), ErrorCode::kUnavailable);
  EXPECT_EQ(Requests().size(), 8u);
}

TEST_F(Rad69Test, DoesNotWaitForABusyServerBeyondTheDeadline) {
  Rad69Options options;
  options.url = server_.url();
  options.busy_pause = std::chrono::hours(1);
  downloader_ = MakeRad69Downloader(options, Client());
  server_.SetHabits({.busy_answers = 100});
  EXPECT_EQ(Get({one_, two_}), ErrorCode::kUnavailable);
  EXPECT_EQ(Requests().size(), 1u);
}

TEST_F(Rad69Test, IsCancelledWhileItWaitsForABusyServer) {
  Rad69Options options;
  options.url = server_.url();
  options.busy_pause = std::chrono::hours(1);
  downloader_ = MakeRad69Downloader(options, Client());
  server_.SetHabits({.busy_answers = 100});
  std::stop_source stop;
  const std::jthread canceller([&] {
    server_.server().WaitForRequests(1);
    stop.request_stop();
  });
  const std::vector<InstanceReference> wanted = {one_, two_};
  EXPECT_EQ(CodeOf([&] { downloader_->Download(wanted, sink_, Context{stop.get_token()}); }), ErrorCode::kCancelled);
}

// The seed's bug 5: a truncated last part is dropped silently, the CRLF before the delimiter stays in the payload.
TEST_F(Rad69Test, FailsWithoutTheClosingDelimiter) {
  const std::string envelope = Rad69EnvelopeXml(
      "Success", "", Rad69DocumentXml(one_.instance.str(), "cid:a") + Rad69DocumentXml(two_.instance.str(), "cid:b"));
  for (const std::string end : {"", "\r\n"}) {
    ServeParts({RootPart(envelope), FilePart(one_, "a"), FilePart(two_, "b")}, "", end);
    EXPECT_EQ(Get({one_, two_, three_}), ErrorCode::kProtocol);
    EXPECT_THAT(message_, HasSubstr("cut off"));
    EXPECT_TRUE(sink_.whole[one_] == Content().at(one_));  // ended by the delimiter after it, without its line break
    EXPECT_FALSE(sink_.missing.size() > 0);
  }
}

TEST_F(Rad69Test, TakesTheRootPartThatStartNames) {
  const std::string envelope = Rad69EnvelopeXml("Success", "", Rad69DocumentXml(one_.instance.str(), "cid:a"));
  ServeParts({FilePart(one_, "a"), {"Content-ID: <r>", envelope}}, "; start=\"<r>\"");
  EXPECT_EQ(Get({one_, two_}), std::nullopt);
  ExpectWhole({one_});
  EXPECT_THAT(sink_.messages[two_], HasSubstr("left it out"));
  ServeParts({{"X-Nothing: 1", envelope}, {"Content-ID: a", Content().at(one_)}});  // the first, when none is named
  EXPECT_EQ(Get({one_}), std::nullopt);
  ExpectWhole({one_});
  ServeParts({FilePart(one_, "unheard-of"), RootPart(envelope)}, "; start=\"<nobody>\"");
  EXPECT_EQ(Get({one_}), std::nullopt);
  ExpectWhole({one_});
}

TEST_F(Rad69Test, TakesFilesWithoutAnyEnvelope) {
  server_.SetHabits({.root = FakeRad69::Root::kAbsent});
  EXPECT_EQ(Get({one_, two_}), std::nullopt);
  ExpectWhole({one_, two_});
}

TEST_F(Rad69Test, FailsAnInstanceWhosePartIsNoDicom) {
  const std::string envelope = Rad69EnvelopeXml(
      "Success", "", Rad69DocumentXml(one_.instance.str(), "cid:a") + Rad69DocumentXml(two_.instance.str(), "cid:b"));
  const std::pair<std::string, std::string> bad = {"Content-ID: <b>", std::string(1234, '\0')};
  for (const bool root_first : {true, false}) {
    root_first ? ServeParts({RootPart(envelope), bad, FilePart(one_, "a")})
               : ServeParts({FilePart(one_, "a"), bad, RootPart(envelope)}, "; start=\"<root>\"");
    EXPECT_EQ(Get({one_, two_}), std::nullopt);
    ExpectWhole({one_});
    EXPECT_EQ(sink_.failed[two_], ErrorCode::kProtocol);
    EXPECT_THAT(sink_.messages[two_], HasSubstr("no DICOM file"));
  }
}

TEST_F(Rad69Test, FailsAnInstanceWhosePartIsAnotherOne) {
  const std::string envelope = Rad69EnvelopeXml(
      "Success", "", Rad69DocumentXml(one_.instance.str(), "cid:a") + Rad69DocumentXml(two_.instance.str(), "cid:b"));
  ServeParts({RootPart(envelope), FilePart(two_, "a"), FilePart(two_, "b")});
  EXPECT_EQ(Get({one_, two_}), std::nullopt);
  ExpectWhole({two_});
  EXPECT_THAT(sink_.messages[one_], HasSubstr("another instance, 1.2.3.1.2"));
}

TEST_F(Rad69Test, TellsFailuresOfTheServer) {
  Serve("text/plain", "Error, server really does not know anymore", 502);
  EXPECT_EQ(Get({one_}), ErrorCode::kUnavailable);
  Serve("text/html", "<html>login</html>", 401);
  EXPECT_EQ(Get({one_}), ErrorCode::kAccessDenied);
  Serve("text/html", "gone", 404);
  EXPECT_EQ(Get({one_}), ErrorCode::kProtocol);
  EXPECT_THAT(message_, HasSubstr("no RAD-69 service"));
  Serve("text/html", "what", 415);
  EXPECT_EQ(Get({one_}), ErrorCode::kProtocol);
  EXPECT_THAT(message_, HasSubstr("envelope"));
  const std::string fault =
      "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\"><s:Body><s:Fault><s:Code><s:Value>s:Receiver"
      "</s:Value></s:Code><s:Reason><s:Text>disk on fire</s:Text></s:Reason></s:Fault></s:Body></s:Envelope>";
  for (const int status : {200, 500}) {
    Serve("application/soap+xml", fault, status);
    EXPECT_EQ(Get({one_, two_}), ErrorCode::kUnavailable);
    EXPECT_THAT(message_, HasSubstr("SOAP fault, Receiver"));
    EXPECT_THAT(message_, Not(HasSubstr("disk on fire"))) << "it may quote a patient's name";
  }
}

TEST_F(Rad69Test, TellsAnswersThatAreNoRad69) {
  const std::vector<std::pair<std::string, std::string>> responses = {
      {"", "Error"},
      {"text/html", "<html></html>"},
      {"application/json", "{}"},
      {"application/soap+xml", ""},
      {"application/soap+xml", "<a/>"},
      {"application/soap+xml", Rad69EnvelopeXml("", "", "").substr(0, 300)},
      {"multipart/related; boundary=b0", "--b0--\r\n"},
      {"multipart/related", "Error"}};
  for (const auto& [type, body] : responses) {
    SCOPED_TRACE(type + " " + body);
    Serve(type, body);
    EXPECT_EQ(Get({one_, two_}), ErrorCode::kProtocol);
    EXPECT_EQ(Get({one_}), std::nullopt);
    EXPECT_EQ(sink_.failed[one_], ErrorCode::kProtocol);
  }
  Serve("", Rad69EnvelopeXml("Failure", Rad69ErrorXml("XDSMissingDocument", one_.instance.str()), ""));
  EXPECT_EQ(Get({one_}), std::nullopt);  // without Content-Type
  EXPECT_THAT(sink_.missing, ElementsAre(one_));
}

TEST_F(Rad69Test, ReadsAnEnvelopeOfThousandsOfDocuments) {
  std::string documents;
  for (int i = 1; i <= 7000; ++i) {
    documents += Rad69DocumentXml("1.2.3.1." + std::to_string(i), "cid:" + std::to_string(i));
  }
  ServeParts({RootPart(Rad69EnvelopeXml("Success", "", documents)), FilePart(one_, "1"), FilePart(two_, "2")});
  EXPECT_EQ(Get({one_, two_}), std::nullopt);
  ExpectWhole({one_, two_});
}

TEST_F(Rad69Test, HandsBytesOnWhileTheyArriveWhereverPiecesEnd) {
  server_.server().SetHandler([this](const ReceivedRequest&, HttpReply& reply) {
    const std::string body = "--uuid:1\r\nContent-ID: <r>\r\n\r\n" +
                             Rad69EnvelopeXml("Success", "", Rad69DocumentXml(one_.instance.str(), "cid:a")) +
                             "\r\n--uuid:1\r\nContent-ID: <a>\r\n\r\n" + Content().at(one_) + "\r\n--uuid:1--\r\n";
    reply.Head(200, {{"Content-Type", "multipart/related; boundary=\"uuid:1\""},
                     {"Content-Length", std::to_string(body.size())}});
    reply.Dribble(body, 1, std::chrono::milliseconds(0));
  });
  EXPECT_EQ(Get({one_}), std::nullopt);
  ExpectWhole({one_});
}

TEST_F(Rad69Test, LetsWhatTheSinkThrowsPass) {
  const std::vector<InstanceReference> wanted = {one_, two_};
  sink_.on_data = [] { throw Error(ErrorCode::kNoSpace, "Cannot write: full"); };
  EXPECT_EQ(CodeOf([&] { downloader_->Download(wanted, sink_, {}); }), ErrorCode::kNoSpace);
  EXPECT_EQ(Requests().size(), 1u);
}

}  // namespace
}  // namespace trolley
