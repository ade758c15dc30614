#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <future>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "archive/retriever.h"
#include "archive/retriever_pattern.h"
#include "base/error.h"
#include "support/temp_directory.h"

namespace trolley {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

constexpr size_t kSize = 40;

InstanceReference At(size_t index, const char* series = "1.2.3") {
  return {Uid("1.2"), Uid(series), Uid(std::string(series) + "." + std::to_string(index))};
}

// What the archive stores.
std::string Content(const InstanceReference& instance) {
  std::string text;
  while (text.size() < 1000) {
    text += instance.instance.str() + " ";
  }
  return text;
}

// A door that a transfer waits at until the test opens it.
class Gate {
 public:
  void Open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  // Throws like a downloader when it is told to stop.
  void Wait(const Context& context) {
    std::unique_lock lock(mutex_);
    reached_ = true;
    changed_.notify_all();
    changed_.wait(lock, context.stop, [this] { return open_; });
    if (!open_) {
      stopped_ = true;
      changed_.notify_all();
      throw Error(ErrorCode::kCancelled, "stopped");
    }
  }
  bool Reached() { return WaitFor(reached_); }
  bool reached() {
    const std::lock_guard lock(mutex_);
    return reached_;
  }
  bool Stopped() { return WaitFor(stopped_); }

 private:
  bool WaitFor(const bool& what) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 20s, [&] { return what; });
  }
  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool open_ = false;
  bool reached_ = false;
  bool stopped_ = false;
};

class SeriesArchive : public Downloader {
 public:
  using Instances = std::span<const InstanceReference>;

  void Download(Instances instances, DownloadSink& sink, const Context& context) override {
    {
      const std::lock_guard lock(mutex_);
      for (const InstanceReference& instance : instances) {
        ++asked_[instance];
      }
      lists_.push_back(instances.size());
      changed_.notify_all();
    }
    if (instances.size() > 1) {
      batch(instances, sink, context);
    } else {
      single(instances.front(), sink, context);
    }
  }
  Batching batching() const override { return kind; }
  bool shares_lists() const override { return shares; }
  std::optional<Clock::duration> round_trip() const override { return way; }

  static void Send(const InstanceReference& instance, DownloadSink& sink) {
    const std::string content = Content(instance);
    sink.OnBegin(instance, content.size());
    sink.OnData(std::as_bytes(std::span(content)).first(600));
    sink.OnData(std::as_bytes(std::span(content)).subspan(600));
    sink.OnEnd();
  }
  static void SendPart(const InstanceReference& instance, DownloadSink& sink, size_t from, size_t count = SIZE_MAX) {
    const std::string part = Content(instance).substr(from, count);
    sink.OnData(std::as_bytes(std::span(part)));
  }
  static void SendAll(Instances instances, DownloadSink& sink, const Context& context) {
    for (const InstanceReference& instance : instances) {
      context.Check("send");
      Send(instance, sink);
    }
  }
  // Up to `instance`, the gate, and the rest.
  static void SendWithGate(Instances instances, DownloadSink& sink, const Context& context, size_t index, Gate& gate) {
    for (const InstanceReference& instance : instances) {
      if (instance == At(index)) {
        gate.Wait(context);
      }
      Send(instance, sink);
    }
  }

  size_t Asked(const InstanceReference& instance) {
    const std::lock_guard lock(mutex_);
    return asked_[instance];
  }
  std::vector<size_t> Lists() {
    const std::lock_guard lock(mutex_);
    return lists_;
  }
  bool WaitForLists(size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 20s, [&] { return lists_.size() >= count; });
  }

  Batching kind = Batching::kSeries;
  bool shares = false;
  std::optional<Clock::duration> way;
  std::function<void(Instances, DownloadSink&, const Context&)> batch = SendAll;
  std::function<void(const InstanceReference&, DownloadSink&, const Context&)> single =
      [](const InstanceReference& instance, DownloadSink& sink, const Context&) { Send(instance, sink); };

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::unordered_map<InstanceReference, size_t> asked_;
  std::vector<size_t> lists_;
};

class RetrieverBatchTest : public testing::Test {
 protected:
  RetrieverBatchTest() { options_.archive = "test"; }
  ~RetrieverBatchTest() override { retriever_.reset(); }

  // Ends the retriever before what its downloads use goes out of scope.
  struct Ending {
    std::unique_ptr<Retriever>& retriever;
    ~Ending() { retriever.reset(); }
  };

  Retriever& retriever() {
    if (retriever_ == nullptr) {
      InstanceCacheOptions cache;
      cache.directory = directory_.path();
      cache.min_free = min_free_;
      cache_ = std::make_shared<InstanceCache>(cache, LmdbEnvironment::Open(directory_.path()));
      options_.series_list = [](const SeriesReference& series) {
        auto list = std::make_shared<std::vector<Uid>>();
        for (size_t i = 0; i < kSize; ++i) {
          list->push_back(At(i, series.series.str().c_str()).instance);
        }
        return list;
      };
      retriever_ = std::make_unique<Retriever>(options_, archive_, cache_);
    }
    return *retriever_;
  }

  std::shared_ptr<OpenedInstance> Open(const InstanceReference& instance) {
    return retriever().Open(instance, Context::WithTimeout(20s));
  }
  // Reads as the mount does: waits where the bytes have not come yet. "" when that fails.
  static std::string Read(OpenedInstance& opened) {
    std::string out(opened.size(), '?');
    try {
      while (true) {
        if (opened.TryRead(0, std::as_writable_bytes(std::span(out)))) {
          return out;
        }
        std::promise<void> ready;
        opened.WhenReadable(0, out.size(), {}, [&ready] { ready.set_value(); });
        if (ready.get_future().wait_for(20s) != std::future_status::ready) {
          return "nothing came";
        }
      }
    } catch (const Error&) {
      return "";
    }
  }
  bool IsRight(const InstanceReference& instance) {
    const auto opened = Open(instance);
    return opened != nullptr && Read(*opened) == Content(instance);
  }
  // Two neighbours: whoever does that reads on.
  void BeginReading() {
    EXPECT_TRUE(IsRight(At(0)));
    EXPECT_TRUE(IsRight(At(1)));
  }
  bool WaitUntilCached(const InstanceReference& instance) {
    for (int i = 0; i < 20000; ++i) {
      if (cache_->Contains("test", instance)) {
        return true;
      }
      std::this_thread::sleep_for(1ms);
    }
    return false;
  }
  bool WaitUntilAllIsCached() {
    bool all = true;
    for (size_t i = 0; i < kSize; ++i) {
      all = all && WaitUntilCached(At(i));
    }
    return all;
  }
  size_t Batches() {
    const auto lists = archive_->Lists();
    return static_cast<size_t>(std::count_if(lists.begin(), lists.end(), [](size_t size) { return size > 1; }));
  }

  // Before the retriever, because transfers still wait here when a test ends.
  Gate gate_;
  Gate other_gate_;
  Gate half_gate_;
  TempDirectory directory_;
  uint64_t min_free_ = 0;
  RetrieverOptions options_;
  std::shared_ptr<SeriesArchive> archive_ = std::make_shared<SeriesArchive>();
  std::shared_ptr<InstanceCache> cache_;

  std::unique_ptr<Retriever> retriever_;
};

TEST_F(RetrieverBatchTest, ReadingOnFetchesTheRestInOneRequest) {
  BeginReading();
  ASSERT_TRUE(WaitUntilAllIsCached());
  EXPECT_EQ(Batches(), 1U);
  for (size_t i = 0; i < kSize; ++i) {
    EXPECT_TRUE(IsRight(At(i))) << i;
  }
  EXPECT_LE(archive_->Lists().size(), 3U);
}

TEST_F(RetrieverBatchTest, LooksAtFirstMiddleAndLastWithoutFetchingMore) {
  for (const size_t index : {size_t{0}, kSize / 2, kSize - 1, size_t{8}, size_t{30}}) {
    EXPECT_TRUE(IsRight(At(index)));
  }
  EXPECT_THAT(archive_->Lists(), ElementsAre(1, 1, 1, 1, 1));
  EXPECT_EQ(retriever().Status().ahead, 0U);
}

TEST_F(RetrieverBatchTest, AnOpenTakesTheDirectWayWhenTheBatchDoesNotCome) {
  archive_->batch = [this](auto instances, DownloadSink& sink, const Context& context) {
    SeriesArchive::SendWithGate(instances, sink, context, 10, gate_);
  };
  BeginReading();
  ASSERT_TRUE(gate_.Reached());
  EXPECT_TRUE(IsRight(At(10)));
  EXPECT_TRUE(IsRight(At(35)));
  EXPECT_EQ(archive_->Asked(At(35)), 2U);  // in the batch, and directly
  gate_.Open();
  EXPECT_TRUE(WaitUntilAllIsCached());
  EXPECT_TRUE(IsRight(At(10)));
}

TEST_F(RetrieverBatchTest, TheBatchFillsWhatItBringsBeforeTheDirectRequest) {
  archive_->batch = [this](auto instances, DownloadSink& sink, const Context& context) {
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

TEST_F(RetrieverBatchTest, DropsWhatADirectRequestBrings) {
  archive_->batch = [this](auto instances, DownloadSink& sink, const Context& context) {
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

TEST_F(RetrieverBatchTest, StopsWhenNobodyReadsOn) {
  options_.idle_stop = 20ms;
  archive_->batch = [this](auto instances, DownloadSink& sink, const Context& context) {
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

TEST_F(RetrieverBatchTest, GoesOnForWhoWaitsHoweverLongThatTakes) {
  options_.idle_stop = 1ms;
  archive_->batch = [this](auto instances, DownloadSink& sink, const Context& context) {
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

TEST_F(RetrieverBatchTest, ABrokenPartIsRequestedAgainForWhoReadsIt) {
  std::promise<void> half;
  const Ending ending{retriever_};
  archive_->batch = [&](auto instances, DownloadSink& sink, const Context& context) {
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

TEST_F(RetrieverBatchTest, ASecondBatchGoesOnWithWhatIsReadAlready) {
  archive_->batch = [&](auto instances, DownloadSink& sink, const Context& context) {
    if (Batches() > 1) {
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
  for (int i = 0; i < 1000 && Batches() < 2; ++i) {  // it waits a second before it tries again
    ASSERT_NE(retriever().TryOpen(At(2)), nullptr);
    std::this_thread::sleep_for(10ms);
  }
  EXPECT_EQ(Read(*opened), Content(At(2)));
  EXPECT_TRUE(WaitUntilCached(At(2)));
}

TEST_F(RetrieverBatchTest, ReadingFailsWhenTheRestIsMissing) {
  archive_->batch = [&](auto instances, DownloadSink& sink, const Context& context) {
    if (Batches() > 1) {
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

TEST_F(RetrieverBatchTest, WhatBecomesOfAnOvertakenRequestIsNotTheBatchs) {
  archive_->batch = [&](auto instances, DownloadSink& sink, const Context& context) {
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

TEST_F(RetrieverBatchTest, WhatIsHereCountsAsUnreadWhateverTheBatchSaysOfItLater) {
  options_.max_ahead = 5 * Content(At(0)).size();
  options_.idle_stop = 20s;
  archive_->batch = [](auto instances, DownloadSink& sink, const Context&) {
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

TEST_F(RetrieverBatchTest, APartThatComesAgainWithOtherBytesFails) {
  std::promise<void> half;
  const Ending ending{retriever_};
  archive_->batch = [&](auto instances, DownloadSink& sink, const Context& context) {
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

TEST_F(RetrieverBatchTest, WhatACutOffBatchDidNotBringIsRequestedDirectly) {
  archive_->batch = [&](auto instances, DownloadSink& sink, const Context& context) {
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
  EXPECT_EQ(Batches(), 1U) << "it was tried again at once";
}

TEST_F(RetrieverBatchTest, SaysOfEachInstanceWhatTheArchiveSaysOfIt) {
  archive_->single = [](const InstanceReference& instance, DownloadSink& sink, const Context&) {
    if (instance == At(11)) {
      throw Error(ErrorCode::kAccessDenied, "not this one");
    }
    instance == At(12) ? sink.OnMissing(instance) : SeriesArchive::Send(instance, sink);
  };
  archive_->batch = [&](auto instances, DownloadSink& sink, const Context&) {
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

TEST_F(RetrieverBatchTest, AnOpenElsewhereGoesBeforeWhatIsFetchedAhead) {
  options_.connections = 2;
  archive_->batch = [this](auto instances, DownloadSink& sink, const Context& context) {
    SeriesArchive::SendWithGate(instances, sink, context, 2, gate_);
  };
  BeginReading();
  ASSERT_TRUE(gate_.Reached());
  EXPECT_TRUE(IsRight(At(0, "1.2.4")));
  gate_.Open();
}

TEST_F(RetrieverBatchTest, TheOnlyConnectionIsGivenToWhoOpensElsewhere) {
  options_.connections = 1;
  options_.idle_stop = 20s;
  archive_->batch = [this](auto instances, DownloadSink& sink, const Context& context) {
    SeriesArchive::SendWithGate(instances, sink, context, 9, gate_);
  };
  BeginReading();
  ASSERT_TRUE(gate_.Reached());
  EXPECT_TRUE(IsRight(At(0, "1.2.4")));
  EXPECT_TRUE(gate_.Stopped());
}

TEST_F(RetrieverBatchTest, WaitsWithWhatNobodyReads) {
  options_.max_ahead = 5 * Content(At(0)).size();
  options_.idle_stop = 20s;
  std::atomic<size_t> sent{0};
  const Ending ending{retriever_};
  archive_->batch = [&](auto instances, DownloadSink& sink, const Context&) {
    for (const InstanceReference& instance : instances) {
      SeriesArchive::Send(instance, sink);
      ++sent;
    }
  };
  BeginReading();
  ASSERT_TRUE(WaitUntilCached(At(6)));
  EXPECT_LE(retriever().Status().ahead, 6U);
  for (size_t i = 2; i < kSize; ++i) {
    EXPECT_TRUE(IsRight(At(i)));
    EXPECT_LE(sent, i + 6);
  }
}

TEST_F(RetrieverBatchTest, FetchesListsWhereTheArchiveTakesThem) {
  archive_->kind = Downloader::Batching::kList;
  BeginReading();
  ASSERT_TRUE(WaitUntilAllIsCached());
  EXPECT_EQ(Batches(), 2U);
  for (size_t i = 2; i < kSize; ++i) {
    EXPECT_EQ(archive_->Asked(At(i)), 1U);
  }
}

// Over several associations at once, each instance over one of them.
TEST_F(RetrieverBatchTest, SharesListsOutEvenlyWhereThatPays) {
  archive_->kind = Downloader::Batching::kList;
  archive_->shares = true;
  options_.connections = 4;
  Gate gate;
  archive_->batch = [&](auto instances, DownloadSink& sink, const Context& context) {
    gate.Wait(context);
    SeriesArchive::SendAll(instances, sink, context);
  };
  const Ending ending{retriever_};
  BeginReading();
  constexpr size_t kShares = 3;  // one connection is left for who opens something
  ASSERT_TRUE(archive_->WaitForLists(2 + kShares));
  gate.Open();
  ASSERT_TRUE(WaitUntilAllIsCached());
  std::vector<size_t> shares = archive_->Lists();
  std::erase(shares, 1U);
  ASSERT_EQ(shares.size(), kShares);
  EXPECT_LE(*std::max_element(shares.begin(), shares.end()), *std::min_element(shares.begin(), shares.end()) + 1);
  for (size_t i = 2; i < kSize; ++i) {
    EXPECT_EQ(archive_->Asked(At(i)), 1U);
  }
}

TEST_F(RetrieverBatchTest, FetchesAheadOneByOneWhereTheArchiveHasNothingBetter) {
  archive_->kind = Downloader::Batching::kOneByOne;
  BeginReading();
  ASSERT_TRUE(WaitUntilAllIsCached());
  EXPECT_EQ(Batches(), 0U);
  for (size_t i = 0; i < kSize; ++i) {
    EXPECT_EQ(archive_->Asked(At(i)), 1U);
  }
}

TEST_F(RetrieverBatchTest, OverALongWayTheOtherEndIsRequestedBesideTheStream) {
  archive_->single = [](const InstanceReference& instance, DownloadSink& sink, const Context&) {
    std::this_thread::sleep_for(15ms);
    SeriesArchive::Send(instance, sink);
  };
  std::atomic<size_t> streamed{0};
  archive_->batch = [&](auto instances, DownloadSink& sink, const Context&) {
    for (const InstanceReference& instance : instances) {
      std::this_thread::sleep_for(10ms);
      SeriesArchive::Send(instance, sink);
      ++streamed;
    }
  };
  BeginReading();
  ASSERT_TRUE(WaitUntilAllIsCached());
  EXPECT_LT(streamed, kSize - 10) << "the stream went on in vain";
  for (size_t i = 2; i < kSize; ++i) {
    EXPECT_LE(archive_->Asked(At(i)), 2U);
  }
}

TEST_F(RetrieverBatchTest, OverALongWayAsManyAreRequestedAtATimeAsPay) {
  archive_->kind = Downloader::Batching::kOneByOne;
  options_.connections = 3;
  options_.most_connections = 12;
  archive_->way = 1s;  // a request takes no longer than that, however busy this machine is
  std::atomic<int> running{0};
  std::atomic<int> most{0};
  archive_->single = [&](const InstanceReference& instance, DownloadSink& sink, const Context&) {
    most = std::max<int>(most, ++running);
    std::this_thread::sleep_for(15ms);
    SeriesArchive::Send(instance, sink);
    --running;
  };
  const Ending ending{retriever_};
  BeginReading();
  ASSERT_TRUE(WaitUntilAllIsCached());
  EXPECT_GT(most, 3);
  EXPECT_LE(most, 12);
}

// Also not when the archive takes its time, several series are read, and others are opened meanwhile.
TEST_F(RetrieverBatchTest, NearbyMoreRequestsAtATimeAreNotMade) {
  archive_->kind = Downloader::Batching::kOneByOne;
  archive_->way = 1ms;
  options_.connections = 3;
  options_.most_connections = 12;
  std::atomic<int> running{0};
  std::atomic<int> most{0};
  archive_->single = [&](const InstanceReference& instance, DownloadSink& sink, const Context&) {
    most = std::max<int>(most, ++running);
    std::this_thread::sleep_for(10ms);
    SeriesArchive::Send(instance, sink);
    --running;
  };
  const Ending ending{retriever_};
  for (const char* const series : {"1.2.3", "1.2.4"}) {
    EXPECT_TRUE(IsRight(At(0, series)));
    EXPECT_TRUE(IsRight(At(1, series)));
  }
  std::vector<std::future<bool>> others;
  for (size_t i = 0; i < 6; ++i) {
    others.push_back(std::async(std::launch::async, [this, i] { return IsRight(At(i, "1.2.5")); }));
  }
  for (auto& right : others) {
    EXPECT_TRUE(right.get());
  }
  ASSERT_TRUE(WaitUntilCached(At(kSize - 1)));
  EXPECT_LE(most, 3);
}

TEST_F(RetrieverBatchTest, AnInstanceThatFailsAheadIsNotAskedForAgainAndAgain) {
  archive_->kind = Downloader::Batching::kOneByOne;
  std::atomic<int> failed{0};
  const Ending ending{retriever_};
  archive_->single = [&](const InstanceReference& instance, DownloadSink& sink, const Context&) {
    if (instance == At(5)) {
      ++failed;
      throw Error(ErrorCode::kUnavailable, "the server answered 500");
    }
    SeriesArchive::Send(instance, sink);
  };
  BeginReading();
  for (size_t i = 0; i < kSize; ++i) {
    ASSERT_TRUE(i == 5 || WaitUntilCached(At(i)));
  }
  BeginReading();
  EXPECT_LE(failed, 1);
  EXPECT_THROW(Open(At(5)), Error);
}

TEST_F(RetrieverBatchTest, ManyReadersInAnyOrder) {
  retriever();
  std::vector<std::future<bool>> readers;
  for (unsigned seed = 0; seed < 6; ++seed) {
    readers.push_back(std::async(std::launch::async, [this, seed] {
      std::vector<size_t> order(kSize);
      std::iota(order.begin(), order.end(), size_t{0});
      if (seed > 2) {
        std::shuffle(order.begin(), order.end(), std::mt19937(seed));
      }
      return std::all_of(order.begin(), order.end(), [this](size_t index) { return IsRight(At(index)); });
    }));
  }
  for (auto& reader : readers) {
    EXPECT_TRUE(reader.get());
  }
}

TEST_F(RetrieverBatchTest, FetchesTogetherWhatIsExpected) {
  std::vector<Uid> instances;
  for (size_t i = 0; i < kSize; ++i) {
    instances.push_back(At(i).instance);
  }
  retriever().Expect(At(0).series_reference(), instances);
  ASSERT_TRUE(WaitUntilAllIsCached());
  EXPECT_THAT(archive_->Lists(), ElementsAre(kSize));
}

// Series 1.2.1, 1.2.2, ... follow one another in the study.
class NextSeriesTest : public RetrieverBatchTest {
 protected:
  NextSeriesTest() {
    options_.next_series = [this](const SeriesReference& series, const Context&) -> std::optional<SeriesReference> {
      ++asked_;
      const int number = series.series.str().back() - '0';
      return SeriesReference{series.study, Uid("1.2." + std::to_string(number + 1))};
    };
  }
  void ReadThrough(const char* series) {
    for (size_t i = 0; i < kSize; ++i) {
      EXPECT_TRUE(IsRight(At(i, series))) << series << " " << i;
    }
  }
  bool Comes(const char* series) {
    bool all = true;
    for (size_t i = 0; i < kSize; ++i) {
      all = all && WaitUntilCached(At(i, series));
    }
    return all;
  }
  std::atomic<int> asked_{0};
};

TEST_F(NextSeriesTest, WhoReadsASecondSeriesToItsEndFindsTheNextOneFetched) {
  ReadThrough("1.2.1");
  EXPECT_EQ(asked_, 0) << "one series may be all that somebody wants";
  ReadThrough("1.2.2");
  ASSERT_TRUE(Comes("1.2.3"));
  EXPECT_EQ(asked_, 1);
  EXPECT_EQ(archive_->Asked(At(0, "1.2.4")), 0U) << "one ahead, not all";
  ReadThrough("1.2.3");
  EXPECT_TRUE(Comes("1.2.4"));
  EXPECT_EQ(archive_->Asked(At(0, "1.2.5")), 0U);
  EXPECT_EQ(archive_->Asked(At(20, "1.2.3")), 1U);
}

TEST_F(NextSeriesTest, EndsSoonWhenTheReaderGoesAway) {
  const Ending ending{retriever_};
  archive_->batch = [&](SeriesArchive::Instances instances, DownloadSink& sink, const Context& context) {
    if (instances.front().series == Uid("1.2.3")) {
      SeriesArchive::Send(instances.front(), sink);
      gate_.Wait(context);
    }
    SeriesArchive::SendAll(instances, sink, context);
  };
  options_.idle_stop = 300ms;
  ReadThrough("1.2.1");
  ReadThrough("1.2.2");
  ASSERT_TRUE(gate_.Reached());
  EXPECT_TRUE(gate_.Stopped());
}

TEST_F(NextSeriesTest, AFailedQuestionIsNobodysFailure) {
  options_.next_series = [this](const SeriesReference&, const Context&) -> std::optional<SeriesReference> {
    ++asked_;
    throw Error(ErrorCode::kUnavailable, "gone");
  };
  ReadThrough("1.2.1");
  ReadThrough("1.2.2");
  for (int i = 0; i < 20000 && asked_ == 0; ++i) {
    std::this_thread::sleep_for(1ms);
  }
  EXPECT_GE(asked_, 1);
  ReadThrough("1.2.3");
}

TEST_F(RetrieverBatchTest, FetchesNothingAheadWhenTheDiskIsFull) {
  min_free_ = uint64_t{1} << 60;
  for (size_t i = 0; i < kSize; ++i) {
    EXPECT_TRUE(IsRight(At(i)));
  }
  EXPECT_EQ(retriever().Status().ahead, 0U);
}

TEST_F(RetrieverBatchTest, EndsWhileABatchRuns) {
  archive_->batch = [this](auto instances, DownloadSink& sink, const Context& context) {
    SeriesArchive::SendWithGate(instances, sink, context, 5, gate_);
  };
  BeginReading();
  ASSERT_TRUE(gate_.Reached());
}

TEST(ReadingPatternTest, WantsTheRestWhenNeighboursAreOpened) {
  ReadingPattern forward(300);
  forward.NoteOpen(7);
  EXPECT_FALSE(forward.WantsRest());
  forward.NoteOpen(7);
  EXPECT_FALSE(forward.WantsRest());
  forward.NoteOpen(8);
  EXPECT_TRUE(forward.WantsRest());
  ReadingPattern backward(300);
  backward.NoteOpen(299);
  backward.NoteOpen(298);
  EXPECT_TRUE(backward.WantsRest());
}

TEST(ReadingPatternTest, AfterAJumpWantsMoreEvidence) {
  ReadingPattern viewer(300);
  for (const size_t index : {0u, 150u, 299u, 150u, 10u, 11u, 12u}) {
    viewer.NoteOpen(index);
    EXPECT_FALSE(viewer.WantsRest()) << index;
  }
  viewer.NoteOpen(13);
  EXPECT_TRUE(viewer.WantsRest());
}

TEST(ReadingPatternTest, SeesReadersThatTakeTurns) {
  ReadingPattern pattern(300);
  for (const size_t index : {0u, 100u, 200u, 1u, 101u}) {
    pattern.NoteOpen(index);
  }
  EXPECT_FALSE(pattern.WantsRest());
  pattern.NoteOpen(201);
  EXPECT_TRUE(pattern.WantsRest());
}

TEST(ReadingPatternTest, RandomOpensHardlyEverWantTheRest) {
  int wanted = 0;
  for (unsigned seed = 0; seed < 100; ++seed) {
    std::mt19937 random(seed);
    ReadingPattern pattern(300);
    for (int i = 0; i < 40; ++i) {
      pattern.NoteOpen(random() % 300);
    }
    wanted += pattern.WantsRest() ? 1 : 0;
  }
  EXPECT_LE(wanted, 3);
}

TEST(StreamPaceTest, IsWorthWaitingForWhatComesSoon) {
  const auto start = Clock::now();
  StreamPace pace;
  pace.Restart(start);
  EXPECT_TRUE(pace.WorthWaiting(50, 3ms, 5ms, 100, start));
  EXPECT_FALSE(pace.WorthWaiting(50, 11ms, 5ms, 100, start));
  for (int i = 0; i < 10; ++i) {
    pace.NoteArrival(static_cast<size_t>(i), start + i * 10ms);
  }
  const auto now = start + 90ms;
  EXPECT_EQ(pace.interval(), 10ms);
  EXPECT_TRUE(pace.WorthWaiting(10, 1ms, 5ms, 100, now));
  EXPECT_FALSE(pace.WorthWaiting(90, 1ms, 5ms, 100, now)) << "it comes in 800 ms";
  EXPECT_TRUE(pace.WorthWaiting(90, 1ms, 500ms, 100, now));
  EXPECT_FALSE(pace.WorthWaiting(10, 1ms, 5ms, 100, now + 1s)) << "nothing comes any more";
}

TEST(StreamPaceTest, KnowsNothingOfAnArchiveThatSendsInAnyOrder) {
  const auto start = Clock::now();
  StreamPace pace;
  pace.Restart(start);
  for (int i = 0; i < 10; ++i) {
    pace.NoteArrival(static_cast<size_t>(100 - i), start + i * 1ms);
  }
  EXPECT_FALSE(pace.WorthWaiting(101, 1ms, 5ms, 90, start + 9ms));
  EXPECT_TRUE(pace.WorthWaiting(101, 1ms, 50ms, 90, start + 9ms));
}

TEST(StreamPaceTest, WaitsForWhatAnArchiveSendsRoughlyInOrder) {
  const auto start = Clock::now();
  StreamPace pace;
  pace.Restart(start);
  for (size_t i = 0; i < 40; ++i) {
    pace.NoteArrival((i / 4) * 4 + (3 - i % 4), start + static_cast<int>(i) * 10ms);  // 3 2 1 0 7 6 5 4 ...
  }
  const auto now = start + 390ms;
  EXPECT_TRUE(pace.WorthWaiting(38, 100ms, 5ms, 100, now)) << "it is about to come";
  EXPECT_TRUE(pace.WorthWaiting(43, 100ms, 5ms, 100, now));
  EXPECT_FALSE(pace.WorthWaiting(5, 100ms, 5ms, 100, now)) << "it was passed over";
  EXPECT_FALSE(pace.WorthWaiting(95, 1ms, 5ms, 100, now)) << "it comes in half a second";
}

TEST(StreamPaceTest, WhoReadsOnWaitsForWhatComesInAnyOrder) {
  const auto start = Clock::now();
  StreamPace pace;
  pace.Restart(start);
  for (int i = 0; i < 10; ++i) {
    pace.NoteArrival(static_cast<size_t>(100 - i), start + i * 1ms);
  }
  EXPECT_TRUE(pace.WorthWaiting(101, 1ms, 5ms, 90, start + 9ms, true));
  EXPECT_FALSE(pace.WorthWaiting(101, 1ms, 5ms, 90000, start + 9ms, true)) << "it may take a minute and a half";
  EXPECT_FALSE(pace.WorthWaiting(101, 1ms, 5ms, 90, start + 2s, true)) << "nothing comes any more";
}

TEST(StreamPaceTest, SeesThatEachIsWaitedFor) {
  auto now = Clock::now();
  StreamPace pace;
  pace.Restart(now);
  for (size_t i = 0; i < 10; ++i) {
    pace.NoteArrival(i, now += 20ms);
    pace.NoteEnd(now += 1ms);
  }
  EXPECT_TRUE(pace.IsSlowToBegin());
}

}  // namespace
}  // namespace trolley
