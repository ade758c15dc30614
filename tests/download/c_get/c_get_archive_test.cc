#include <gtest/gtest.h>

#include "dimse/association_pool.h"
#include "download/dimse_content.h"
#include "download/downloader_contract.h"
#include "support/tcp_proxy.h"
#include "trolley/downloaders.h"

namespace trolley {
namespace {

DicomPeer PeerAt(int port, const std::string& title) {
  DicomPeer peer;
  peer.host = "127.0.0.1";
  peer.port = static_cast<uint16_t>(port);
  peer.called_aet = title;
  peer.connect_timeout = peer.stall_timeout = DownloadWorld::patience;
  return peer;
}

// A real archive behind a proxy that makes trouble.
class CGetWorld : public DownloadWorld {
 public:
  CGetWorld(int port, const std::string& title, Content content, CGetOptions options = {})
      : content_(std::move(content)),
        proxy_(port),
        downloader_(MakeCGetDownloader(options, std::make_shared<AssociationPool>(PeerAt(proxy_.port(), title)))) {}
  Downloader& downloader() override { return *downloader_; }
  const Content& content() const override { return content_; }
  void Refuse() override { proxy_.Refuse(); }
  void FallSilent() override { proxy_.Hang(kWithinTheFirstInstance); }
  void CutOff() override { proxy_.Cut(kWithinTheFirstInstance); }
  void Recover() override { proxy_.Pass(); }
  TcpProxy& proxy() { return proxy_; }

 private:
  static constexpr uint64_t kWithinTheFirstInstance = 5000;

  const Content content_;
  TcpProxy proxy_;
  std::unique_ptr<Downloader> downloader_;
};

std::unique_ptr<CGetWorld> OrthancWorld(CGetOptions options = {}) {
  OrthancContent& archive = OrthancContent::Shared();
  return std::make_unique<CGetWorld>(archive.orthanc().dicom_port(), "ORTHANC",
                                     WrappedContent(archive.instances(), true), options);
}

std::unique_ptr<CGetWorld> DcmqrscpWorld() {
  static const Dcmqrscp server(UncompressedFiles());
  return std::make_unique<CGetWorld>(server.port(), Dcmqrscp::kAeTitle,
                                     WrappedContent(OrthancContent::Shared().instances(), false));
}

using enum DownloadCase;
INSTANTIATE_TEST_SUITE_P(CGetOrthanc, DownloaderContract,
                         testing::ValuesIn(DownloadContractParams("CGetOrthanc", [] { return OrthancWorld(); },
                                                                  {kOne, kMany, kNone, kRefused, kTimeout, kTruncated,
                                                                   kCancelled, kRecovers})),
                         DownloadContractName);
INSTANTIATE_TEST_SUITE_P(CGetDcmqrscp, DownloaderContract,
                         testing::ValuesIn(DownloadContractParams("CGetDcmqrscp", [] { return DcmqrscpWorld(); },
                                                                  {kOne, kMany, kNone, kRefused, kTimeout, kTruncated,
                                                                   kCancelled, kRecovers})),
                         DownloadContractName);

class CGetArchiveTest : public testing::Test {
 protected:
  RecordingSink sink_;
};

TEST_F(CGetArchiveTest, CompressedSeriesKeepTheirSyntax) {
  const JpegLsContent& jpeg_ls = JpegLsContent::Shared();
  OrthancContent::Shared().orthanc().Upload(jpeg_ls.files);
  const auto world = OrthancWorld();
  world->downloader().Download(Keys(jpeg_ls.compressed), sink_, {});
  EXPECT_TRUE(sink_.whole == jpeg_ls.compressed);
  world->downloader().Download(OrthancContent::Shared().Series("3", 1), sink_, {});  // JPEG
  world->downloader().Download(OrthancContent::Shared().Series("3", 2), sink_, {});  // RLE
  EXPECT_EQ(sink_.whole.size(), jpeg_ls.compressed.size() + 2);
  for (const auto& instance : {OrthancContent::Ref("3", 1, 1), OrthancContent::Ref("3", 2, 1)}) {
    EXPECT_TRUE(sink_.whole[instance] == world->content().at(instance));
  }
}

TEST_F(CGetArchiveTest, GetsASeriesInAFewRequestsOnOneAssociation) {
  const auto world = OrthancWorld({.batch = 50});
  const auto series = OrthancContent::Shared().Series("2", 2);
  world->downloader().Download(series, sink_, {});
  EXPECT_EQ(sink_.whole.size(), 120u);
  EXPECT_EQ(world->proxy().connections(), 2);  // the other one asked for the storage class
  EXPECT_EQ(sink_.lengths.at(series.front()), std::nullopt);
}

TEST_F(CGetArchiveTest, GetsWholeSeriesWhenToldTo) {
  const auto world = OrthancWorld({.whole_series_from = 3});
  const auto series = OrthancContent::Shared().Series("2", 2);
  world->downloader().Download(std::span(series).first(5), sink_, {});
  EXPECT_EQ(sink_.whole.size(), 5u);
  EXPECT_TRUE(sink_.failed.empty());
}

// It uses one of the presentation contexts of a class, whatever the instance is stored in, and fails the others: a
// narrower proposal finds them.
TEST_F(CGetArchiveTest, GetsFromAnArchiveThatFailsAllWhenSyntaxesAreProposedTogether) {
  const JpegLsContent& jpeg_ls = JpegLsContent::Shared();
  const Dcmqrscp server(jpeg_ls.files, {.arguments = {"+xt"}});
  CGetWorld world(server.port(), Dcmqrscp::kAeTitle, {});
  for (const Content* content : {&jpeg_ls.compressed, &jpeg_ls.uncompressed, &jpeg_ls.compressed}) {
    RecordingSink sink;
    world.downloader().Download(Keys(*content), sink, {});
    EXPECT_TRUE(sink.whole == *content);
  }
  const int before = world.proxy().connections();
  RecordingSink sink;
  world.downloader().Download(Keys(jpeg_ls.compressed), sink, {});
  EXPECT_EQ(world.proxy().connections(), before) << "what had worked was forgotten";
}

TEST_F(CGetArchiveTest, TellsWhichInstancesAnArchiveCannotSend) {
  const JpegLsContent& jpeg_ls = JpegLsContent::Shared();
  const Dcmqrscp server(jpeg_ls.files);  // takes uncompressed syntaxes only, and does not convert
  CGetWorld world(server.port(), Dcmqrscp::kAeTitle, {});
  std::vector<InstanceReference> wanted = Keys(jpeg_ls.compressed);
  const auto uncompressed = Keys(jpeg_ls.uncompressed);
  wanted.insert(wanted.end(), uncompressed.begin(), uncompressed.end());
  world.downloader().Download(wanted, sink_, {});
  EXPECT_TRUE(sink_.whole == jpeg_ls.uncompressed);
  EXPECT_EQ(sink_.failed.size(), jpeg_ls.compressed.size());
  EXPECT_EQ(sink_.failed.begin()->second, ErrorCode::kProtocol);
  EXPECT_NE(sink_.messages.begin()->second.find("A702"), std::string::npos) << sink_.messages.begin()->second;
}

}  // namespace
}  // namespace trolley
