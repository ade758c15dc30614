#include "mount/fuse/open_inodes.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "fetch/opened_instance.h"
#include "support/temp_directory.h"
#include "trolley/error.h"

namespace trolley {
namespace {

using testing::ElementsAre;

// Still arriving.
class ArrivingInstance : public OpenedInstance {
 public:
  uint64_t size() const override { return 100; }
  std::optional<size_t> TryRead(uint64_t /*offset*/, std::span<std::byte> /*out*/) override { return std::nullopt; }
  void WhenReadable(uint64_t /*offset*/, size_t /*length*/, std::stop_token /*stop*/,
                    std::function<void()> /*ready*/) override {}
  int CompleteFd() const override { return -1; }
};

class OpenInodesTest : public testing::Test {
 protected:
  OpenInodes::KernelOps Kernel() {
    return {.register_file =
                [this](int /*file*/) {
                  ++registrations_;
                  return refuse_ ? std::nullopt : std::optional(++last_);
                },
            .unregister = [this](int32_t id) { ended_.push_back(id); }};
  }

  std::shared_ptr<OpenedInstance> Whole(const std::string& name, const std::string& bytes = "bytes") {
    const auto path = directory_.Write(name, bytes);
    return MakeCompleteInstance({UniqueFd(open(path.c_str(), O_RDONLY)), 5}, nullptr);
  }

  TempDirectory directory_;
  bool refuse_ = false;
  int registrations_ = 0;
  int32_t last_ = 0;
  std::vector<int32_t> ended_;
  OpenInodes open_{Kernel()};
};

TEST_F(OpenInodesTest, HandlesOfACompleteFileShareOneNumberThatEndsWithTheLast) {
  auto first = open_.Open(7, Whole("a"), true);
  auto second = std::make_unique<OpenInodes::Handle>(open_.Open(7, Whole("again"), true));
  EXPECT_EQ(first.backing(), 1);
  EXPECT_EQ(second->backing(), 1);
  EXPECT_EQ(open_.Open(8, Whole("b"), true).backing(), 2);
  EXPECT_THAT(ended_, ElementsAre(2));
  first = OpenInodes::Handle();
  EXPECT_THAT(ended_, ElementsAre(2));
  second.reset();
  EXPECT_THAT(ended_, ElementsAre(2, 1));
  EXPECT_EQ(open_.size(), 0U);
  EXPECT_EQ(open_.Open(7, Whole("a"), true).backing(), 3);
}

TEST_F(OpenInodesTest, WhileSomebodyReadsThroughUsEverybodyDoes) {
  auto arriving = open_.Open(7, std::make_shared<ArrivingInstance>(), true);
  EXPECT_EQ(arriving.backing(), 0);
  EXPECT_EQ(open_.Open(7, Whole("a"), true).backing(), 0);
  arriving = OpenInodes::Handle();
  EXPECT_NE(open_.Open(7, Whole("a"), true).backing(), 0);
}

TEST_F(OpenInodesTest, WhoReadsThroughUsByPreferenceJoinsTheOthersAllTheSame) {
  const auto handle = open_.Open(7, Whole("a"), true);
  EXPECT_EQ(open_.Open(7, Whole("again"), false).backing(), handle.backing());
  const auto other = open_.Open(8, Whole("b"), false);
  EXPECT_EQ(other.backing(), 0);
  EXPECT_EQ(registrations_, 1);
}

TEST_F(OpenInodesTest, ARefusalMeansReadingThroughUs) {
  refuse_ = true;
  const auto handle = open_.Open(7, Whole("a"), true);
  EXPECT_EQ(handle.backing(), 0);
  EXPECT_NE(handle.instance(), nullptr);
  refuse_ = false;
  EXPECT_EQ(open_.Open(7, Whole("a"), true).backing(), 0) << "handles must be alike";
  EXPECT_EQ(registrations_, 1);
}

TEST_F(OpenInodesTest, WhatIsReadByTheKernelStaysWhatItIsWhenItLeavesTheCache) {
  const auto instance = Whole("a");
  const auto handle = open_.Open(7, instance, true);
  std::filesystem::rename(directory_ / "a", directory_ / "b");
  std::filesystem::remove(directory_ / "b");
  EXPECT_EQ(open_.ReadByKernel(7), instance);
  const auto fetched_again = open_.Open(7, Whole("c"), true);
  EXPECT_EQ(fetched_again.instance(), instance);
  EXPECT_EQ(fetched_again.backing(), handle.backing());
  EXPECT_EQ(open_.ReadByKernel(8), nullptr);
}

TEST_F(OpenInodesTest, AFileThatWasChangedIsNotOpenedAgainUntilItIsClosed) {
  auto handle = open_.Open(7, Whole("a"), true);
  std::filesystem::last_write_time(directory_ / "a", std::filesystem::file_time_type() + std::chrono::hours(1));
  EXPECT_THROW(open_.Open(7, Whole("c"), true), Error);
  handle = OpenInodes::Handle();
  EXPECT_NE(open_.Open(7, Whole("c"), true).backing(), 0);
}

TEST_F(OpenInodesTest, AFileThatWasCutShortIsReadThroughUs) {
  EXPECT_EQ(open_.Open(7, Whole("a", "byte"), true).backing(), 0);
  EXPECT_EQ(registrations_, 0);
}

}  // namespace
}  // namespace trolley
