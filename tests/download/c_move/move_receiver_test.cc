#include "download/c_move/move_receiver.h"

#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <stop_token>
#include <string>
#include <thread>

#include "download/fake_dimse_archive.h"
#include "download/recording_sink.h"

namespace trolley {
namespace {

using namespace std::chrono_literals;

const InstanceReference kInstance{Uid("1.2"), Uid("1.2.3"), Uid("1.1")};
const InstanceReference kOther{Uid("1.2"), Uid("1.2.3"), Uid("1.2")};

class MoveReceiverTest : public testing::Test {
 protected:
  uint16_t Store(uint16_t move_id, const std::string& sop_class = kCt) {
    const std::string data = FakeDataSet("1.1");
    return receiver_.OnStore(
        {sop_class, "1.1", kExplicitLe, "VNA", "TROLLEYFS", move_id},
        [&](const auto& take, const Context&) { take(std::as_bytes(std::span(data.data(), data.size()))); });
  }

  MoveReceiver receiver_;
  RecordingSink sink_;
  RecordingSink other_sink_;
};

TEST_F(MoveReceiverTest, CountsWhatCameOnlyForTheRequestThatBroughtIt) {
  ExpectedInstances one(receiver_, {&kInstance, 1}, sink_);
  ExpectedInstances other(receiver_, {&kOther, 1}, other_sink_);
  const uint16_t id = one.NewMessageId();
  EXPECT_NE(other.NewMessageId(), id);
  EXPECT_EQ(Store(id), dimse::kSuccess);
  EXPECT_EQ(one.arrived(), 1U);
  EXPECT_EQ(other.arrived(), 0U);
  EXPECT_EQ(Store(id), dimse::kSuccess);  // once more, and not wanted
  EXPECT_EQ(one.arrived(), 2U);
  EXPECT_EQ(other.arrived(), 0U);
  EXPECT_EQ(sink_.whole.size(), 1U);
}

TEST_F(MoveReceiverTest, TwoThatFailTogetherDoNotChooseAsBefore) {
  EXPECT_FALSE(receiver_.ChooseOtherwise(false)) << "there was no choice";
  const std::vector<std::string> proposed = {kJpegLs, kExplicitLe};
  EXPECT_EQ(receiver_.ChooseSyntax(proposed), kJpegLs);
  const bool preference = receiver_.prefers_uncompressed();
  EXPECT_TRUE(receiver_.ChooseOtherwise(preference));
  EXPECT_TRUE(receiver_.ChooseOtherwise(preference));
  EXPECT_EQ(receiver_.ChooseSyntax(proposed), kExplicitLe);
}

TEST_F(MoveReceiverTest, RefusesAStorageClassThatIsNoUid) {
  ExpectedInstances one(receiver_, {&kInstance, 1}, sink_);
  EXPECT_EQ(Store(one.NewMessageId(), "../1"), 0xA900);
  EXPECT_EQ(one.Remaining().size(), 1U);
}

TEST_F(MoveReceiverTest, DoesNotWaitForABusySinkWhenTheContextEnds) {
  const std::vector<InstanceReference> both = {kInstance, kOther};
  ExpectedInstances expected(receiver_, both, sink_);
  std::promise<void> busy;
  std::promise<void> free;
  sink_.on_data = [&, first = true]() mutable {
    if (std::exchange(first, false)) {
      busy.set_value();
      free.get_future().wait_for(10s);
    }
  };
  const std::jthread sender([&] { Store(expected.NewMessageId()); });
  busy.get_future().wait();
  EXPECT_EQ(CodeOf([&] { expected.Report(kOther, std::nullopt, Context::WithTimeout(20ms)); }), ErrorCode::kTimedOut);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(CodeOf([&] { expected.Report(kOther, std::nullopt, {stop.get_token()}); }), ErrorCode::kCancelled);
  free.set_value();
  EXPECT_EQ(CodeOf([&] { expected.Report(kOther, std::nullopt, Context::WithTimeout(10s)); }), std::nullopt);
  EXPECT_EQ(sink_.missing.size(), 1U);
  EXPECT_EQ(sink_.whole.size(), 1U);
}

}  // namespace
}  // namespace trolley
