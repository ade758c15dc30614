#include "download/wado/wado_rs_metadata.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "dicom/dicom_json_data_set.h"
#include "dicom/part10_writer.h"
#include "download/downloader_contract.h"
#include "download/recording_sink.h"
#include "download/wado/fake_wado.h"
#include "trolley/http_client.h"

namespace trolley {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

InstanceReference Ref(int series, int instance) {
  const std::string uid = StrCat("1.2.3.", series);
  return {Uid("1.2.3"), Uid(uid), Uid(StrCat(uid, ".", instance))};
}

DataSet Metadata(const InstanceReference& instance) {
  return {{tag::kSOPClassUID, {"UI", {"1.2.840.10008.5.1.4.1.1.2"}, {}, {}}},
          {tag::kSOPInstanceUID, {"UI", {instance.instance.str()}, {}, {}}},
          {tag::kPatientName, {"PN", {"Müller^Jürgen"}, {}, {}}},
          {tag::kStudyInstanceUID, {"UI", {instance.study.str()}, {}, {}}},
          {tag::kSeriesInstanceUID, {"UI", {instance.series.str()}, {}, {}}}};
}

std::string Xml(const InstanceReference& instance) {
  std::string xml = "<NativeDicomModel>";
  for (const auto& [tag, element] : Metadata(instance)) {
    const std::string value = element.vr == "PN" ? "<PersonName><Alphabetic><FamilyName>Müller</"
                                                   "FamilyName><GivenName>Jürgen</GivenName></Alphabetic></PersonName>"
                                                 : StrCat("<Value number=\"1\">", element.values[0], "</Value>");
    xml += StrCat("<DicomAttribute tag=\"", TagHex(tag), "\" vr=\"", element.vr, "\">", value, "</DicomAttribute>");
  }
  return xml + "</NativeDicomModel>";
}

// The metadata of two series, in one format.
class FakeMetadata {
 public:
  enum class Mood { kWell, kSilent, kCutting };

  FakeMetadata() {
    for (int i = 1; i <= 14; ++i) {
      const InstanceReference instance = i <= 12 ? Ref(1, i) : Ref(2, i);
      content_[instance] = WritePart10(Metadata(instance));
    }
  }
  FakeHttpServer& server() { return server_; }
  std::string url() const { return server_.Url("/dicom-web/"); }
  const std::map<InstanceReference, std::string>& content() const { return content_; }
  void SetMood(Mood mood) { mood_ = mood; }
  void SpeakXml() { xml_ = true; }

  void Respond(const ReceivedRequest& request, HttpReply& reply) {
    const bool wants_xml = request.Header("accept").find("xml") != std::string::npos;
    if (wants_xml != xml_) {
      reply.Respond(406, "text/plain", "not that format");
      return;
    }
    std::vector<std::string> found;
    for (const auto& [instance, bytes] : content_) {
      for (const std::string& path : {FakeWado::PathOf(instance), FakeWado::SeriesPathOf(instance),
                                      "/dicom-web/studies/" + instance.study.str()}) {
        if (request.target == path + "/metadata") {
          found.push_back(xml_ ? "--b\r\nContent-Type: application/dicom+xml\r\n\r\n" + Xml(instance) + "\r\n"
                               : WriteDicomJson(Metadata(instance)));
        }
      }
    }
    if (found.empty()) {
      reply.Respond(404, "application/json", R"({"HttpError":"Not Found"})");
      return;
    }
    const std::string body = xml_ ? Join(found, "") + "--b--\r\n" : "[" + Join(found, ",") + "]";
    const std::string type =
        xml_ ? R"(multipart/related; type="application/dicom+xml"; boundary=b)" : "application/dicom+json";
    reply.Head(200, {{"Content-Type", type}, {"Content-Length", std::to_string(body.size())}});
    reply.Send(mood_ == Mood::kWell ? body : body.substr(0, body.size() / 2));
    if (mood_ != Mood::kWell) {
      mood_ == Mood::kSilent ? reply.Hang() : reply.Close();
    }
  }

 private:
  std::map<InstanceReference, std::string> content_;
  std::atomic<Mood> mood_{Mood::kWell};
  std::atomic<bool> xml_{false};
  FakeHttpServer server_{[this](const ReceivedRequest& request, HttpReply& reply) { Respond(request, reply); }};
};

std::shared_ptr<HttpClient> Client() {
  HttpOptions options;
  options.stall_timeout = DownloadWorld::patience;
  return std::make_shared<HttpClient>(options);
}

class MetadataWorld : public DownloadWorld {
 public:
  Downloader& downloader() override { return *downloader_; }
  const std::map<InstanceReference, std::string>& content() const override { return fake_.content(); }
  void Refuse() override { downloader_ = MakeWadoRsMetadataDownloader({.url = "http://127.0.0.1:1/x"}, Client()); }
  void FallSilent() override { fake_.SetMood(FakeMetadata::Mood::kSilent); }
  void CutOff() override { fake_.SetMood(FakeMetadata::Mood::kCutting); }
  void Recover() override { fake_.SetMood(FakeMetadata::Mood::kWell); }

 private:
  FakeMetadata fake_;
  std::unique_ptr<Downloader> downloader_ = MakeWadoRsMetadataDownloader({.url = fake_.url()}, Client());
};

using enum DownloadCase;
INSTANTIATE_TEST_SUITE_P(WadoRsMetadata, DownloaderContract,
                         testing::ValuesIn(DownloadContractParams(
                             "WadoRsMetadata", [] { return std::make_unique<MetadataWorld>(); },
                             {kOne, kMany, kNone, kRefused, kTimeout, kTruncated, kCancelled, kRecovers})),
                         DownloadContractName);

class WadoRsMetadataTest : public testing::Test {
 protected:
  void Serve(const std::string& content_type, const std::string& body, int status = 200) {
    fake_.server().SetHandler([=](const ReceivedRequest&, HttpReply& reply) {
      status == 204 ? reply.Head(204, {}) : reply.Respond(status, content_type, body);
    });
  }
  std::optional<ErrorCode> Get(const std::vector<InstanceReference>& instances) {
    sink_ = RecordingSink();
    return CodeOf([&] { downloader_->Download(instances, sink_, Context::WithTimeout(std::chrono::seconds(30))); });
  }
  std::vector<InstanceReference> All() const {
    std::vector<InstanceReference> all;
    for (const auto& [instance, bytes] : fake_.content()) {
      all.push_back(instance);
    }
    return all;
  }

  FakeMetadata fake_;
  const InstanceReference one_ = Ref(1, 1);
  RecordingSink sink_;
  std::unique_ptr<Downloader> downloader_ = MakeWadoRsMetadataDownloader({.url = fake_.url()}, Client());
};

TEST_F(WadoRsMetadataTest, AsksOnceForASeriesAndSinglyForFew) {
  EXPECT_EQ(Get(All()), std::nullopt);
  EXPECT_EQ(sink_.whole, fake_.content());
  EXPECT_THAT(fake_.server().Targets(),
              ElementsAre("/dicom-web/studies/1.2.3/series/1.2.3.1/metadata",
                          "/dicom-web/studies/1.2.3/series/1.2.3.2/instances/1.2.3.2.13/metadata",
                          "/dicom-web/studies/1.2.3/series/1.2.3.2/instances/1.2.3.2.14/metadata"));
  EXPECT_EQ(fake_.server().Requests()[0].Header("accept"), "application/dicom+json");
}

TEST_F(WadoRsMetadataTest, TakesXmlWhereThereIsNoJsonAndRemembers) {
  fake_.SpeakXml();
  EXPECT_EQ(Get(All()), std::nullopt);
  EXPECT_EQ(sink_.whole, fake_.content());
  EXPECT_EQ(fake_.server().CountRequests(), 4u);
  downloader_ = MakeWadoRsMetadataDownloader({.url = fake_.url(), .use_xml = true}, Client());
  EXPECT_EQ(Get({one_}), std::nullopt);
  EXPECT_EQ(fake_.server().CountRequests(), 5u);
}

// The seed's bug 8: its check for errors was never called, so that these became JSON errors of Python.
TEST_F(WadoRsMetadataTest, FailsForWhatIsNoMetadata) {
  const std::vector<std::pair<std::string, std::string>> responses = {
      {"text/html", "<html>Please log in</html>"},
      {"application/dicom+json", "<html>Please log in</html>"},
      {"application/dicom+json", ""},
      {"application/dicom+json", "[]"},
      {"application/dicom+json", "[{\"00080018\":"},
      {"application/dicom+json", WriteDicomJson(Metadata(Ref(1, 2)))},
      {"application/json", R"({"HttpError":"Internal"})"},
      {"application/dicom", "DICM"},
      {R"(multipart/related; boundary=b)", "--b\r\n\r\n<html/>\r\n--b--"},
      {R"(multipart/related; boundary=b)", "--b\r\n\r\n" + Xml(one_)},
  };
  for (const auto& [type, body] : responses) {
    SCOPED_TRACE(type + " " + body.substr(0, 20));
    Serve(type, body);
    EXPECT_EQ(Get({one_}), std::nullopt);
    EXPECT_EQ(sink_.failed[one_], ErrorCode::kProtocol);
    EXPECT_THAT(sink_.messages[one_], testing::StartsWith("Cannot download metadata of instance 1.2.3.1.1: "));
  }
  Serve("", "", 204);
  EXPECT_EQ(Get({one_}), std::nullopt);
  EXPECT_THAT(sink_.messages[one_], HasSubstr("no content"));
}

TEST_F(WadoRsMetadataTest, TellsMissingRefusedAndBroken) {
  Serve("text/plain", "no", 404);
  const std::vector<InstanceReference> all = All();
  EXPECT_EQ(Get(all), std::nullopt);
  EXPECT_EQ(sink_.missing.size(), all.size());
  EXPECT_EQ(fake_.server().CountRequests(), 4u);  // the long series is asked for, and one of it
  Serve("text/plain", "no", 403);
  EXPECT_EQ(Get({one_}), std::nullopt);
  EXPECT_EQ(sink_.failed[one_], ErrorCode::kAccessDenied);
  Serve("text/plain", "no", 503);
  EXPECT_EQ(Get({one_}), ErrorCode::kUnavailable);
}

TEST_F(WadoRsMetadataTest, AsksOneByOneForWhatASeriesDidNotBring) {
  fake_.server().SetHandler([this](const ReceivedRequest& request, HttpReply& reply) {
    request.target.ends_with("/series/1.2.3.1/metadata")
        ? (void)reply.Respond(200, "application/dicom+json", "[" + WriteDicomJson(Metadata(Ref(1, 3))) + ",{")
        : fake_.Respond(request, reply);
  });
  EXPECT_EQ(Get(All()), std::nullopt);
  EXPECT_EQ(sink_.whole, fake_.content());
  EXPECT_EQ(fake_.server().CountRequests("/1.2.3.1.3/"), 0u);
}

TEST_F(WadoRsMetadataTest, LetsWhatTheSinkThrowsPass) {
  for (const ErrorCode code : {ErrorCode::kNoSpace, ErrorCode::kProtocol}) {
    RecordingSink sink;
    sink.on_data = [code] { throw Error(code, "Cannot write: full"); };
    EXPECT_EQ(CodeOf([&] { downloader_->Download(All(), sink, {}); }), code);
    EXPECT_TRUE(sink.failed.empty());
  }
  EXPECT_EQ(fake_.server().CountRequests(), 2u);
}

TEST_F(WadoRsMetadataTest, GivesDataSetsOfEveryLevel) {
  WadoRsMetadata metadata({.url = fake_.url()}, Client());
  size_t count = 0;
  const auto each = [&](const DataSet& data_set) { count += data_set.contains(tag::kPatientName) ? 1 : 0; };
  EXPECT_TRUE(metadata.OfStudy({Uid("1.2.3")}, each, {}));
  EXPECT_EQ(std::exchange(count, 0), 14u);
  EXPECT_TRUE(metadata.OfSeries(Ref(2, 13).series_reference(), each, {}));
  EXPECT_EQ(std::exchange(count, 0), 2u);
  EXPECT_TRUE(metadata.OfInstance(one_, each, {}));
  EXPECT_EQ(count, 1u);
  EXPECT_FALSE(metadata.OfStudy({Uid("9.9")}, each, {}));
  Serve("text/plain", "no", 403);
  EXPECT_EQ(CodeOf([&] { metadata.OfInstance(one_, each, {}); }), ErrorCode::kAccessDenied);
}

}  // namespace
}  // namespace trolley
