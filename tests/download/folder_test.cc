#include "download/folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <stdexcept>

#include "dicom/synthetic.h"
#include "support/temp_directory.h"

namespace trolley {
namespace {

namespace fs = std::filesystem;

class RecordingSink : public DownloadSink {
 public:
  void OnBegin(const InstanceReference& instance, std::optional<uint64_t> length) override {
    log.push_back("begin " + instance.instance.str());
    announced = length;
    bytes.clear();
  }
  void OnData(std::span<const std::byte> piece) override {
    bytes.append(reinterpret_cast<const char*>(piece.data()), piece.size());
    if (on_data) {
      on_data();
    }
  }
  void OnEnd() override { log.push_back("end"); }
  void OnMissing(const InstanceReference& instance) override { log.push_back("missing " + instance.instance.str()); }
  void OnFailed(const InstanceReference& instance, const Error& error) override {
    log.push_back("failed " + instance.instance.str());
    code = error.code();
  }

  std::vector<std::string> log;
  std::optional<uint64_t> announced;
  std::string bytes;
  std::optional<ErrorCode> code;
  std::function<void()> on_data;
};

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
  void Download(std::vector<InstanceReference> instances, const Context& context = {}) {
    downloader_->Download(instances, sink_, context);
  }

  const TempDirectory directory_;
  SyntheticInstances spec_;
  std::vector<fs::path> files_;
  std::map<std::string, fs::path> places_;
  std::unique_ptr<Downloader> downloader_;
  RecordingSink sink_;
};

TEST_F(FolderDownloaderTest, GivesTheFilesBytes) {
  Download({Reference("1.1.1.1")});
  EXPECT_THAT(sink_.log, testing::ElementsAre("begin 1.1.1.1", "end"));
  EXPECT_EQ(sink_.announced, fs::file_size(files_[0]));
  EXPECT_GT(sink_.bytes.size(), 2u << 20);
  EXPECT_EQ(sink_.bytes, ReadFile(files_[0]));
}

TEST_F(FolderDownloaderTest, GivesEachInstanceItsOutcome) {
  places_["1.1.1.3"] = files_[0];
  places_["1.1.1.4"] = directory_ / "vanished";
  Download({Reference("1.1.1.9"), Reference("1.1.1.3"), Reference("1.1.1.4"), Reference("1.1.1.2")});
  EXPECT_THAT(sink_.log,
              testing::ElementsAre("missing 1.1.1.9", "failed 1.1.1.3", "failed 1.1.1.4", "begin 1.1.1.2", "end"));
  EXPECT_EQ(sink_.bytes, ReadFile(files_[1]));
}

TEST_F(FolderDownloaderTest, FailsForAFileThatHoldsAnotherInstance) {
  places_["1.1.1.3"] = files_[0];
  Download({Reference("1.1.1.3")});
  EXPECT_EQ(sink_.code, ErrorCode::kProtocol);
  WriteFile(files_[0], "not DICOM any more");
  Download({Reference("1.1.1.1")});
  EXPECT_EQ(sink_.code, ErrorCode::kProtocol);
  EXPECT_THAT(sink_.log, testing::ElementsAre("failed 1.1.1.3", "failed 1.1.1.1"));
}

TEST_F(FolderDownloaderTest, FailsForAFileThatCannotBeOpened) {
  fs::remove(files_[0]);
  Download({Reference("1.1.1.1")});
  EXPECT_EQ(sink_.code, ErrorCode::kStorage);
}

TEST_F(FolderDownloaderTest, FailsWhenTheFileShrinksOrGrowsMeanwhile) {
  sink_.on_data = [&] { fs::resize_file(files_[0], 1u << 20); };
  Download({Reference("1.1.1.1")});
  sink_.on_data = [&] { std::ofstream(files_[1], std::ios::app) << "more"; };
  Download({Reference("1.1.1.2")});
  EXPECT_THAT(sink_.log, testing::ElementsAre("begin 1.1.1.1", "failed 1.1.1.1", "begin 1.1.1.2", "failed 1.1.1.2"));
  EXPECT_EQ(sink_.code, ErrorCode::kProtocol);
}

TEST_F(FolderDownloaderTest, WhatTheSinkThrowsLeaves) {
  sink_.on_data = [] { throw Error(ErrorCode::kNoSpace, "Cannot write: full"); };
  try {
    Download({Reference("1.1.1.1"), Reference("1.1.1.2")});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kNoSpace);
  }
  EXPECT_THAT(sink_.log, testing::ElementsAre("begin 1.1.1.1"));
}

TEST_F(FolderDownloaderTest, CanBeStopped) {
  std::stop_source stop;
  sink_.on_data = [&] { stop.request_stop(); };
  try {
    Download({Reference("1.1.1.1")}, {stop.get_token()});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCancelled);
  }
}

TEST_F(FolderDownloaderTest, IsLocal) {
  EXPECT_TRUE(downloader_->local());
  EXPECT_EQ(downloader_->LocalFile(Reference("1.1.1.2"), {}), files_[1]);
  EXPECT_EQ(downloader_->LocalFile(Reference("1.1.1.9"), {}), std::nullopt);
}

TEST(DownloaderTest, ARemoteOneHasNoLocalFiles) {
  class Remote : public Downloader {
    void Download(std::span<const InstanceReference>, DownloadSink&, const Context&) override {}
  } remote;
  EXPECT_FALSE(remote.local());
  try {
    remote.LocalFile({Uid("1"), Uid("1"), Uid("1")}, {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
  }
}

}  // namespace
}  // namespace trolley
