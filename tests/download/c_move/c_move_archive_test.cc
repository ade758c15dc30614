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

CMoveOptions Options(int port, const std::string& title = OrthancContent::kMoveTitle) {
  return {.move_aet = title,
          .move_port = static_cast<uint16_t>(port),
          .bind_address = "127.0.0.1",
          .late = std::chrono::milliseconds(500)};
}

// A real archive, with a proxy before it and one between it and us. The archive sends to `destination`.
class CMoveWorld : public DownloadWorld {
 public:
  CMoveWorld(int port, const std::string& title, int destination, Content content)
      : content_(std::move(content)),
        our_port_(FreePort()),
        to_archive_(port),
        to_us_(our_port_, destination),
        downloader_(MakeCMoveDownloader(Options(our_port_),
                                        std::make_shared<AssociationPool>(PeerAt(to_archive_.port(), title)))) {}
  Downloader& downloader() override { return *downloader_; }
  const Content& content() const override { return content_; }
  void Refuse() override { to_archive_.Refuse(); }
  void FallSilent() override { to_us_.Hang(kWithinTheFirstInstance, TcpProxy::Toward::kServer); }
  void CutOff() override { to_us_.Cut(kWithinTheFirstInstance, TcpProxy::Toward::kServer); }
  void Recover() override { to_us_.Pass(); }
  TcpProxy& to_us() { return to_us_; }
  TcpProxy& to_archive() { return to_archive_; }

 private:
  static constexpr uint64_t kWithinTheFirstInstance = 7000;

  const Content content_;
  const int our_port_;
  TcpProxy to_archive_;
  TcpProxy to_us_;
  std::unique_ptr<Downloader> downloader_;
};

std::unique_ptr<CMoveWorld> OrthancWorld() {
  OrthancContent& archive = OrthancContent::Shared();
  return std::make_unique<CMoveWorld>(archive.orthanc().dicom_port(), "ORTHANC", archive.move_port(),
                                      WrappedContent(archive.instances(), true));
}

std::unique_ptr<CMoveWorld> DcmqrscpWorld() {
  static const int destination = FreePort();
  static const Dcmqrscp server(UncompressedFiles(), {.destinations = {{OrthancContent::kMoveTitle, destination}}});
  return std::make_unique<CMoveWorld>(server.port(), Dcmqrscp::kAeTitle, destination,
                                      WrappedContent(OrthancContent::Shared().instances(), false));
}

using enum DownloadCase;
INSTANTIATE_TEST_SUITE_P(CMoveOrthanc, DownloaderContract,
                         testing::ValuesIn(DownloadContractParams("CMoveOrthanc", [] { return OrthancWorld(); },
                                                                  {kOne, kMany, kNone, kRefused, kTimeout, kTruncated,
                                                                   kCancelled, kRecovers})),
                         DownloadContractName);
INSTANTIATE_TEST_SUITE_P(CMoveDcmqrscp, DownloaderContract,
                         testing::ValuesIn(DownloadContractParams("CMoveDcmqrscp", [] { return DcmqrscpWorld(); },
                                                                  {kOne, kMany, kNone, kRefused, kTimeout, kTruncated,
                                                                   kCancelled, kRecovers})),
                         DownloadContractName);

class CMoveArchiveTest : public testing::Test {
 protected:
  RecordingSink sink_;
};

TEST_F(CMoveArchiveTest, CompressedSeriesKeepTheirSyntax) {
  const JpegLsContent& jpeg_ls = JpegLsContent::Shared();
  OrthancContent::Shared().orthanc().Upload(jpeg_ls.files);
  const auto world = OrthancWorld();
  world->downloader().Download(Keys(jpeg_ls.compressed), sink_, {});
  EXPECT_TRUE(sink_.whole == jpeg_ls.compressed);
}

// It offers JPEG-LS and uncompressed syntaxes in one context and converts nothing.
TEST_F(CMoveArchiveTest, ChoosesOtherwiseWhenAnArchiveCannotSendInTheSyntaxItPrefers) {
  const JpegLsContent& jpeg_ls = JpegLsContent::Shared();
  const int destination = FreePort();
  const Dcmqrscp server(jpeg_ls.files,
                        {.arguments = {"-xt"}, .destinations = {{OrthancContent::kMoveTitle, destination}}});
  CMoveWorld world(server.port(), Dcmqrscp::kAeTitle, destination, {});
  for (const Content* content : {&jpeg_ls.uncompressed, &jpeg_ls.compressed, &jpeg_ls.uncompressed}) {
    RecordingSink sink;
    world.downloader().Download(Keys(*content), sink, {});
    EXPECT_TRUE(sink.whole == *content);
  }
}

TEST_F(CMoveArchiveTest, SaysWhenTheArchiveDoesNotKnowUs) {
  OrthancContent& archive = OrthancContent::Shared();
  const auto pool = std::make_shared<AssociationPool>(PeerAt(archive.orthanc().dicom_port(), "ORTHANC"));
  const auto downloader = MakeCMoveDownloader(Options(0, "NOBODY"), pool);
  const std::vector<InstanceReference> wanted = {OrthancContent::Ref("1", 1, 1)};
  std::string said;
  try {
    downloader->Download(wanted, sink_, {});
    said = sink_.messages[wanted.front()];
  } catch (const Error& error) {
    said = error.what();
  }
  EXPECT_NE(said.find("NOBODY"), std::string::npos) << said;
}

TEST_F(CMoveArchiveTest, SaysWhenTheArchiveCannotReachUs) {
  const auto world = OrthancWorld();
  world->to_us().Refuse();
  const std::vector<InstanceReference> wanted = {OrthancContent::Ref("1", 1, 1)};
  world->downloader().Download(wanted, sink_, {});
  EXPECT_EQ(sink_.failed[wanted.front()], ErrorCode::kProtocol);
  EXPECT_NE(sink_.messages[wanted.front()].find("port"), std::string::npos) << sink_.messages[wanted.front()];
}

}  // namespace
}  // namespace trolley
