#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "download/downloader_contract.h"
#include "support/orthanc_content.h"
#include "support/proxy.h"
#include "trolley/downloaders.h"
#include "trolley/http_client.h"

namespace trolley {
namespace {

// Orthanc behind a proxy that counts and makes trouble.
class OrthancDownloadWorld : public DownloadWorld {
 public:
  OrthancDownloadWorld() : proxy_(OrthancContent::Shared().orthanc().http_port()) {
    HttpOptions options;
    options.stall_timeout = DownloadWorld::patience;
    downloader_ = MakeWadoRsDownloader({proxy_.Url("/dicom-web")}, std::make_shared<HttpClient>(options));
  }
  Downloader& downloader() override { return *downloader_; }
  const std::map<InstanceReference, std::string>& content() const override {
    return OrthancContent::Shared().instances();
  }
  void Refuse() override { proxy_.Refuse(); }
  void FallSilent() override { proxy_.Hang("", 2000); }
  void CutOff() override { proxy_.Cut(2000); }
  void Recover() override { proxy_.Pass(); }
  CountingProxy& proxy() { return proxy_; }

 private:
  CountingProxy proxy_;
  std::unique_ptr<Downloader> downloader_;
};

using enum DownloadCase;
INSTANTIATE_TEST_SUITE_P(Orthanc, DownloaderContract,
                         testing::ValuesIn(DownloadContractParams(
                             "Orthanc", [] { return std::make_unique<OrthancDownloadWorld>(); },
                             {kOne, kMany, kNone, kRefused, kTimeout, kTruncated, kCancelled, kRecovers})),
                         DownloadContractName);

class WadoRsArchiveTest : public testing::Test {
 protected:
  const std::string& Bytes(const InstanceReference& instance) const { return world_.content().at(instance); }

  OrthancDownloadWorld world_;
  RecordingSink sink_;
};

TEST_F(WadoRsArchiveTest, GetsTheStoredBytesOfEveryInstanceOneByOne) {
  for (const auto& [instance, bytes] : world_.content()) {
    world_.downloader().Download({&instance, 1}, sink_, {});
    EXPECT_TRUE(sink_.whole[instance] == bytes) << instance.instance.str();
    EXPECT_EQ(sink_.lengths[instance], bytes.size());
  }
  EXPECT_EQ(world_.proxy().CountRequests(), world_.content().size());
}

TEST_F(WadoRsArchiveTest, GetsASeriesInOneRequest) {
  const std::vector<InstanceReference> series = OrthancContent::Shared().Series("2", 2);
  world_.downloader().Download(series, sink_, {});
  EXPECT_EQ(sink_.whole.size(), 120u);
  for (const InstanceReference& instance : series) {
    EXPECT_TRUE(sink_.whole[instance] == Bytes(instance));
  }
  EXPECT_EQ(world_.proxy().CountRequests(), 1u);
}

// The response for a series ends with the connection: only the closing delimiter tells that it is whole.
TEST_F(WadoRsArchiveTest, ThrowsWhenASeriesIsCutOff) {
  const std::vector<InstanceReference> series = OrthancContent::Shared().Series("2", 2);
  world_.proxy().Cut(50000);
  EXPECT_NE(CodeOf([&] { world_.downloader().Download(series, sink_, {}); }), std::nullopt);
  EXPECT_LT(sink_.whole.size(), 120u);
  for (const auto& [instance, bytes] : sink_.whole) {
    EXPECT_TRUE(bytes == Bytes(instance));
  }
}

}  // namespace
}  // namespace trolley
