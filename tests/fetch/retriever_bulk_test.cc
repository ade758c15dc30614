#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "fetch/retriever_fixture.h"

namespace trolley {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

class RetrieverBulkTest : public RetrieverFixture {};

TEST_F(RetrieverBulkTest, ReadingOnFetchesTheRestInOneRequest) {
  BeginReading();
  ASSERT_TRUE(WaitUntilAllIsCached());
  EXPECT_EQ(BulkRequests(), 1U);
  for (size_t i = 0; i < kSize; ++i) {
    EXPECT_TRUE(IsRight(At(i))) << i;
  }
  EXPECT_LE(archive_->Lists().size(), 3U);
}

TEST_F(RetrieverBulkTest, LooksAtFirstMiddleAndLastWithoutFetchingMore) {
  for (const size_t index : {size_t{0}, kSize / 2, kSize - 1, size_t{8}, size_t{30}}) {
    EXPECT_TRUE(IsRight(At(index)));
  }
  EXPECT_THAT(archive_->Lists(), ElementsAre(1, 1, 1, 1, 1));
  EXPECT_EQ(retriever().Status().prefetched, 0U);
}

TEST_F(RetrieverBulkTest, AnOpenIsRequestedDirectlyWhenTheBulkFetchDoesNotCome) {
  archive_->bulk = [this](auto instances, DownloadSink& sink, const Context& context) {
    SeriesArchive::SendWithGate(instances, sink, context, 10, gate_);
  };
  BeginReading();
  ASSERT_TRUE(gate_.Reached());
  EXPECT_TRUE(IsRight(At(10)));
  EXPECT_TRUE(IsRight(At(35)));
  EXPECT_EQ(archive_->Requested(At(35)), 2U);  // in the bulk fetch, and directly
  gate_.Open();
  EXPECT_TRUE(WaitUntilAllIsCached());
  EXPECT_TRUE(IsRight(At(10)));
}

TEST_F(RetrieverBulkTest, TheBulkFetchFillsWhatItBringsBeforeTheDirectRequest) {
  archive_->bulk = [this](auto instances, DownloadSink& sink, const Context& context) {
    SeriesArchive::SendWithGate(instances, sink, context, 10, gate_);
  };
  archive_->single = [this](const InstanceReference& instance, DownloadSink& sink, const Context& context) {
    if (instance == At(10)) {
      other_gate_.Wait(context);
    }
    SeriesArchive::Send(instance, sink);
  };
  BeginReading();
  ASSERT_TRUE(gate_.Reached());
  auto reader = std::async(std::launch::async, [this] { return IsRight(At(10)); });
  ASSERT_TRUE(other_gate_.Reached());
  gate_.Open();
  EXPECT_TRUE(reader.get());
  EXPECT_TRUE(other_gate_.Stopped()) << "the direct request went on in vain";
}

TEST_F(RetrieverBulkTest, DropsWhatADirectRequestBrings) {
  archive_->bulk = [this](auto instances, DownloadSink& sink, const Context& context) {
    SeriesArchive::SendWithGate(instances, sink, context, 10, gate_);
  };
  archive_->single = [this](const InstanceReference& instance, DownloadSink& sink, const Context& context) {
    const std::string content = Content(instance);
    sink.OnBegin(instance, content.size());
    if (instance == At(10)) {
      other_gate_.Wait(context);
    }
    sink.OnData(std::as_bytes(std::span(content)));
    sink.OnEnd();
  };
  BeginReading();
  ASSERT_TRUE(gate_.Reached());
  const auto opened = Open(At(10));
  gate_.Open();
  ASSERT_TRUE(WaitUntilCached(At(kSize - 1)));
  EXPECT_FALSE(cache_->Contains("test", At(10))) << "two filled it";
  other_gate_.Open();
  EXPECT_EQ(Read(*opened), Content(At(10)));
}

TEST_F(RetrieverBulkTest, StopsWhenNobodyReadsOn) {
  options_.idle_stop = 20ms;
  archive_->bulk = [this](auto instances, DownloadSink& sink, const Context& context) {
    SeriesArchive::SendWithGate(instances, sink, context, 10, gate_);
  };
  BeginReading();
  while (!gate_.reached()) {
    EXPECT_TRUE(IsRight(At(0)));
    EXPECT_TRUE(IsRight(At(1)));
  }
  EXPECT_TRUE(gate_.Stopped());
  EXPECT_TRUE(IsRight(At(20)));
}

TEST_F(RetrieverBulkTest, GoesOnForWhoWaitsHoweverLongThatTakes) {
  options_.idle_stop = 1ms;
  archive_->bulk = [this](auto instances, DownloadSink& sink, const Context& context) {
    SeriesArchive::SendWithGate(instances, sink, context, 5, gate_);
  };
  archive_->single = [this](const InstanceReference& instance, DownloadSink& sink, const Context& context) {
    if (instance == At(5)) {
      other_gate_.Wait(context);
    }
    SeriesArchive::Send(instance, sink);
  };
  retriever();
  auto reader = std::async(std::launch::async, [this] { return IsRight(At(5)); });
  ASSERT_TRUE(other_gate_.Reached());
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_TRUE(IsRight(At(i)));
  }
  ASSERT_TRUE(gate_.Reached());
  std::this_thread::sleep_for(120ms);  // the planner looks again
  gate_.Open();
  EXPECT_TRUE(reader.get());
}

TEST_F(RetrieverBulkTest, ABrokenPartIsRequestedAgainForWhoReadsIt) {
  std::promise<void> half;
  const Ending ending{retriever_};
  archive_->bulk = [&](auto instances, DownloadSink& sink, const Context& context) {
    for (const InstanceReference& instance : instances) {
      if (instance != At(7)) {
        SeriesArchive::Send(instance, sink);
        continue;
      }
      sink.OnBegin(instance, Content(instance).size());
      sink.OnData(std::as_bytes(std::span("1.2.3.7 1.2.3.7 ", 16)));
      half.set_value();
      gate_.Wait(context);
      sink.OnFailed(instance, Error(ErrorCode::kProtocol, "damaged on the way"));
    }
  };
  BeginReading();
  half.get_future().wait();
  const auto opened = Open(At(7));
  gate_.Open();
  EXPECT_EQ(Read(*opened), Content(At(7)));
  EXPECT_TRUE(WaitUntilAllIsCached());
}

TEST_F(RetrieverBulkTest, ASecondBulkFetchGoesOnWithWhatIsReadAlready) {
  archive_->bulk = [&](auto instances, DownloadSink& sink, const Context& context) {
    if (BulkRequests() > 1) {
      return SeriesArchive::SendAll(instances, sink, context);
    }
    SeriesArchive::Send(instances.back(), sink);
    sink.OnBegin(At(2), Content(At(2)).size());
    SeriesArchive::SendPart(At(2), sink, 0, 16);
    half_gate_.Open();
    gate_.Wait(context);
    throw Error(ErrorCode::kUnavailable, "the connection was lost");
  };
  archive_->single = [this](const InstanceReference& instance, DownloadSink& sink, const Context& context) {
    if (instance == At(2)) {
      other_gate_.Wait(context);
    }
    SeriesArchive::Send(instance, sink);
  };
  BeginReading();
  half_gate_.Wait({});
  const auto opened = Open(At(2));
  gate_.Open();
  ASSERT_TRUE(other_gate_.Reached());
  for (int i = 0; i < 1000 && BulkRequests() < 2; ++i) {  // it waits a second before it tries again
    ASSERT_NE(retriever().TryOpen(At(2)).instance, nullptr);
    std::this_thread::sleep_for(10ms);
  }
  EXPECT_EQ(Read(*opened), Content(At(2)));
  EXPECT_TRUE(WaitUntilCached(At(2)));
}

TEST_F(RetrieverBulkTest, ReadingFailsWhenTheRestIsMissing) {
  archive_->bulk = [&](auto instances, DownloadSink& sink, const Context& context) {
    if (BulkRequests() > 1) {
      return SeriesArchive::SendAll(instances, sink, context);
    }
    sink.OnBegin(At(7), Content(At(7)).size());
    SeriesArchive::SendPart(At(7), sink, 0, 16);
    half_gate_.Open();
    gate_.Wait(context);
    throw Error(ErrorCode::kUnavailable, "the connection was lost");
  };
  archive_->single = [this](const InstanceReference& instance, DownloadSink& sink, const Context& context) {
    if (instance == At(7)) {
      other_gate_.Wait(context);
      return sink.OnMissing(instance);
    }
    SeriesArchive::Send(instance, sink);
  };
  BeginReading();
  half_gate_.Wait({});
  const auto opened = Open(At(7));
  gate_.Open();
  ASSERT_TRUE(other_gate_.Reached());
  std::promise<void> ready;
  opened->WhenReadable(0, opened->size(), {}, [&ready] { ready.set_value(); });
  other_gate_.Open();
  ASSERT_EQ(ready.get_future().wait_for(20s), std::future_status::ready);
  EXPECT_EQ(Read(*opened), "");
}

TEST_F(RetrieverBulkTest, WhatBecomesOfASupersededRequestIsNotTheBulkFetchs) {
  archive_->bulk = [&](auto instances, DownloadSink& sink, const Context& context) {
    for (const InstanceReference& instance : instances) {
      if (instance != At(10)) {
        SeriesArchive::Send(instance, sink);
        continue;
      }
      gate_.Wait(context);
      sink.OnBegin(instance, Content(instance).size());
      SeriesArchive::SendPart(instance, sink, 0, 16);
      half_gate_.Open();
      other_gate_.Wait({});
      SeriesArchive::SendPart(instance, sink, 16);
      sink.OnEnd();
    }
  };
  archive_->single = [&](const InstanceReference& instance, DownloadSink& sink, const Context&) {
    if (instance != At(10)) {
      return SeriesArchive::Send(instance, sink);
    }
    gate_.Open();
    half_gate_.Wait({});
    sink.OnFailed(instance, Error(ErrorCode::kProtocol, "not alone"));
    other_gate_.Open();
  };
  BeginReading();
  ASSERT_TRUE(gate_.Reached());
  EXPECT_TRUE(IsRight(At(10)));
  EXPECT_TRUE(WaitUntilCached(At(10)));
}

TEST_F(RetrieverBulkTest, WhatIsHereCountsAsUnreadWhateverTheBulkFetchSaysOfItLater) {
  options_.max_prefetched_bytes = 5 * Content(At(0)).size();
  options_.idle_stop = 20s;
  archive_->bulk = [](auto instances, DownloadSink& sink, const Context&) {
    for (const InstanceReference& instance : instances) {
      SeriesArchive::Send(instance, sink);
      sink.OnFailed(instance, Error(ErrorCode::kProtocol, "said twice"));
    }
  };
  BeginReading();
  for (size_t i = 2; i < kSize; ++i) {
    ASSERT_TRUE(WaitUntilCached(At(i))) << i;
    EXPECT_TRUE(IsRight(At(i)));
  }
}

TEST_F(RetrieverBulkTest, APartThatComesAgainWithOtherBytesFails) {
  std::promise<void> half;
  const Ending ending{retriever_};
  archive_->bulk = [&](auto instances, DownloadSink& sink, const Context& context) {
    sink.OnBegin(instances.back(), Content(instances.back()).size());
    sink.OnData(std::as_bytes(std::span("not what is stored")));
    half.set_value();
    gate_.Wait(context);
    throw Error(ErrorCode::kUnavailable, "the connection was lost");
  };
  BeginReading();
  half.get_future().wait();
  const auto opened = Open(At(kSize - 1));
  gate_.Open();
  EXPECT_EQ(Read(*opened), "");
  EXPECT_FALSE(cache_->Contains("test", At(kSize - 1)));
}

TEST_F(RetrieverBulkTest, WhatACutOffBulkFetchDidNotBringIsRequestedDirectly) {
  archive_->bulk = [&](auto instances, DownloadSink& sink, const Context& context) {
    SeriesArchive::SendAll(instances.first(5), sink, context);
    sink.OnBegin(instances[5], Content(instances[5]).size());
    gate_.Wait(context);
    throw Error(ErrorCode::kUnavailable, "the connection was lost");
  };
  BeginReading();
  ASSERT_TRUE(gate_.Reached());
  std::vector<std::future<bool>> readers;
  for (size_t i = 0; i < kSize; ++i) {
    readers.push_back(std::async(std::launch::async, [this, i] { return IsRight(At(i)); }));
  }
  gate_.Open();
  for (size_t i = 0; i < kSize; ++i) {
    EXPECT_TRUE(readers[i].get()) << i;
  }
  EXPECT_EQ(BulkRequests(), 1U) << "it was tried again at once";
}

TEST_F(RetrieverBulkTest, SaysOfEachInstanceWhatTheArchiveSaysOfIt) {
  archive_->single = [](const InstanceReference& instance, DownloadSink& sink, const Context&) {
    if (instance == At(11)) {
      throw Error(ErrorCode::kAccessDenied, "not this one");
    }
    instance == At(12) ? sink.OnMissing(instance) : SeriesArchive::Send(instance, sink);
  };
  archive_->bulk = [&](auto instances, DownloadSink& sink, const Context&) {
    for (const InstanceReference& instance : instances) {
      if (instance == At(11)) {
        sink.OnFailed(instance, Error(ErrorCode::kProtocol, "left out"));
      } else if (instance == At(12)) {
        sink.OnMissing(instance);
      } else {
        SeriesArchive::Send(instance, sink);
      }
    }
  };
  BeginReading();
  ASSERT_TRUE(WaitUntilCached(At(kSize - 1)));
  EXPECT_EQ(Open(At(12)), nullptr);
  try {
    Open(At(11));
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kAccessDenied);
  }
}

}  // namespace
}  // namespace trolley
