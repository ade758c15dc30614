#include <gtest/gtest.h>

#include <fstream>
#include <map>

#include "dicom/synthetic.h"
#include "download/downloader_contract.h"
#include "support/temp_directory.h"
#include "trolley/downloaders.h"

namespace trolley {
namespace {

namespace fs = std::filesystem;

class FolderDownloaderTest : public testing::Test {
 protected:
  FolderDownloaderTest() {
    spec_.study_uid = "1.1";
    spec_.series_uid = "1.1.1";
    spec_.rows = spec_.columns = 1200;  // several pieces
    spec_.instances = 2;
    files_ = WriteSyntheticSeries(spec_, directory_.path());
    downloader_ = MakeFolderDownloader([this](const InstanceReference& instance, const Context&) {
      const auto found = places_.find(instance.instance.str());
      return found == places_.end() ? std::nullopt : std::optional(found->second);
    });
    places_ = {{"1.1.1.1", files_[0]}, {"1.1.1.2", files_[1]}};
  }

  static InstanceReference Reference(const std::string& uid) { return {Uid("1.1"), Uid("1.1.1"), Uid(uid)}; }
  std::optional<ErrorCode> Download(std::vector<InstanceReference> instances, const Context& context = {}) {
    return CodeOf([&] { downloader_->Download(instances, sink_, context); });
  }

  const TempDirectory directory_;
  SyntheticInstances spec_;
  std::vector<fs::path> files_;
  std::map<std::string, fs::path> places_;
  std::unique_ptr<Downloader> downloader_;
  RecordingSink sink_;
};

TEST_F(FolderDownloaderTest, GivesTheFilesBytesInPieces) {
  EXPECT_EQ(Download({Reference("1.1.1.1")}), std::nullopt);
  EXPECT_EQ(sink_.lengths[Reference("1.1.1.1")], fs::file_size(files_[0]));
  EXPECT_GT(fs::file_size(files_[0]), 2 * sink_.longest_piece);
  EXPECT_EQ(sink_.whole[Reference("1.1.1.1")], ReadFile(files_[0]));
}

TEST_F(FolderDownloaderTest, GivesEachInstanceItsOutcome) {
  places_["1.1.1.3"] = files_[0];
  places_["1.1.1.4"] = directory_ / "vanished";
  EXPECT_EQ(Download({Reference("1.1.1.9"), Reference("1.1.1.3"), Reference("1.1.1.4"), Reference("1.1.1.2")}),
            std::nullopt);
  EXPECT_EQ(sink_.missing, std::vector{Reference("1.1.1.9")});
  EXPECT_EQ(sink_.failed, (std::map<InstanceReference, ErrorCode>{{Reference("1.1.1.3"), ErrorCode::kProtocol},
                                                                  {Reference("1.1.1.4"), ErrorCode::kStorage}}));
  EXPECT_EQ(sink_.whole.size(), 1u);
  EXPECT_EQ(sink_.whole[Reference("1.1.1.2")], ReadFile(files_[1]));
}

TEST_F(FolderDownloaderTest, FailsForAFileThatIsNoLongerDicom) {
  WriteFile(files_[0], "not DICOM any more");
  Download({Reference("1.1.1.1")});
  EXPECT_EQ(sink_.failed[Reference("1.1.1.1")], ErrorCode::kProtocol);
  EXPECT_TRUE(sink_.lengths.empty());
}

TEST_F(FolderDownloaderTest, FailsWhenTheFileShrinksMeanwhile) {
  sink_.on_data = [&] { fs::resize_file(files_[0], 1u << 20); };
  Download({Reference("1.1.1.1")});
  EXPECT_EQ(sink_.failed[Reference("1.1.1.1")], ErrorCode::kProtocol);
  EXPECT_TRUE(sink_.whole.empty());
}

TEST_F(FolderDownloaderTest, FailsWhenTheFileGrowsMeanwhile) {
  sink_.on_data = [&] { std::ofstream(files_[0], std::ios::app) << "more"; };
  Download({Reference("1.1.1.1")});
  EXPECT_EQ(sink_.failed[Reference("1.1.1.1")], ErrorCode::kProtocol);
  EXPECT_TRUE(sink_.whole.empty());
}

TEST_F(FolderDownloaderTest, WhatTheSinkThrowsLeaves) {
  sink_.on_data = [] { throw Error(ErrorCode::kNoSpace, "Cannot write: full"); };
  EXPECT_EQ(Download({Reference("1.1.1.1"), Reference("1.1.1.2")}), ErrorCode::kNoSpace);
  EXPECT_EQ(sink_.lengths.size(), 1u);
  EXPECT_TRUE(sink_.failed.empty());
}

TEST_F(FolderDownloaderTest, CanBeStopped) {
  std::stop_source stop;
  sink_.on_data = [&] { stop.request_stop(); };
  EXPECT_EQ(Download({Reference("1.1.1.1")}, {stop.get_token()}), ErrorCode::kCancelled);
}

TEST_F(FolderDownloaderTest, IsLocal) {
  EXPECT_TRUE(downloader_->capabilities().local_files);
  EXPECT_EQ(downloader_->LocalFile(Reference("1.1.1.2"), {}), files_[1]);
  EXPECT_EQ(downloader_->LocalFile(Reference("1.1.1.9"), {}), std::nullopt);
}

TEST(DownloaderTest, ARemoteOneHasNoLocalFiles) {
  class Remote : public Downloader {
    void Download(std::span<const InstanceReference>, DownloadSink&, const Context&) override {}
  } remote;
  EXPECT_FALSE(remote.capabilities().local_files);
  EXPECT_EQ(CodeOf([&] { remote.LocalFile({Uid("1"), Uid("1"), Uid("1")}, {}); }), ErrorCode::kUnsupported);
}

class FolderWorld : public DownloadWorld {
 public:
  FolderWorld() {
    SyntheticInstances spec;
    spec.study_uid = "1.1";
    for (const int series : {1, 2}) {
      spec.series_uid = "1.1." + std::to_string(series);
      spec.instances = 6 * series;
      int number = 0;
      for (const fs::path& file : WriteSyntheticSeries(spec, directory_ / spec.series_uid)) {
        const Uid uid(spec.series_uid + "." + std::to_string(++number));
        const InstanceReference instance{Uid("1.1"), Uid(spec.series_uid), uid};
        content_[instance] = ReadFile(file);
        files_[instance] = file;
      }
    }
  }
  Downloader& downloader() override { return *downloader_; }
  const std::map<InstanceReference, std::string>& content() const override { return content_; }

 private:
  const TempDirectory directory_;
  std::map<InstanceReference, std::string> content_;
  std::map<InstanceReference, fs::path> files_;
  const std::unique_ptr<Downloader> downloader_ =
      MakeFolderDownloader([this](const InstanceReference& instance, const Context&) {
        const auto found = files_.find(instance);
        return found == files_.end() ? std::nullopt : std::optional(found->second);
      });
};

INSTANTIATE_TEST_SUITE_P(
    Folder, DownloaderContract,
    testing::ValuesIn(DownloadContractParams("Folder", [] { return std::make_unique<FolderWorld>(); },
                                             {DownloadCase::kOne, DownloadCase::kMany, DownloadCase::kNone})),
    DownloadContractName);

}  // namespace
}  // namespace trolley
