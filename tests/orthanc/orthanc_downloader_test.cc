#include "orthanc/orthanc_downloader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "download/recording_sink.h"
#include "download/wado/fake_wado.h"
#include "orthanc/orthanc_detection.h"
#include "support/orthanc_fake.h"
#include "trolley/downloaders.h"
#include "trolley/http_client.h"

namespace trolley {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::map<InstanceReference, std::string> Content() {
  std::map<InstanceReference, std::string> content;
  for (int i = 1; i <= 3; ++i) {
    const std::string uid = "1.2.3.1." + std::to_string(i);
    content[{Uid("1.2.3"), Uid("1.2.3.1"), Uid(uid)}] = FakePart10(uid, std::string(500, static_cast<char>('a' + i)));
  }
  return content;
}

class OrthancTest : public testing::Test {
 protected:
  void Get(const InstanceReference& instance) {
    sink_ = RecordingSink();
    failure_ = CodeOf([&] {
      downloader_->Download({&instance, 1}, sink_, Context::WithTimeout(std::chrono::seconds(30)));
    });
  }
  void ExpectWhole(const InstanceReference& instance) {
    Get(instance);
    EXPECT_EQ(failure_, std::nullopt);
    EXPECT_EQ(sink_.whole[instance], content_.at(instance)) << sink_.messages[instance];
  }
  size_t Count(const std::string& part) { return orthanc_.server().CountRequests(part); }

  const std::map<InstanceReference, std::string> content_ = Content();
  const InstanceReference one_ = content_.begin()->first;
  const InstanceReference two_ = std::next(content_.begin())->first;
  FakeWado wado_{content_};
  FakeOrthanc orthanc_{content_,
                       [this](const ReceivedRequest& request, HttpReply& reply) { wado_.Respond(request, reply); }};
  const std::shared_ptr<HttpClient> http_ = std::make_shared<HttpClient>(HttpOptions());
  const std::shared_ptr<OrthancRest> rest_ = std::make_shared<OrthancRest>(orthanc_.server().Url("/"), http_);
  const std::unique_ptr<Downloader> downloader_ =
      MakeOrthancDownloader(rest_, http_, MakeWadoRsDownloader({orthanc_.server().Url("/dicom-web")}, http_));
  RecordingSink sink_;
  std::optional<ErrorCode> failure_;
};

TEST_F(OrthancTest, LooksUpOnceAndFetchesTheFile) {
  ExpectWhole(one_);
  EXPECT_EQ(sink_.lengths[one_], content_.at(one_).size());
  EXPECT_THAT(orthanc_.server().Targets(), ElementsAre("/system", "/tools/find", "/instances/a0/file"));
  ExpectWhole(one_);
  EXPECT_EQ(orthanc_.server().CountRequests(), 4u);
}

TEST_F(OrthancTest, LooksUpAnewWhatIsNoLongerThere) {
  ExpectWhole(one_);
  orthanc_.Renumber();
  ExpectWhole(one_);
  EXPECT_EQ(Count("/tools/find"), 2u);
  orthanc_.Empty();
  Get(one_);
  EXPECT_THAT(sink_.missing, ElementsAre(one_));
}

// What was taken for the Orthanc behind the DICOMweb address may be another one.
TEST_F(OrthancTest, BelievesDicomWebWhereOrthancIsAGuess) {
  const auto guessed = std::make_shared<OrthancRest>(orthanc_.server().Url("/"), http_, OrthancRest::Basis::kDetected);
  const auto downloader =
      MakeOrthancDownloader(guessed, http_, MakeWadoRsDownloader({orthanc_.server().Url("/dicom-web")}, http_));
  orthanc_.Empty();
  const InstanceReference absent{Uid("1.2.3"), Uid("1.2.3.1"), Uid("1.2.3.1.99")};
  for (const InstanceReference& instance : {one_, absent}) {
    downloader->Download({&instance, 1}, sink_, Context::WithTimeout(std::chrono::seconds(30)));
  }
  EXPECT_EQ(sink_.whole[one_], content_.at(one_));
  EXPECT_THAT(sink_.missing, ElementsAre(absent));
}

TEST_F(OrthancTest, UsesDicomWebWhereTheInterfaceIsRefused) {
  for (const int status : {401, 403, 404}) {
    orthanc_.Refuse("/system", status);
    ExpectWhole(one_);
    ExpectWhole(two_);
  }
  EXPECT_EQ(Count("/system"), 1u);
  EXPECT_EQ(Count("/tools/find") + Count("/file"), 0u);
}

TEST_F(OrthancTest, UsesDicomWebWhereOnlyAPartOfTheInterfaceIsOpen) {
  orthanc_.Refuse("/tools", 405);
  ExpectWhole(one_);
  ExpectWhole(two_);
  EXPECT_EQ(Count("/tools/find"), 1u);
}

TEST_F(OrthancTest, UsesDicomWebWhereFilesAreRefused) {
  for (const int status : {403, 404}) {
    orthanc_.Refuse("/file", status);
    ExpectWhole(one_);
  }
  EXPECT_EQ(Count("/dicom-web"), 2u);
}

TEST_F(OrthancTest, UsesDicomWebWhereALoginPageAnswers) {
  orthanc_.Refuse("/system", 200);
  ExpectWhole(one_);
}

TEST_F(OrthancTest, FailsForAnotherInstanceBeforeAnyOfItsBytes) {
  orthanc_.server().SetHandler([this](const ReceivedRequest& request, HttpReply& reply) {
    if (request.target == "/system") {
      reply.Respond(200, "application/json", R"({"ApiVersion":16})");
    } else if (request.target == "/tools/find") {
      reply.Respond(200, "application/json", R"(["a1"])");
    } else {
      reply.Respond(200, "application/dicom", content_.at(two_));
    }
  });
  Get(one_);
  EXPECT_EQ(sink_.failed[one_], ErrorCode::kProtocol);
  EXPECT_THAT(sink_.messages[one_], HasSubstr("another instance"));
  EXPECT_TRUE(sink_.lengths.empty());
}

TEST_F(OrthancTest, UsesDicomWebWhereAnswersMakeNoSense) {
  for (const std::string answer : {"{}", "[1]", R"(["../../x"])", "[", ""}) {
    orthanc_.server().SetHandler([this, answer](const ReceivedRequest& request, HttpReply& reply) {
      if (request.target == "/system") {
        reply.Respond(200, "application/json", R"({"ApiVersion":16})");
      } else if (request.target == "/tools/find") {
        reply.Respond(200, "application/json", answer);
      } else {
        wado_.Respond(request, reply);
      }
    });
    ExpectWhole(one_);
  }
  EXPECT_EQ(Count("/instances/"), 5u);  // all of them DICOMweb's
  EXPECT_EQ(Count("/file"), 0u);
}

TEST(OrthancRootTest, IsWhereThePluginIsNot) {
  EXPECT_EQ(OrthancRoot("http://h:8042/dicom-web"), "http://h:8042");
  EXPECT_EQ(OrthancRoot("https://h/orthanc/dicom-web/"), "https://h/orthanc");
  EXPECT_EQ(CodeOf([] { OrthancRoot("http://h:8042/"); }), ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace trolley
