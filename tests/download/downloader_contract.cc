// What every downloader has to hold; each kind instantiates it in its own test.
#include "download/downloader_contract.h"

namespace trolley {

TEST_P(DownloaderContract, Holds) {
  switch (GetParam().what) {
    case DownloadCase::kOne:
      EXPECT_EQ(Download({First()}), std::nullopt);
      EXPECT_TRUE(sink_.whole == (std::map{*world_->content().begin()})) << "not the exact bytes";
      break;
    case DownloadCase::kMany:
      EXPECT_EQ(Download(All()), std::nullopt);
      EXPECT_TRUE(sink_.whole == world_->content()) << "not the exact bytes";
      break;
    case DownloadCase::kNone: {
      const InstanceReference absent{First().study, First().series, Uid("1.2.3.999.1")};
      EXPECT_EQ(Download({absent, First()}), std::nullopt);
      EXPECT_EQ(sink_.missing, std::vector{absent});
      EXPECT_TRUE(sink_.whole == (std::map{*world_->content().begin()})) << "not the exact bytes";
      break;
    }
    case DownloadCase::kRefused:
      world_->Refuse();
      EXPECT_EQ(Failure(First()), ErrorCode::kUnavailable);
      break;
    case DownloadCase::kTimeout:
      world_->FallSilent();
      EXPECT_EQ(Failure(First()), ErrorCode::kTimedOut);
      EXPECT_EQ(Failure(First(), Context::WithTimeout(std::chrono::milliseconds(200))), ErrorCode::kTimedOut);
      break;
    case DownloadCase::kTruncated: {
      world_->CutOff();
      const std::optional<ErrorCode> failure = Failure(First());
      EXPECT_TRUE(failure == ErrorCode::kProtocol || failure == ErrorCode::kUnavailable);
      break;
    }
    case DownloadCase::kCancelled: {
      world_->FallSilent();
      std::stop_source stop;
      sink_ = RecordingSink();
      const std::jthread canceller([&stop] {
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        stop.request_stop();
      });
      EXPECT_EQ(Failure(First(), Context{stop.get_token()}), ErrorCode::kCancelled);
      break;
    }
    case DownloadCase::kRecovers:
      world_->CutOff();
      EXPECT_NE(Failure(First()), std::nullopt);
      world_->Recover();
      EXPECT_EQ(Download({First()}), std::nullopt);
      EXPECT_TRUE(sink_.whole == (std::map{*world_->content().begin()})) << "not the exact bytes";
      break;
  }
}

}  // namespace trolley
