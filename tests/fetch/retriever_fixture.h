#ifndef TROLLEY_TESTS_FETCH_RETRIEVER_FIXTURE_H_
#define TROLLEY_TESTS_FETCH_RETRIEVER_FIXTURE_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "fetch/retriever.h"
#include "support/gate.h"
#include "support/temp_directory.h"
#include "trolley/error.h"

namespace trolley {

inline constexpr size_t kSize = 40;

inline InstanceReference At(size_t index, const char* series = "1.2.3") {
  return {Uid("1.2"), Uid(series), Uid(std::string(series) + "." + std::to_string(index))};
}

// What the archive stores.
inline std::string Content(const InstanceReference& instance) {
  std::string text;
  while (text.size() < 1000) {
    text += instance.instance.str() + " ";
  }
  return text;
}

class SeriesArchive : public Downloader {
 public:
  using Instances = std::span<const InstanceReference>;

  void Download(Instances instances, DownloadSink& sink, const Context& context) override {
    {
      const std::lock_guard lock(mutex_);
      for (const InstanceReference& instance : instances) {
        ++help_requested_[instance];
      }
      lists_.push_back(instances.size());
      changed_.notify_all();
    }
    if (instances.size() > 1) {
      bulk(instances, sink, context);
    } else {
      single(instances.front(), sink, context);
    }
  }
  Capabilities capabilities() const override {
    ++plans;
    return {.batching = kind, .parallel_lists = shares, .round_trip = way};
  }

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

  size_t Requested(const InstanceReference& instance) {
    const std::lock_guard lock(mutex_);
    return help_requested_[instance];
  }
  std::vector<size_t> Lists() {
    const std::lock_guard lock(mutex_);
    return lists_;
  }
  bool WaitForLists(size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20), [&] { return lists_.size() >= count; });
  }

  mutable std::atomic<size_t> plans{0};  // how often it was thought of what to fetch
  Capabilities::Batching kind = Capabilities::Batching::kSeries;
  bool shares = false;
  std::optional<Clock::duration> way;
  std::function<void(Instances, DownloadSink&, const Context&)> bulk = SendAll;
  std::function<void(const InstanceReference&, DownloadSink&, const Context&)> single =
      [](const InstanceReference& instance, DownloadSink& sink, const Context&) { Send(instance, sink); };

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::unordered_map<InstanceReference, size_t> help_requested_;
  std::vector<size_t> lists_;
};

// A Retriever that prefetches series of such an archive.
class RetrieverFixture : public testing::Test {
 protected:
  RetrieverFixture() { options_.archive = "test"; }
  ~RetrieverFixture() override { retriever_.reset(); }

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
    return retriever().Open(instance, Context::WithTimeout(std::chrono::seconds(20)));
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
        if (ready.get_future().wait_for(std::chrono::seconds(20)) != std::future_status::ready) {
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
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
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
  size_t BulkRequests() {
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

}  // namespace trolley

#endif  // TROLLEY_TESTS_FETCH_RETRIEVER_FIXTURE_H_
