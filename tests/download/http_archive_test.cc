// WADO-URI, Orthanc's own REST interface and WADO-RS metadata against a real Orthanc.
#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "base/text.h"
#include "download/downloader_contract.h"
#include "download/wado/wado_rs_metadata.h"
#include "orthanc/orthanc_downloader.h"
#include "orthanc/orthanc_rest.h"
#include "support/orthanc_content.h"
#include "support/proxy.h"
#include "trolley/downloaders.h"
#include "trolley/file_header.h"
#include "trolley/http_client.h"

namespace trolley {
namespace {

std::shared_ptr<HttpClient> Client() {
  HttpOptions options;
  options.stall_timeout = DownloadWorld::patience;
  return std::make_shared<HttpClient>(options);
}

// Orthanc behind a proxy that counts and makes trouble.
class HttpWorld : public DownloadWorld {
 public:
  const std::map<InstanceReference, std::string>& content() const override {
    return OrthancContent::Shared().instances();
  }
  Downloader& downloader() override { return *downloader_; }
  void Refuse() override { proxy_.Refuse(); }
  void FallSilent() override { proxy_.Hang("", 2000); }
  void CutOff() override { proxy_.Cut(2000); }
  void Recover() override { proxy_.Pass(); }
  CountingProxy& proxy() { return proxy_; }

 protected:
  CountingProxy proxy_{OrthancContent::Shared().orthanc().http_port()};
  std::unique_ptr<Downloader> downloader_;
};

class WadoUriOrthancWorld : public HttpWorld {
 public:
  WadoUriOrthancWorld() { downloader_ = MakeWadoUriDownloader({proxy_.Url("/wado")}, Client()); }
};

class RestWorld : public HttpWorld {
 public:
  RestWorld() {
    const auto http = Client();
    rest_ = std::make_shared<OrthancRest>(proxy_.Url(), http);
    downloader_ = MakeOrthancDownloader(rest_, http, MakeWadoRsDownloader({proxy_.Url("/dicom-web")}, http));
  }
  OrthancRest& rest() { return *rest_; }

 private:
  std::shared_ptr<OrthancRest> rest_;
};

using enum DownloadCase;
const std::vector<DownloadCase> kAll = {kOne, kMany, kNone, kRefused, kTimeout, kTruncated, kCancelled, kRecovers};
INSTANTIATE_TEST_SUITE_P(WadoUriOrthanc, DownloaderContract,
                         testing::ValuesIn(DownloadContractParams(
                             "WadoUriOrthanc", [] { return std::make_unique<WadoUriOrthancWorld>(); }, kAll)),
                         DownloadContractName);
INSTANTIATE_TEST_SUITE_P(OrthancRest, DownloaderContract,
                         testing::ValuesIn(DownloadContractParams(
                             "OrthancRest", [] { return std::make_unique<RestWorld>(); }, kAll)),
                         DownloadContractName);

template <typename World>
void ExpectTheStoredBytesOfEveryInstance(World& world) {
  RecordingSink sink;
  for (const auto& [instance, bytes] : world.content()) {
    world.downloader().Download({&instance, 1}, sink, {});
    EXPECT_TRUE(sink.whole[instance] == bytes) << instance.instance.str() << sink.messages[instance];
    EXPECT_EQ(sink.lengths[instance], bytes.size());
  }
}

TEST(WadoUriArchiveTest, GetsTheStoredBytesOfEveryInstance) {
  WadoUriOrthancWorld world;
  ExpectTheStoredBytesOfEveryInstance(world);
  EXPECT_EQ(world.proxy().CountRequests("/wado?requestType=WADO&studyUID="), world.content().size());
}

TEST(OrthancRestArchiveTest, GetsTheStoredBytesOfEveryInstance) {
  RestWorld world;
  ExpectTheStoredBytesOfEveryInstance(world);
  EXPECT_EQ(world.proxy().CountRequests("/file"), world.content().size());
  EXPECT_EQ(world.proxy().CountRequests("/dicom-web"), 0u);
  EXPECT_EQ(world.proxy().CountRequests("/system"), 1u);
}

TEST(OrthancRestArchiveTest, GetsManyOfASeriesInOneStream) {
  RestWorld world;
  RecordingSink sink;
  world.downloader().Download(OrthancContent::Shared().Series("2", 2), sink, {});
  EXPECT_EQ(sink.whole.size(), 120u);
  EXPECT_EQ(world.proxy().CountRequests(), 1u);
}

TEST(OrthancRestArchiveTest, KnowsTheExactSizesOfASeriesAndNeedsNoLookUpAfterwards) {
  RestWorld world;
  const std::vector<InstanceReference> series = OrthancContent::Shared().Series("2", 2);
  ASSERT_TRUE(world.rest().IsAvailable({}));
  const auto found = world.rest().SizesOf(series.front().series_reference(), {});
  ASSERT_TRUE(found.has_value());
  const OrthancRest::Sizes& sizes = *found;
  EXPECT_EQ(sizes.size(), 120u);
  for (const InstanceReference& instance : series) {
    EXPECT_EQ(sizes.at(instance.instance), world.content().at(instance).size());
  }
  EXPECT_EQ(world.rest().SizesOf(series[7], {}),
            (OrthancRest::Sizes{{series[7].instance, sizes.at(series[7].instance)}}));
  world.proxy().ForgetRequests();
  RecordingSink sink;
  world.downloader().Download({&series[7], 1}, sink, {});
  EXPECT_TRUE(sink.whole[series[7]] == world.content().at(series[7]));
  EXPECT_EQ(world.proxy().CountRequests(), 1u);
}

TEST(OrthancRestArchiveTest, HasNothingOfASeriesInAnotherStudy) {
  RestWorld world;
  const InstanceReference real = OrthancContent::Ref("2", 2, 1);
  const InstanceReference elsewhere{Uid(OrthancContent::StudyUid("1")), real.series, real.instance};
  RecordingSink sink;
  world.downloader().Download({&elsewhere, 1}, sink, {});
  EXPECT_EQ(sink.missing, std::vector{elsewhere});
  EXPECT_EQ(world.rest().SizesOf(elsewhere.series_reference(), {}), OrthancRest::Sizes{});
}

// What the header of a file says, as a listing would show it.
std::string HeaderOf(const std::string& bytes, const TempDirectory& directory) {
  const std::filesystem::path file = directory / "file.dcm";
  std::ofstream(file, std::ios::binary) << bytes;
  const auto header = ReadFileHeader(file);
  std::string text;
  if (header) {
    header->attributes.ForEach([&](Tag tag, std::string_view value) {
      // Orthanc's XML adds digits to decimal strings; and texts are the same in another character set.
      constexpr Tag kLossyImageCompressionRatio{0x00282112};
      if (tag != tag::kSpecificCharacterSet && tag != kLossyImageCompressionRatio) {
        text += StrCat(TagName(tag), "=", value, "\n");
      }
    });
  }
  return text;
}

TEST(WadoRsMetadataArchiveTest, WritesTheHeaderOfEveryInstance) {
  HttpWorld world;
  const TempDirectory directory;
  for (const bool xml : {false, true}) {
    const auto downloader =
        MakeWadoRsMetadataDownloader({.url = world.proxy().Url("/dicom-web"), .use_xml = xml}, Client());
    RecordingSink sink;
    std::vector<InstanceReference> all;
    for (const auto& [instance, bytes] : world.content()) {
      all.push_back(instance);
    }
    downloader->Download(all, sink, {});
    ASSERT_EQ(sink.whole.size(), all.size());
    for (const InstanceReference& instance : all) {
      if (instance.series != OrthancContent::Ref("2", 2, 1).series || instance == OrthancContent::Ref("2", 2, 1)) {
        EXPECT_EQ(HeaderOf(sink.whole[instance], directory), HeaderOf(world.content().at(instance), directory))
            << instance.instance.str() << " xml " << xml;
      }
    }
  }
}

}  // namespace
}  // namespace trolley
