#include "fetch/retriever.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <functional>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "support/gate.h"
#include "support/temp_directory.h"
#include "trolley/error.h"

namespace trolley {
namespace {

using namespace std::chrono_literals;

const InstanceReference kInstance{Uid("1.2"), Uid("1.2.3"), Uid("1.2.3.4")};
const InstanceReference kOther{Uid("1.2"), Uid("1.2.3"), Uid("1.2.3.5")};

std::span<const std::byte> Bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

class ScriptedDownloader : public Downloader {
 public:
  using Script = std::function<void(const InstanceReference&, DownloadSink&, const Context&)>;

  void Download(std::span<const InstanceReference> instances, DownloadSink& sink, const Context& context) override {
    ++calls;
    for (const InstanceReference& instance : instances) {
      script(instance, sink, context);
    }
  }
  Capabilities capabilities() const override { return {.local_files = !local_file.empty()}; }
  std::optional<std::filesystem::path> LocalFile(const InstanceReference& instance, const Context&) override {
    return instance == kInstance ? std::optional(local_file) : std::nullopt;
  }

  Script script;
  std::filesystem::path local_file;
  std::atomic<int> calls{0};
};

class RetrieverTest : public testing::Test {
 protected:
  RetrieverTest() { Start(4); }

  void Start(uint32_t connections, uint64_t min_free = 0) {
    retriever_.reset();
    InstanceCacheOptions options;
    options.directory = directory_.path();
    options.min_free = min_free;
    cache_ = std::make_shared<InstanceCache>(options, LmdbEnvironment::Open(directory_.path()));
    RetrieverOptions retriever;
    retriever.archive = "test";
    retriever.concurrency = connections;
    retriever_ = std::make_unique<Retriever>(retriever, downloader_, cache_);
  }

  // The archive sends `text` for every instance.
  void ArchiveHolds(const std::string& text) {
    downloader_->script = [text](const InstanceReference& instance, DownloadSink& sink, const Context&) {
      sink.OnBegin(instance, text.size());
      sink.OnData(Bytes(text));
      sink.OnEnd();
    };
  }

  std::shared_ptr<OpenedInstance> Open(const InstanceReference& instance = kInstance) {
    return retriever_->Open(instance, Context::WithTimeout(20s));
  }

  ErrorCode OpenFailure(const InstanceReference& instance = kInstance) {
    try {
      Open(instance);
    } catch (const Error& error) {
      return error.code();
    }
    ADD_FAILURE() << "the open did not fail";
    return ErrorCode::kInvalidArgument;
  }

  // After this, an open of what was fetched is served by the cache and not by the transfer.
  void WaitUntilIdle() const {
    const auto deadline = Clock::now() + 20s;
    while (retriever_->Status().running > 0 && Clock::now() < deadline) {
      std::this_thread::yield();
    }
    ASSERT_EQ(retriever_->Status().running, 0U);
  }

  // Reads as the mount does: waits where the bytes have not come yet.
  static std::string Read(OpenedInstance& opened, uint64_t offset, size_t length) {
    std::string out(length, '?');
    while (true) {
      if (const auto got = opened.TryRead(offset, std::as_writable_bytes(std::span(out)))) {
        out.resize(*got);
        return out;
      }
      std::promise<void> ready;
      opened.WhenReadable(offset, length, {}, [&ready] { ready.set_value(); });
      if (ready.get_future().wait_for(20s) != std::future_status::ready) {
        ADD_FAILURE() << "the bytes never came";
        return "";
      }
    }
  }

  // Before the retriever, because transfers still wait here when a test ends.
  Gate gate_;
  Gate never_;
  TempDirectory directory_;
  std::shared_ptr<ScriptedDownloader> downloader_ = std::make_shared<ScriptedDownloader>();
  std::shared_ptr<InstanceCache> cache_;
  std::unique_ptr<Retriever> retriever_;
};

TEST_F(RetrieverTest, ReadsWhatTheArchiveHolds) {
  ArchiveHolds("0123456789");
  const auto opened = Open();
  EXPECT_EQ(opened->size(), 10U);
  EXPECT_EQ(Read(*opened, 0, 100), "0123456789");
  EXPECT_EQ(Read(*opened, 7, 100), "789");
  EXPECT_EQ(Read(*opened, 3, 2), "34");
  EXPECT_EQ(Read(*opened, 10, 5), "");
}

TEST_F(RetrieverTest, FetchesOnceForFiftyOpeners) {
  downloader_->script = [this](const InstanceReference& instance, DownloadSink& sink, const Context& context) {
    gate_.Wait(context);
    sink.OnBegin(instance, 3);
    sink.OnData(Bytes("abc"));
    sink.OnEnd();
  };
  std::vector<std::future<std::string>> readers;
  for (int i = 0; i < 50; ++i) {
    readers.push_back(std::async(std::launch::async, [this] { return Read(*Open(), 0, 10); }));
  }
  gate_.Open();
  for (auto& reader : readers) {
    EXPECT_EQ(reader.get(), "abc");
  }
  EXPECT_EQ(downloader_->calls, 1);
}

TEST_F(RetrieverTest, LooksIntoTheCacheOnceForEachOpen) {
  ArchiveHolds("abc");
  Read(*Open(), 0, 3);
  EXPECT_EQ(cache_->Status().lookups, 1U) << "a cold open";
  WaitUntilIdle();
  Read(*Open(), 0, 3);
  EXPECT_EQ(cache_->Status().lookups, 2U) << "a cached one";
  // As the mount does.
  Retriever::Lookup lookup = retriever_->TryOpen(kOther);
  ASSERT_EQ(lookup.instance, nullptr);
  std::promise<Retriever::Opened> opened;
  retriever_->Open(kOther, std::move(lookup), {}, [&](Retriever::Opened o) { opened.set_value(std::move(o)); });
  EXPECT_NE(opened.get_future().get().instance, nullptr);
  EXPECT_EQ(cache_->Status().lookups, 3U);
}

TEST_F(RetrieverTest, AnOpenDoesNotTrustALookFromBeforeAnArrival) {
  ArchiveHolds("abc");
  Retriever::Lookup lookup = retriever_->TryOpen(kInstance);
  ASSERT_EQ(lookup.instance, nullptr);
  Read(*Open(), 0, 3);
  WaitUntilIdle();
  std::promise<Retriever::Opened> opened;
  retriever_->Open(kInstance, std::move(lookup), {}, [&](Retriever::Opened o) { opened.set_value(std::move(o)); });
  EXPECT_NE(opened.get_future().get().instance, nullptr);
  EXPECT_EQ(downloader_->calls, 1);
}

TEST_F(RetrieverTest, ServesTheSecondOpenFromTheCache) {
  ArchiveHolds("abc");
  Read(*Open(), 0, 3);
  EXPECT_EQ(Read(*Open(), 0, 3), "abc");
  EXPECT_NE(retriever_->TryOpen(kInstance).instance, nullptr);
  EXPECT_EQ(retriever_->KnownSize(kInstance), 3U);
  EXPECT_EQ(downloader_->calls, 1);
}

TEST_F(RetrieverTest, ReadsTheBeginningBeforeTheEndHasCome) {
  downloader_->script = [this](const InstanceReference& instance, DownloadSink& sink, const Context& context) {
    sink.OnBegin(instance, 6);
    sink.OnData(Bytes("abc"));
    gate_.Wait(context);
    sink.OnData(Bytes("def"));
    sink.OnEnd();
  };
  const auto opened = Open();
  EXPECT_EQ(Read(*opened, 0, 3), "abc");
  std::byte more[6];
  EXPECT_EQ(opened->TryRead(0, more), std::nullopt);
  EXPECT_EQ(opened->CompleteFd(), -1);
  gate_.Open();
  EXPECT_EQ(Read(*opened, 0, 6), "abcdef");
}

TEST_F(RetrieverTest, ShowsTheFileOfWhatIsNotSmallWhenItIsWhole) {
  const std::string bytes(200000, 'x');
  downloader_->script = [&](const InstanceReference& instance, DownloadSink& sink, const Context& context) {
    sink.OnBegin(instance, bytes.size());
    sink.OnData(Bytes("xxx"));
    gate_.Wait(context);
    sink.OnData(Bytes(bytes.substr(3)));
    sink.OnEnd();
  };
  const auto opened = Open();
  EXPECT_EQ(opened->CompleteFd(), -1);
  gate_.Open();
  EXPECT_EQ(Read(*opened, 0, bytes.size()), bytes);
  EXPECT_NE(opened->CompleteFd(), -1);
}

TEST_F(RetrieverTest, HoldsBackTheLastByteUntilTheTransferHasEndedWell) {
  downloader_->script = [this](const InstanceReference& instance, DownloadSink& sink, const Context& context) {
    sink.OnBegin(instance, 3);
    sink.OnData(Bytes("abc"));
    gate_.Wait(context);
    throw Error(ErrorCode::kProtocol, "no closing delimiter");
  };
  const auto opened = Open();
  EXPECT_EQ(Read(*opened, 0, 2), "ab");
  std::byte all[3];
  EXPECT_EQ(opened->TryRead(0, all), std::nullopt);
  gate_.Open();
  EXPECT_THROW(Read(*opened, 0, 3), Error);
}

TEST_F(RetrieverTest, KnowsTheLengthAtTheEndWhenTheProtocolDoesNotTellIt) {
  downloader_->script = [](const InstanceReference& instance, DownloadSink& sink, const Context&) {
    sink.OnBegin(instance, std::nullopt);
    sink.OnData(Bytes("ab"));
    sink.OnData(Bytes("cd"));
    sink.OnEnd();
  };
  const auto opened = Open();
  EXPECT_EQ(opened->size(), 4U);
  EXPECT_EQ(Read(*opened, 0, 9), "abcd");
}

TEST_F(RetrieverTest, FailsAShortTransferAndTriesAgainNextTime) {
  downloader_->script = [](const InstanceReference& instance, DownloadSink& sink, const Context&) {
    sink.OnBegin(instance, 5);
    sink.OnData(Bytes("abc"));
    sink.OnEnd();
  };
  EXPECT_THROW(Read(*Open(), 0, 5), Error);
  EXPECT_FALSE(cache_->Contains("test", kInstance));
  ArchiveHolds("abcde");
  EXPECT_EQ(Read(*Open(), 0, 5), "abcde");
  EXPECT_EQ(downloader_->calls, 2);
}

TEST_F(RetrieverTest, FailsATransferThatIsLongerThanAnnounced) {
  downloader_->script = [](const InstanceReference& instance, DownloadSink& sink, const Context&) {
    sink.OnBegin(instance, 2);
    sink.OnData(Bytes("ab"));
    sink.OnData(Bytes("c"));
    sink.OnEnd();
  };
  EXPECT_THROW(Read(*Open(), 0, 2), Error);
  EXPECT_FALSE(cache_->Contains("test", kInstance));
}

TEST_F(RetrieverTest, RefusesAnotherInstanceThanTheOneAskedFor) {
  downloader_->script = [](const InstanceReference&, DownloadSink& sink, const Context&) { sink.OnBegin(kOther, 2); };
  EXPECT_EQ(OpenFailure(), ErrorCode::kProtocol);
}

TEST_F(RetrieverTest, DistinguishesMissingFromFailed) {
  downloader_->script = [](const InstanceReference& instance, DownloadSink& sink, const Context&) {
    sink.OnMissing(instance);
  };
  EXPECT_EQ(Open(), nullptr);
  downloader_->script = [](const InstanceReference& instance, DownloadSink& sink, const Context&) {
    sink.OnFailed(instance, Error(ErrorCode::kAccessDenied, "no"));
  };
  EXPECT_EQ(OpenFailure(), ErrorCode::kAccessDenied);
  downloader_->script = [](const InstanceReference&, DownloadSink&, const Context&) {};
  EXPECT_EQ(OpenFailure(), ErrorCode::kProtocol);
  downloader_->script = [](const InstanceReference&, DownloadSink&, const Context&) { throw std::bad_alloc(); };
  EXPECT_EQ(OpenFailure(), ErrorCode::kProtocol);
}

TEST_F(RetrieverTest, FreesAnInterruptedOpenerAtOnceAndStopsTheTransferThatNobodyWants) {
  std::promise<void> started;
  std::promise<void> stopped;
  downloader_->script = [&](const InstanceReference&, DownloadSink&, const Context& context) {
    started.set_value();
    try {
      never_.Wait(context);
    } catch (...) {
      stopped.set_value();
      throw;
    }
  };
  std::stop_source stop;
  std::promise<Retriever::Opened> opened;
  retriever_->Open(kInstance, stop.get_token(), [&](Retriever::Opened o) { opened.set_value(std::move(o)); });
  started.get_future().get();
  stop.request_stop();
  const Retriever::Opened outcome = opened.get_future().get();
  EXPECT_EQ(outcome.instance, nullptr);
  EXPECT_THROW(std::rethrow_exception(outcome.error), Error);
  EXPECT_EQ(stopped.get_future().wait_for(20s), std::future_status::ready);
}

TEST_F(RetrieverTest, GoesOnForOthersWhenOneOpenerIsInterrupted) {
  downloader_->script = [this](const InstanceReference& instance, DownloadSink& sink, const Context& context) {
    gate_.Wait(context);
    sink.OnBegin(instance, 1);
    sink.OnData(Bytes("x"));
    sink.OnEnd();
  };
  std::stop_source stop;
  std::promise<void> freed;
  std::promise<Retriever::Opened> other;
  retriever_->Open(kInstance, stop.get_token(), [&](const Retriever::Opened&) { freed.set_value(); });
  retriever_->Open(kInstance, {}, [&](Retriever::Opened o) { other.set_value(std::move(o)); });
  stop.request_stop();
  freed.get_future().get();
  gate_.Open();
  EXPECT_NE(other.get_future().get().instance, nullptr);
  EXPECT_EQ(downloader_->calls, 1);
}

TEST_F(RetrieverTest, StartsAnewWhenATransferIsBeingGivenUp) {
  std::atomic<int> attempt{0};
  downloader_->script = [&](const InstanceReference& instance, DownloadSink& sink, const Context& context) {
    if (attempt++ == 0) {
      try {
        never_.Wait(context);
      } catch (const Error&) {
        gate_.Wait({});  // takes its time to notice
        throw;
      }
    }
    sink.OnBegin(instance, 1);
    sink.OnData(Bytes("y"));
    sink.OnEnd();
  };
  std::stop_source stop;
  std::promise<void> freed;
  retriever_->Open(kInstance, stop.get_token(), [&](const Retriever::Opened&) { freed.set_value(); });
  while (attempt == 0) {
    std::this_thread::yield();
  }
  stop.request_stop();
  freed.get_future().get();
  EXPECT_EQ(Read(*Open(), 0, 1), "y");
  gate_.Open();
}

TEST_F(RetrieverTest, StopsWhenTheLastReaderLeavesAndMuchIsMissing) {
  std::promise<void> stopped;
  downloader_->script = [&](const InstanceReference& instance, DownloadSink& sink, const Context& context) {
    sink.OnBegin(instance, uint64_t{1} << 30);
    sink.OnData(Bytes("abc"));
    try {
      never_.Wait(context);
    } catch (...) {
      stopped.set_value();
      throw;
    }
  };
  Open().reset();
  EXPECT_EQ(stopped.get_future().wait_for(20s), std::future_status::ready);
}

TEST_F(RetrieverTest, AnInterruptedReadLetsGoOfItsInstanceAtOnce) {
  std::promise<void> stopped;
  downloader_->script = [&](const InstanceReference& instance, DownloadSink& sink, const Context& context) {
    sink.OnBegin(instance, uint64_t{1} << 30);
    sink.OnData(Bytes("abc"));
    gate_.Wait({});
    sink.OnData(Bytes("def"));
    try {
      never_.Wait(context);
    } catch (...) {
      stopped.set_value();
      throw;
    }
  };
  auto opened = Open();
  std::stop_source stop;
  OpenedInstance* const raw = opened.get();
  // The waiting read is the last one that holds the instance, as when its program has gone.
  raw->WhenReadable(100, 100, stop.get_token(), [opened = std::move(opened)] { FAIL() << "not readable"; });
  stop.request_stop();
  gate_.Open();
  EXPECT_EQ(stopped.get_future().wait_for(20s), std::future_status::ready);
}

TEST_F(RetrieverTest, OneInstanceThatTheServerRefusesDoesNotFailTheOthers) {
  Start(1);
  downloader_->script = [this](const InstanceReference& instance, DownloadSink& sink, const Context& context) {
    gate_.Wait(context);
    if (instance == kInstance) {
      throw Error(ErrorCode::kUnavailable, "the server replied 500");
    }
    sink.OnBegin(instance, 1);
    sink.OnData(Bytes("z"));
    sink.OnEnd();
  };
  std::promise<Retriever::Opened> bad;
  std::promise<Retriever::Opened> good;
  retriever_->Open(kInstance, {}, [&](Retriever::Opened o) { bad.set_value(std::move(o)); });
  retriever_->Open(kOther, {}, [&](Retriever::Opened o) { good.set_value(std::move(o)); });
  gate_.Open();
  EXPECT_TRUE(bad.get_future().get().error != nullptr);
  EXPECT_NE(good.get_future().get().instance, nullptr);
}

TEST_F(RetrieverTest, FailsThoseInTheQueueWhenTheArchiveDoesNotRespond) {
  Start(1);
  downloader_->script = [this](const InstanceReference&, DownloadSink&, const Context& context) {
    gate_.Wait(context);
    throw Error(ErrorCode::kTimedOut, "no response");
  };
  std::vector<std::future<Retriever::Opened>> waiting;
  for (int i = 0; i < 10; ++i) {
    auto promise = std::make_shared<std::promise<Retriever::Opened>>();
    waiting.push_back(promise->get_future());
    const InstanceReference instance{Uid("1"), Uid("2"), Uid("3." + std::to_string(i))};
    retriever_->Open(instance, {}, [promise](Retriever::Opened o) { promise->set_value(std::move(o)); });
  }
  gate_.Open();
  for (auto& opened : waiting) {
    EXPECT_TRUE(opened.get().error != nullptr);
  }
  EXPECT_EQ(downloader_->calls, 1);
}

TEST_F(RetrieverTest, FailsWhoStillWaitsWhenItEnds) {
  downloader_->script = [this](const InstanceReference&, DownloadSink&, const Context& context) {
    never_.Wait(context);
  };
  std::promise<Retriever::Opened> opened;
  retriever_->Open(kInstance, {}, [&](Retriever::Opened o) { opened.set_value(std::move(o)); });
  retriever_.reset();
  EXPECT_TRUE(opened.get_future().get().error != nullptr);
}

TEST_F(RetrieverTest, TimesOutWhenTheCallerCannotWaitLonger) {
  downloader_->script = [this](const InstanceReference&, DownloadSink&, const Context& context) {
    never_.Wait(context);
  };
  try {
    retriever_->Open(kInstance, Context::WithTimeout(50ms));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kTimedOut);
  }
}

TEST_F(RetrieverTest, ServesFromMemoryWhenTheDiskIsFull) {
  Start(4, uint64_t{1} << 60);
  ArchiveHolds("abc");
  EXPECT_EQ(Read(*Open(), 0, 3), "abc");
  EXPECT_FALSE(cache_->Contains("test", kInstance));
}

TEST_F(RetrieverTest, SaysThatTheDiskIsFullWhenMemoryIsNotEnough) {
  Start(4, uint64_t{1} << 60);
  downloader_->script = [](const InstanceReference& instance, DownloadSink& sink, const Context&) {
    sink.OnBegin(instance, uint64_t{1} << 30);
  };
  EXPECT_EQ(OpenFailure(), ErrorCode::kNoSpace);
}

TEST_F(RetrieverTest, OpensFilesOfALocalArchiveInPlace) {
  const auto file = directory_.path() / "image.dcm";
  std::ofstream(file) << "local bytes";
  downloader_->local_file = file;
  EXPECT_EQ(Read(*Open(), 0, 100), "local bytes");
  EXPECT_EQ(Open(kOther), nullptr);
  EXPECT_EQ(downloader_->calls, 0);
  std::filesystem::remove(file);
  EXPECT_EQ(OpenFailure(), ErrorCode::kStorage);
}

TEST_F(RetrieverTest, ThrowsWhenALocalFileIsCutWhileOpen) {
  const auto file = directory_.path() / "image.dcm";
  std::ofstream(file) << "local bytes";
  downloader_->local_file = file;
  const auto opened = Open();
  std::filesystem::resize_file(file, 3);
  EXPECT_THROW(Read(*opened, 0, 100), Error);
}

}  // namespace
}  // namespace trolley
