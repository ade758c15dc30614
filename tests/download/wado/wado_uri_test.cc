#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "download/downloader_contract.h"
#include "download/recording_sink.h"
#include "download/wado/fake_wado.h"
#include "trolley/downloaders.h"
#include "trolley/http_client.h"

namespace trolley {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::map<InstanceReference, std::string> Content() {
  std::map<InstanceReference, std::string> content;
  for (int i = 0; i < 14; ++i) {
    const std::string series = i < 12 ? "1.2.3.1" : "1.2.3.2";
    const std::string uid = series + "." + std::to_string(i);
    content[{Uid("1.2.3"), Uid(series), Uid(uid)}] = FakePart10(uid, std::string(2000 + static_cast<size_t>(i), 'x'));
  }
  return content;
}

std::string QueryOf(const InstanceReference& instance) {
  return "requestType=WADO&studyUID=" + instance.study.str() + "&seriesUID=" + instance.series.str() +
         "&objectUID=" + instance.instance.str() + "&contentType=application/dicom";
}

// Accepts nothing but the five parameters of the standard, as they stand there.
class FakeWadoUri {
 public:
  enum class Mood { kWell, kSilent, kCutting };

  FakeHttpServer& server() { return server_; }
  const std::map<InstanceReference, std::string>& content() const { return content_; }
  void SetMood(Mood mood) { mood_ = mood; }

 private:
  void Respond(const ReceivedRequest& request, HttpReply& reply) {
    for (const auto& [instance, bytes] : content_) {
      if (request.target == "/wado?" + QueryOf(instance)) {
        reply.Head(200, {{"Content-Type", "application/dicom"}, {"Content-Length", std::to_string(bytes.size())}});
        reply.Send(mood_ == Mood::kWell ? bytes : bytes.substr(0, bytes.size() / 2));
        if (mood_ != Mood::kWell) {
          mood_ == Mood::kSilent ? reply.Hang() : reply.Close();
        }
        return;
      }
    }
    reply.Respond(404, "text/plain", "no such object");
  }

  const std::map<InstanceReference, std::string> content_ = Content();
  std::atomic<Mood> mood_{Mood::kWell};
  FakeHttpServer server_{[this](const ReceivedRequest& request, HttpReply& reply) { Respond(request, reply); }};
};

std::shared_ptr<HttpClient> Client() {
  HttpOptions options;
  options.stall_timeout = DownloadWorld::patience;
  return std::make_shared<HttpClient>(options);
}

class WadoUriWorld : public DownloadWorld {
 public:
  Downloader& downloader() override { return *downloader_; }
  const std::map<InstanceReference, std::string>& content() const override { return wado_.content(); }
  void Refuse() override { downloader_ = MakeWadoUriDownloader({"http://127.0.0.1:1/wado"}, Client()); }
  void FallSilent() override { wado_.SetMood(FakeWadoUri::Mood::kSilent); }
  void CutOff() override { wado_.SetMood(FakeWadoUri::Mood::kCutting); }
  void Recover() override { wado_.SetMood(FakeWadoUri::Mood::kWell); }

 private:
  FakeWadoUri wado_;
  std::unique_ptr<Downloader> downloader_ = MakeWadoUriDownloader({wado_.server().Url("/wado")}, Client());
};

using enum DownloadCase;
INSTANTIATE_TEST_SUITE_P(WadoUri, DownloaderContract,
                         testing::ValuesIn(DownloadContractParams(
                             "WadoUri", [] { return std::make_unique<WadoUriWorld>(); },
                             {kOne, kMany, kNone, kRefused, kTimeout, kTruncated, kCancelled, kRecovers})),
                         DownloadContractName);

class WadoUriTest : public testing::Test {
 protected:
  void Serve(const std::string& content_type, const std::string& body, int status = 200) {
    wado_.server().SetHandler(
        [=](const ReceivedRequest&, HttpReply& reply) { reply.Respond(status, content_type, body); });
  }
  std::optional<ErrorCode> Get(const std::vector<InstanceReference>& instances) {
    sink_ = RecordingSink();
    return CodeOf([&] { downloader_->Download(instances, sink_, Context::WithTimeout(std::chrono::seconds(30))); });
  }

  FakeWadoUri wado_;
  const InstanceReference one_ = wado_.content().begin()->first;
  const InstanceReference two_ = std::next(wado_.content().begin())->first;
  const std::string file_ = wado_.content().at(one_);
  RecordingSink sink_;
  std::unique_ptr<Downloader> downloader_ = MakeWadoUriDownloader({wado_.server().Url("/wado")}, Client());
};

TEST_F(WadoUriTest, AsksWithTheFiveParametersUnencoded) {
  EXPECT_EQ(Get({one_}), std::nullopt);
  EXPECT_EQ(sink_.whole[one_], file_);
  EXPECT_EQ(sink_.lengths[one_], file_.size());
  EXPECT_THAT(wado_.server().Targets(), ElementsAre("/wado?" + QueryOf(one_)));
  // The seed's bug 6: no Accept header.
  EXPECT_EQ(wado_.server().Requests()[0].Header("accept"), "application/dicom");
}

TEST_F(WadoUriTest, NamesATransferSyntaxWhenItIsToldTo) {
  const std::string url = wado_.server().Url("/wado?site=7");
  downloader_ = MakeWadoUriDownloader({.url = url, .transfer_syntax = "1.2.840.10008.1.2.1"}, Client());
  Serve("application/dicom", file_);
  EXPECT_EQ(Get({one_}), std::nullopt);
  EXPECT_THAT(wado_.server().Targets(),
              ElementsAre("/wado?site=7&" + QueryOf(one_) + "&transferSyntax=1.2.840.10008.1.2.1"));
}

// Among them the seed's mock responses: 1234 zero bytes, and a text with a success status.
TEST_F(WadoUriTest, FailsForWhatIsNotTheInstanceBeforeAnyOfItsBytes) {
  const std::vector<std::pair<std::string, std::string>> responses = {
      {"application/dicom", std::string(1234, '\0')},
      {"application/dicom", ""},
      {"text/html", "<html>Please log in</html>"},
      {"application/dicom", "<html>Please log in</html>"},
      {"image/jpeg", "\xff\xd8\xff\xe0" + std::string(500, 'j')},
      {"application/dicom", wado_.content().at(two_)},
  };
  for (const auto& [type, body] : responses) {
    SCOPED_TRACE(type + " " + body.substr(0, 10));
    Serve(type, body);
    EXPECT_EQ(Get({one_}), std::nullopt);
    EXPECT_EQ(sink_.failed[one_], ErrorCode::kProtocol);
    EXPECT_TRUE(sink_.lengths.empty());
  }
  Serve("image/jpeg", "\xff\xd8\xff\xe0" + std::string(500, 'j'));
  Get({one_});
  EXPECT_THAT(sink_.messages[one_], HasSubstr("image/jpeg instead of DICOM"));
}

TEST_F(WadoUriTest, FailsWhenTheEndCannotBeTold) {
  wado_.server().SetHandler([file = file_](const ReceivedRequest&, HttpReply& reply) {
    reply.Head(200, {{"Content-Type", "application/dicom"}, {"Connection", "close"}});
    reply.Send(file);
    reply.Close();
  });
  EXPECT_EQ(Get({one_}), std::nullopt);
  EXPECT_THAT(sink_.messages[one_], HasSubstr("lost connection"));
}

TEST_F(WadoUriTest, TellsMissingRefusedAndBroken) {
  for (const int status : {404, 410}) {
    Serve("text/plain", "gone", status);
    EXPECT_EQ(Get({one_, two_}), std::nullopt);
    EXPECT_EQ(sink_.missing.size(), 2u);
  }
  Serve("text/plain", "no", 403);
  EXPECT_EQ(Get({one_}), std::nullopt);
  EXPECT_EQ(sink_.failed[one_], ErrorCode::kAccessDenied);
  Serve("text/plain", "no", 401);
  EXPECT_EQ(Get({one_}), ErrorCode::kAccessDenied);
  Serve("text/html", "Bad gateway", 502);
  EXPECT_EQ(Get({one_}), ErrorCode::kUnavailable);
}

TEST_F(WadoUriTest, LetsWhatTheSinkThrowsPass) {
  RecordingSink sink;
  sink.on_data = [] { throw Error(ErrorCode::kNoSpace, "Cannot write: full"); };
  EXPECT_EQ(CodeOf([&] { downloader_->Download(std::vector{one_, two_}, sink, {}); }), ErrorCode::kNoSpace);
}

}  // namespace
}  // namespace trolley
