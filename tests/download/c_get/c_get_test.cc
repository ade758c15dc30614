#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dimse/association_pool.h"
#include "download/fake_dimse_archive.h"
#include "download/recording_sink.h"
#include "trolley/downloaders.h"

namespace trolley {
namespace {

using testing::HasSubstr;

InstanceReference Ref(const std::string& uid) {
  return {Uid("1.2"), Uid("1.2.3"), Uid(uid)};
}

// Instances "1.1", "1.2", ... of one series in an archive that misbehaves as it is told.
class CGetTest : public testing::Test {
 protected:
  void Add(const std::string& uid, const std::string& syntax = kExplicitLe, const std::string& sop_class = kCt) {
    archive_.instances[uid] = {sop_class, syntax, FakeDataSet(uid, sop_class)};
  }
  void Add(int count) {
    for (int i = 1; i <= count; ++i) {
      Add("1." + std::to_string(i));
    }
  }
  Downloader& downloader() {
    if (!downloader_) {
      scp_ = std::make_unique<FakeScp>(archive_.Script());
      downloader_ = MakeCGetDownloader(options_, std::make_shared<AssociationPool>(scp_->Peer()));
    }
    return *downloader_;
  }
  std::optional<ErrorCode> Get(const std::vector<std::string>& uids) {
    std::vector<InstanceReference> wanted;
    for (const std::string& uid : uids) {
      wanted.push_back(Ref(uid));
    }
    return CodeOf([&] { downloader().Download(wanted, sink_, {}); });
  }
  // The first `count` of them.
  std::optional<ErrorCode> Get(int count) {
    std::vector<std::string> uids;
    for (int i = 1; i <= count; ++i) {
      uids.push_back("1." + std::to_string(i));
    }
    return Get(uids);
  }
  bool IsWhole(const std::string& uid) { return sink_.whole[Ref(uid)] == FakeFile(uid, archive_.instances[uid]); }

  CGetOptions options_;
  FakeGetArchive archive_;
  std::unique_ptr<FakeScp> scp_;
  RecordingSink sink_;

 private:
  std::unique_ptr<Downloader> downloader_;
};

TEST_F(CGetTest, GetsEachInstanceInTheSyntaxThatItIsStoredIn) {
  Add("1.1");
  Add("1.2", kJpegLs);
  EXPECT_EQ(Get({"1.1", "1.2"}), std::nullopt);
  EXPECT_TRUE(IsWhole("1.1"));
  EXPECT_TRUE(IsWhole("1.2"));
  EXPECT_EQ(archive_.gets, 1);
}

TEST_F(CGetTest, KeepsTheAssociation) {
  Add(2);
  Get({"1.1"});
  const int before = scp_->connections();
  Get({"1.2"});
  EXPECT_TRUE(IsWhole("1.2"));
  EXPECT_EQ(scp_->connections(), before);
  EXPECT_EQ(archive_.finds_asked, 1) << "the series' class was forgotten";
}

TEST_F(CGetTest, AsksInBatches) {
  options_.batch = 3;
  Add(7);
  EXPECT_EQ(Get({"1.1", "1.2", "1.3", "1.4", "1.5", "1.6", "1.7"}), std::nullopt);
  EXPECT_EQ(sink_.whole.size(), 7U);
  EXPECT_EQ(archive_.gets, 3);
}

TEST_F(CGetTest, AsksForTheSeriesWhenMostOfItIsWanted) {
  Add(20);
  EXPECT_EQ(Get(18), std::nullopt);
  EXPECT_EQ(sink_.whole.size(), 18U);
  EXPECT_TRUE(IsWhole("1.18"));
  EXPECT_EQ(archive_.series_gets, 1);
  EXPECT_EQ(archive_.gets, 1);
}

TEST_F(CGetTest, AsksByListWhenLittleOfASeriesIsWanted) {
  Add(40);
  EXPECT_EQ(Get(20), std::nullopt);
  EXPECT_EQ(sink_.whole.size(), 20U);
  EXPECT_EQ(archive_.series_gets, 0);
}

TEST_F(CGetTest, AsksByListWhenTheSeriesLengthIsNotKnown) {
  archive_.tells_count = false;
  Add(20);
  EXPECT_EQ(Get(20), std::nullopt);
  EXPECT_EQ(sink_.whole.size(), 20U);
  EXPECT_EQ(archive_.series_gets, 0);
}

TEST_F(CGetTest, AsksByNameForWhatASeriesLeavesOut) {
  archive_.left_out = {"1.3", "1.7"};
  Add(20);
  EXPECT_EQ(Get(20), std::nullopt);
  EXPECT_EQ(sink_.whole.size(), 20U);
  EXPECT_TRUE(IsWhole("1.3"));
  EXPECT_EQ(archive_.series_gets, 1);
  EXPECT_EQ(archive_.gets, 2);
}

TEST_F(CGetTest, AsksByListAfterPartOfASeriesFailed) {
  archive_.broken = {"1.3"};
  Add(20);
  EXPECT_EQ(Get(20), std::nullopt);
  EXPECT_EQ(sink_.whole.size(), 19U);
  EXPECT_EQ(sink_.failed[Ref("1.3")], ErrorCode::kProtocol);
  EXPECT_EQ(archive_.series_gets, 1) << "it was sent all over again";
}

TEST_F(CGetTest, AsksByListWhereSeriesAreRefused) {
  archive_.takes_series = false;
  Add(20);
  EXPECT_EQ(Get(20), std::nullopt);
  EXPECT_EQ(sink_.whole.size(), 20U);
  EXPECT_EQ(archive_.gets, 2) << "lists are taken";
}

TEST_F(CGetTest, SplitsListsOnAHighLatencyLink) {
  Add(20);
  EXPECT_EQ(downloader().capabilities().batching, Capabilities::Batching::kSeries);
  Get(20);
  EXPECT_EQ(downloader().capabilities().batching, Capabilities::Batching::kSeries);
  options_.high_latency = {};
  const auto far = MakeCGetDownloader(options_, std::make_shared<AssociationPool>(scp_->Peer()));
  EXPECT_EQ(far->capabilities().batching, Capabilities::Batching::kList);
  EXPECT_TRUE(far->capabilities().parallel_lists);
  EXPECT_FALSE(downloader().capabilities().parallel_lists);
}

TEST_F(CGetTest, StreamsInConstantMemory) {
  archive_.instances["1.1"] = {kCt, kExplicitLe, FakeDataSet("1.1", kCt, 5000000)};
  EXPECT_EQ(Get({"1.1"}), std::nullopt);
  EXPECT_TRUE(IsWhole("1.1"));
  EXPECT_LE(sink_.longest_piece, 512U * 1024);
}

TEST_F(CGetTest, ProposesMoreNarrowlyToAnArchiveThatFailsAllAndRemembersIt) {
  archive_.first_context_only = true;
  Add("1.1", kJpegLs);
  Add("1.2", kJpegLs);
  EXPECT_EQ(Get({"1.1"}), std::nullopt);
  EXPECT_TRUE(IsWhole("1.1"));
  const int before = archive_.gets;
  Get({"1.2"});
  EXPECT_TRUE(IsWhole("1.2"));
  EXPECT_EQ(archive_.gets, before + 1);
}

TEST_F(CGetTest, TellsWhichInstancesFailed) {
  Add(3);
  archive_.broken = {"1.2"};
  archive_.comment = "disk gone";
  EXPECT_EQ(Get({"1.1", "1.2", "1.3"}), std::nullopt);
  EXPECT_TRUE(IsWhole("1.1"));
  EXPECT_TRUE(IsWhole("1.3"));
  EXPECT_EQ(sink_.failed[Ref("1.2")], ErrorCode::kProtocol);
  EXPECT_THAT(sink_.messages[Ref("1.2")], HasSubstr("disk gone"));
  // All that could be tried was tried; the next time it is not tried again.
  const int before = archive_.gets;
  sink_ = RecordingSink();
  Get({"1.2"});
  EXPECT_EQ(sink_.failed.size(), 1U);
  EXPECT_EQ(archive_.gets, before + 1);
}

TEST_F(CGetTest, FindsInstancesOfAnotherClassThanTheOthers) {
  Add(2);
  Add("1.3", kExplicitLe, "1.2.840.10008.5.1.4.1.1.88.11");
  EXPECT_EQ(Get({"1.1", "1.2", "1.3"}), std::nullopt);
  EXPECT_EQ(sink_.whole.size(), 3U);
}

TEST_F(CGetTest, FindsThemAlsoWhenTheArchiveDoesNotTellAndTheOthersAreKnown) {
  archive_.tells_classes = false;
  Add(1);
  Add("1.2", kExplicitLe, "1.2.840.10008.5.1.4.1.1.88.11");
  EXPECT_EQ(Get({"1.1"}), std::nullopt);
  EXPECT_EQ(Get({"1.2"}), std::nullopt);
  EXPECT_TRUE(IsWhole("1.1"));
  EXPECT_TRUE(IsWhole("1.2"));
}

TEST_F(CGetTest, GetsPrivateClasses) {
  Add("1.1", kExplicitLe, "1.3.12.2.1107.5.9.1");
  EXPECT_EQ(Get({"1.1"}), std::nullopt);
  EXPECT_TRUE(IsWhole("1.1"));
}

TEST_F(CGetTest, TriesTheStorageClassesWhenTheArchiveDoesNotTell) {
  archive_.tells_classes = false;
  Add("1.1", kJpegLs, "1.2.840.10008.5.1.4.1.1.77.1.4");
  EXPECT_EQ(Get({"1.1"}), std::nullopt);
  EXPECT_TRUE(IsWhole("1.1"));
}

TEST_F(CGetTest, KnowsWithoutCFindWhatDoesNotExist) {
  archive_.finds = false;
  Add(2);
  EXPECT_EQ(Get({"1.1", "1.9", "1.2"}), std::nullopt);
  EXPECT_EQ(sink_.whole.size(), 2U);
  EXPECT_EQ(sink_.missing, std::vector{Ref("1.9")});
}

TEST_F(CGetTest, ASuccessWithoutNumbersDoesNotMeanThatThereIsNone) {
  archive_.finds = false;
  archive_.counts = false;
  Add(1);
  EXPECT_EQ(Get({"1.1", "1.9"}), std::nullopt);
  EXPECT_EQ(sink_.whole.size(), 1U);
  EXPECT_TRUE(sink_.missing.empty());
  EXPECT_EQ(sink_.failed[Ref("1.9")], ErrorCode::kProtocol);
}

TEST_F(CGetTest, DoesNotCallMissingWhatIsListedButNotSent) {
  Add(1);
  archive_.final_status = dimse::kSuccess;
  EXPECT_EQ(Get({"1.1"}), std::nullopt);
  EXPECT_TRUE(sink_.missing.empty());
  EXPECT_EQ(sink_.failed[Ref("1.1")], ErrorCode::kProtocol);
}

TEST_F(CGetTest, AsksOneByOneWhereListsAreRefused) {
  archive_.takes_lists = false;
  Add(3);
  EXPECT_EQ(Get({"1.1", "1.2", "1.3"}), std::nullopt);
  EXPECT_EQ(sink_.whole.size(), 3U);
}

TEST_F(CGetTest, DropsWhatWasNotAskedFor) {
  Add(2);
  archive_.extra = {"1.2", "1.1"};
  EXPECT_EQ(Get({"1.1"}), std::nullopt);
  EXPECT_EQ(sink_.whole.size(), 1U);
  EXPECT_TRUE(IsWhole("1.1"));
}

TEST_F(CGetTest, RefusesADataSetOfAnotherInstance) {
  Add(2);
  archive_.instances["1.1"].data_set = FakeDataSet("1.2");
  EXPECT_EQ(Get({"1.1"}), std::nullopt);
  EXPECT_TRUE(sink_.whole.empty());
  EXPECT_EQ(sink_.failed[Ref("1.1")], ErrorCode::kProtocol);
}

TEST_F(CGetTest, WhatTheSinkThrowsLeavesThroughIt) {
  Add(1);
  sink_.on_data = [] { throw Error(ErrorCode::kNoSpace, "full"); };
  EXPECT_EQ(Get({"1.1"}), ErrorCode::kNoSpace);
}

struct StatusCase {
  uint16_t status;
  ErrorCode code;
  const char* text;
};

class CGetStatusTest : public CGetTest, public testing::WithParamInterface<StatusCase> {};

// PS3.4 table C.4-3, PS3.7 annex C.
INSTANTIATE_TEST_SUITE_P(Statuses, CGetStatusTest,
                         testing::Values(StatusCase{0xA701, ErrorCode::kProtocol, "out of resources"},
                                         StatusCase{0xA702, ErrorCode::kProtocol, "out of resources"},
                                         StatusCase{0xA900, ErrorCode::kProtocol, "does not understand"},
                                         StatusCase{0xC001, ErrorCode::kProtocol, "unable to process"},
                                         StatusCase{0x0122, ErrorCode::kUnsupported, "not support"},
                                         StatusCase{0x0124, ErrorCode::kAccessDenied, "not authorized"},
                                         StatusCase{0xFE00, ErrorCode::kProtocol, "cancelled"}),
                         [](const auto& of) { return StatusText(of.param.status); });

TEST_P(CGetStatusTest, IsSaidClearlyWithTheArchivesOwnWords) {
  Add(1);
  archive_.final_status = GetParam().status;
  archive_.comment = "own words";
  EXPECT_EQ(Get({"1.1"}), std::nullopt);
  EXPECT_EQ(sink_.failed[Ref("1.1")], GetParam().code);
  const std::string message = sink_.messages[Ref("1.1")];
  EXPECT_THAT(message, HasSubstr(GetParam().text));
  EXPECT_THAT(message, HasSubstr(StatusText(GetParam().status)));
  EXPECT_THAT(message, HasSubstr("own words"));
}

}  // namespace
}  // namespace trolley
