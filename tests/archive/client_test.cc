#include "trolley/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/text.h"
#include "download/recording_sink.h"
#include "download/wado/fake_wado.h"
#include "support/fake_searcher.h"
#include "support/temp_directory.h"
#include "trolley/directory_storage.h"

namespace trolley {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

InstanceReference Ref(const std::string& study, const std::string& series, const std::string& instance) {
  return {Uid(study), Uid(series), Uid(instance)};
}

// An archive in memory that counts, fails, and waits as it is told.
class FakeDownloader : public Downloader {
 public:
  std::map<InstanceReference, std::string> content;
  std::map<InstanceReference, Error> failing;
  std::map<Uid, std::vector<Error>> series_failures;  // thrown one by one after the first instance of the series
  bool before_anything = false;                       // those, but before the first instance
  size_t rendezvous = 1;                              // downloads that must run at the same time before any goes on
  Capabilities::Batching how = Capabilities::Batching::kSeries;
  bool whole_series = false;
  std::set<InstanceReference> left_out;  // of whole series
  std::vector<SeriesReference> series_calls;
  struct Missing {};
  std::function<void(const InstanceReference&)>
      on_instance;  // what it throws becomes of the download, or (Missing) of the instance
  std::optional<Clock::duration> way;
  std::function<void(const InstanceReference&, const Context&)> on_streaming;
  std::function<void()> on_streamed;  // all that it has of a series

  std::vector<std::vector<InstanceReference>> calls() const {
    const std::lock_guard lock(mutex_);
    return calls_;
  }

  Capabilities capabilities() const override {
    return {.batching = how, .can_stream_series = whole_series, .round_trip = way};
  }

  void DownloadSeries(const SeriesReference& series, DownloadSink& sink, const Context& context) override {
    std::optional<Error> failure;
    {
      const std::lock_guard lock(mutex_);
      series_calls.push_back(series);
      auto& failures = series_failures[series.series];
      if (!failures.empty()) {
        failure = failures.front();
        failures.erase(failures.begin());
      }
    }
    for (const auto& [instance, bytes] : content) {
      context.Check("download");
      if (instance.series_reference() == series && !left_out.contains(instance)) {
        if (const auto failed = failing.find(instance); failed != failing.end()) {
          sink.OnFailed(instance, failed->second);
          continue;
        }
        if (on_streaming) {
          on_streaming(instance, context);
        }
        Send(instance, sink);
        if (failure) {
          throw *failure;
        }
      }
    }
    if (on_streamed) {
      on_streamed();
    }
  }

  void Download(std::span<const InstanceReference> instances, DownloadSink& sink, const Context& context) override {
    std::optional<Error> failure = Enter(instances, context);
    if (failure && before_anything) {
      throw *failure;
    }
    for (const InstanceReference& instance : instances) {
      context.Check("download");
      try {
        if (on_instance) {
          on_instance(instance);
        }
      } catch (const Missing&) {
        sink.OnMissing(instance);
        continue;
      }
      Send(instance, sink);
      if (failure) {
        throw *failure;
      }
    }
  }

 private:
  std::optional<Error> Enter(std::span<const InstanceReference> instances, const Context& context) {
    std::unique_lock lock(mutex_);
    calls_.emplace_back(instances.begin(), instances.end());
    changed_.notify_all();
    changed_.wait(lock, context.stop, [&] { return calls_.size() >= rendezvous; });
    auto& failures = series_failures[instances.front().series];
    if (failures.empty()) {
      return std::nullopt;
    }
    const Error failure = failures.front();
    failures.erase(failures.begin());
    return failure;
  }

  void Send(const InstanceReference& instance, DownloadSink& sink) {
    const auto found = content.find(instance);
    if (found == content.end()) {
      sink.OnMissing(instance);
      return;
    }
    const auto bytes = std::as_bytes(std::span(found->second));
    sink.OnBegin(instance, bytes.size());
    sink.OnData(bytes.first(bytes.size() / 2));
    if (const auto failure = failing.find(instance); failure != failing.end()) {
      sink.OnFailed(instance, failure->second);
      return;
    }
    sink.OnData(bytes.subspan(bytes.size() / 2));
    sink.OnEnd();
  }

  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::vector<std::vector<InstanceReference>> calls_;
};

// Keeps instances in memory; can be full, and can refuse one.
class MemoryStorage : public Storage {
 public:
  std::mutex mutex;
  std::map<InstanceReference, std::string> files;
  std::optional<InstanceReference> refused;
  size_t room = SIZE_MAX;  // instances

  bool IsComplete(const InstanceReference& instance, std::optional<uint64_t> size) override {
    const std::lock_guard lock(mutex);
    const auto found = files.find(instance);
    return found != files.end() && (!size || *size == found->second.size());
  }
  std::unique_ptr<InstanceWriter> Begin(const InstanceReference& instance,
                                        std::optional<uint64_t> /*length*/) override {
    if (instance == refused) {
      throw Error(ErrorCode::kStorage, "Cannot write: refused");
    }
    return std::make_unique<Writer>(*this, instance);
  }

 private:
  struct Writer : InstanceWriter {
    Writer(MemoryStorage& to, InstanceReference what) : storage(to), instance(std::move(what)) {}
    void Append(std::span<const std::byte> piece) override {
      bytes.append(reinterpret_cast<const char*>(piece.data()), piece.size());
    }
    void Commit() override {
      const std::lock_guard lock(storage.mutex);
      if (storage.files.size() >= storage.room) {
        throw Error(ErrorCode::kNoSpace, "Cannot write: no room");
      }
      storage.files[instance] = bytes;
    }
    MemoryStorage& storage;
    const InstanceReference instance;
    std::string bytes;
  };
};

// Studies 1 and 2, each with series .1 and .2 of three instances.
class TrolleyTest : public testing::Test {
 protected:
  TrolleyTest() {
    for (const std::string study : {"1.1", "1.2"}) {
      for (const std::string& series : {study + ".1", study + ".2"}) {
        for (const std::string& uid : {series + ".1", series + ".2", series + ".3"}) {
          searcher_->Add(Attributes({{tag::kSOPInstanceUID, uid},
                                     {tag::kStudyInstanceUID, study},
                                     {tag::kSeriesInstanceUID, series},
                                     {tag::kNumberOfSeriesRelatedInstances, "3"},
                                     {tag::kPatientName, study == "1.1" ? "One" : "Two"}}));
          downloader_->content[Ref(study, series, uid)] = FakePart10(uid, "data of " + uid);
        }
      }
    }
    options_.retry_pause = std::chrono::milliseconds(1);
  }

  DownloadReport Download(const Selection& what) { return trolley_.Download(what, options_); }
  static std::vector<std::string> Problems(const DownloadReport& report, Outcome outcome) {
    std::vector<std::string> problems;
    for (const DownloadResult& result : report.problems) {
      if (result.outcome == outcome) {
        problems.push_back(ToString(result.what));
      }
    }
    return problems;
  }

  const std::shared_ptr<FakeSearcher> searcher_ = std::make_shared<FakeSearcher>();
  const std::shared_ptr<FakeDownloader> downloader_ = std::make_shared<FakeDownloader>();
  const std::shared_ptr<MemoryStorage> storage_ = std::make_shared<MemoryStorage>();
  Trolley trolley_{searcher_, downloader_, storage_};
  DownloadOptions options_;
  const StudyReference study_{Uid("1.1")};
};

TEST_F(TrolleyTest, DownloadsWhatASearchFound) {
  const DownloadReport report = Download(trolley_.FindStudies(Query()));
  EXPECT_TRUE(report.ok());
  EXPECT_EQ(report.total.done, 12U);
  EXPECT_EQ(report.total.found, 12U);
  EXPECT_TRUE(report.total.all_found);
  EXPECT_EQ(storage_->files, downloader_->content);
}

TEST_F(TrolleyTest, DownloadsAStudyASeriesOrInstances) {
  const Study study = trolley_.FindStudy(Query(Level::kInstance).Where("PatientName", "One"));
  const Series& series = study.series.at(0);
  EXPECT_EQ(Download({study, series, std::span(series.instances).first(2)}).total.done, 2U);
  EXPECT_EQ(Download({study, series}).total.done, 1U) << "the others are there already";
  EXPECT_EQ(Download(study).total.done, 3U);
  EXPECT_EQ(Download(InstanceReference(Ref("1.2", "1.2.1", "1.2.1.3"))).total.done, 1U);
  EXPECT_EQ(Download(SeriesReference{Uid("1.2"), Uid("1.2.1")}).total.done, 2U);
  EXPECT_EQ(Download(StudyReference{Uid("1.2")}).total.done, 3U);
}

// The seed's bug 1, seen from the downloader.
TEST_F(TrolleyTest, TwoSeriesAreTwoDownloadsOfJustThose) {
  const std::vector<Reference> two = {SeriesReference{Uid("1.1"), Uid("1.1.1")},
                                      SeriesReference{Uid("1.1"), Uid("1.1.2")}};
  EXPECT_EQ(Download(Selection(two)).total.done, 6U);
  EXPECT_THAT(downloader_->calls(), UnorderedElementsAre(SizeIs(3), SizeIs(3)));
}

// The seed's bug 9: `use_async` and `max_workers` were ignored, and studies failed with them.
TEST_F(TrolleyTest, JobsRunAtTheSameTime) {
  options_.jobs = 4;
  downloader_->rendezvous = 4;
  EXPECT_EQ(Download(trolley_.FindStudies(Query())).total.done, 12U);
}

TEST_F(TrolleyTest, InstancesThatAreFetchedOneByOneAreSpreadOverTheJobs) {
  options_.jobs = 3;
  downloader_->rendezvous = 3;
  downloader_->how = Capabilities::Batching::kOneByOne;
  EXPECT_EQ(Download(SeriesReference{Uid("1.1"), Uid("1.1.1")}).total.done, 3U);
}

TEST_F(TrolleyTest, EveryFailureIsReportedAndStopsNothingElse) {
  const auto failing = Ref("1.1", "1.1.1", "1.1.1.2");
  downloader_->failing.emplace(failing, Error(ErrorCode::kProtocol, "Cannot download: broken"));
  downloader_->content.erase(Ref("1.1", "1.1.2", "1.1.2.1"));
  storage_->refused = Ref("1.2", "1.2.1", "1.2.1.1");
  std::set<std::string> results;
  options_.on_result = [&](const DownloadResult& result) { results.insert(ToString(result.what)); };
  std::vector<Reference> references = Selection(trolley_.FindStudies(Query())).references();
  references.emplace_back(StudyReference{Uid("9.9")});
  const DownloadReport report = Download(Selection(references));
  EXPECT_FALSE(report.ok());
  EXPECT_EQ(report.total.done, 9U);
  EXPECT_THAT(Problems(report, Outcome::kFailed), UnorderedElementsAre(ToString(failing), "1.2/1.2.1/1.2.1.1"));
  EXPECT_THAT(Problems(report, Outcome::kMissing), UnorderedElementsAre("1.1/1.1.2/1.1.2.1", "9.9"));
  EXPECT_FALSE(storage_->files.contains(failing));
  EXPECT_EQ(results.size(), 13U);
}

TEST_F(TrolleyTest, AWholeSeriesIsNotListed) {
  downloader_->whole_series = true;
  options_.skip_complete = false;
  const DownloadReport report = Download(study_);
  EXPECT_TRUE(report.ok());
  EXPECT_EQ(report.total.done, 6U);
  EXPECT_EQ(report.total.found, 6U);
  EXPECT_EQ(searcher_->questions(), 1U);
  EXPECT_THAT(downloader_->calls(), IsEmpty());
  EXPECT_EQ(Download(SeriesReference{Uid("1.2"), Uid("1.2.1")}).total.done, 3U);
  EXPECT_EQ(searcher_->questions(), 2U);
  EXPECT_EQ(Problems(Download(SeriesReference{Uid("1.2"), Uid("9")}), Outcome::kMissing).size(), 1U);
}

TEST_F(TrolleyTest, WhatAWholeSeriesDidNotBringIsFetched) {
  downloader_->whole_series = true;
  options_.skip_complete = false;
  downloader_->left_out = {Ref("1.1", "1.1.1", "1.1.1.2")};
  downloader_->series_failures[Uid("1.1.2")] = {Error(ErrorCode::kProtocol, "Cannot download: cut")};
  const DownloadReport report = Download(study_);
  EXPECT_TRUE(report.ok());
  EXPECT_EQ(report.total.done, 6U);
  EXPECT_EQ(report.total.found, 6U);
  EXPECT_EQ(storage_->files.size(), 6U);
  EXPECT_THAT(downloader_->calls(), UnorderedElementsAre(SizeIs(1), SizeIs(2)));
}

TEST_F(TrolleyTest, ACutOffSeriesIsNotWholeThoughItsCountSaysSo) {
  for (const std::string uid : {"1.3.1.1", "1.3.1.2", "1.3.1.3"}) {
    searcher_->Add(Attributes({{tag::kSOPInstanceUID, uid},
                               {tag::kStudyInstanceUID, "1.3"},
                               {tag::kSeriesInstanceUID, "1.3.1"},
                               {tag::kNumberOfSeriesRelatedInstances, "1"}}));
    downloader_->content[Ref("1.3", "1.3.1", uid)] = FakePart10(uid, "data");
  }
  downloader_->whole_series = true;
  options_.skip_complete = false;
  downloader_->series_failures[Uid("1.3.1")] = {Error(ErrorCode::kProtocol, "Cannot download: cut")};
  const DownloadReport report = Download(StudyReference{Uid("1.3")});
  EXPECT_EQ(report.total.done, 3U);
  EXPECT_EQ(report.total.found, 3U);
}

TEST_F(TrolleyTest, AWholeSeriesWithAFailingInstanceReportsItOnce) {
  downloader_->whole_series = true;
  options_.skip_complete = false;
  storage_->refused = Ref("1.1", "1.1.1", "1.1.1.2");
  const DownloadReport report = Download(study_);
  EXPECT_EQ(report.total.done, 5U);
  EXPECT_THAT(Problems(report, Outcome::kFailed), UnorderedElementsAre("1.1/1.1.1/1.1.1.2"));
}

TEST_F(TrolleyTest, WhatFailsOfAWholeSeriesBeforeItBeginsIsReported) {
  downloader_->whole_series = true;
  options_.skip_complete = false;
  const auto failing = Ref("1.1", "1.1.1", "1.1.1.2");
  downloader_->failing.emplace(failing, Error(ErrorCode::kProtocol, "Cannot download: broken"));
  const DownloadReport report = Download(study_);
  EXPECT_EQ(report.total.done, 5U);
  EXPECT_THAT(Problems(report, Outcome::kFailed), UnorderedElementsAre(ToString(failing)));
}

TEST_F(TrolleyTest, WhatIsPartlyThereIsListed) {
  downloader_->whole_series = true;
  const TempDirectory out;
  StorageDir storage({.directory = out.path()});
  EXPECT_EQ(trolley_.Download(study_, storage, options_).total.done, 6U);
  EXPECT_EQ(downloader_->series_calls.size(), 2U);
  const DownloadReport again = trolley_.Download(study_, storage, options_);
  EXPECT_EQ(again.total.complete, 6U);
  EXPECT_EQ(downloader_->series_calls.size(), 2U);
}

// A stream of many instances, and requests for single ones beside it.
class FarSeriesTest : public TrolleyTest {
 protected:
  FarSeriesTest() {
    AddSeries("1.3.1", kCount);
    downloader_->whole_series = true;
    downloader_->way = std::chrono::milliseconds(20);
    downloader_->on_streaming = [this](const InstanceReference& instance, const Context& context) {
      ++streamed_;
      if (instance == At(2)) {
        WaitForFiles(SIZE_MAX, context);  // until it is stopped
      }
    };
    options_.skip_complete = false;
    options_.max_jobs = 32;
  }

  void AddSeries(const std::string& series, size_t told_count) {
    for (size_t i = 0; i < kCount; ++i) {
      const std::string uid = At(i, series).instance.str();
      searcher_->Add(Attributes({{tag::kSOPInstanceUID, uid},
                                 {tag::kStudyInstanceUID, "1.3"},
                                 {tag::kSeriesInstanceUID, series},
                                 {tag::kNumberOfSeriesRelatedInstances, StrCat(told_count)}}));
      downloader_->content[At(i, series)] = FakePart10(uid, "data of " + uid);
    }
  }
  static InstanceReference At(size_t i, const std::string& series = "1.3.1") {
    return Ref("1.3", series, StrCat(series, ".", 100 + i));
  }
  // Ends early when the stream is told to stop.
  void WaitForFiles(size_t count, const Context& context) {
    const auto patience = Clock::now() + std::chrono::seconds(20);
    while (!context.stop.stop_requested() && Clock::now() < patience) {
      {
        const std::lock_guard lock(storage_->mutex);
        if (storage_->files.size() >= count) {
          return;
        }
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  static void WaitFor(const std::atomic<bool>& condition, const Context& context = {}) {
    const auto patience = Clock::now() + std::chrono::seconds(20);
    while (!condition && !context.stop.stop_requested() && Clock::now() < patience) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  std::map<InstanceReference, std::string> Stored(const std::string& series = "1.3.1") const {
    auto all = downloader_->content;
    std::erase_if(all, [&](const auto& entry) { return entry.first.series != Uid(series); });
    return all;
  }

  static constexpr size_t kCount = 40;
  const SeriesReference series_{Uid("1.3"), Uid("1.3.1")};
  std::atomic<size_t> streamed_{0};
};

TEST_F(FarSeriesTest, RequestsBringWhatASlowStreamWouldBringLast) {
  const DownloadReport report = Download(series_);
  EXPECT_TRUE(report.ok());
  EXPECT_EQ(report.total.done, kCount);
  EXPECT_EQ(report.total.found, kCount);
  EXPECT_EQ(storage_->files, Stored());
  EXPECT_EQ(streamed_, 3U) << "it went on in vain";
  const auto calls = downloader_->calls();
  EXPECT_GE(calls.size(), kCount - 3);
  EXPECT_EQ(std::set(calls.begin(), calls.end()).size(), calls.size()) << "asked for twice";
  for (const auto& call : calls) {
    EXPECT_THAT(call, SizeIs(1));
  }
}

// What the archive says against a request beside the stream is not said of the instance.
TEST_F(FarSeriesTest, AFailedRequestIsNoFailedInstance) {
  for (const bool missing : {false, true}) {
    storage_->files.clear();
    std::atomic<bool> asked{false};
    downloader_->on_streaming = [&](const InstanceReference& instance, const Context& context) {
      if (instance == At(2)) {
        WaitFor(asked, context);
      }
    };
    downloader_->on_instance = [&](const InstanceReference&) {
      asked = true;
      if (missing) {
        throw FakeDownloader::Missing();
      }
      throw Error(ErrorCode::kUnavailable, "Cannot download: refused");
    };
    const DownloadReport report = Download(series_);
    EXPECT_TRUE(report.ok()) << missing;
    EXPECT_EQ(report.total.done, kCount);
    EXPECT_EQ(storage_->files, Stored());
  }
}

// The stream leaves to requests what they fail to bring after it has ended, and the count of instances is too low.
TEST_F(FarSeriesTest, WhatWasLeftToFailedRequestsIsNotForgotten) {
  AddSeries("1.3.2", kCount / 2);
  std::atomic<int> requests{0};
  std::atomic<bool> asked{false};
  std::atomic<bool> streamed{false};
  downloader_->on_streaming = [&](const InstanceReference& instance, const Context& context) {
    if (instance == At(2, "1.3.2")) {
      WaitFor(asked, context);
    }
    streamed = streamed || instance == At(kCount - 1, "1.3.2");
  };
  downloader_->on_instance = [&](const InstanceReference&) {
    asked = asked || ++requests >= 2;  // one of them of what comes before the last
    WaitFor(streamed);
    throw Error(ErrorCode::kUnavailable, "Cannot download: refused");
  };
  const DownloadReport report = Download(SeriesReference{Uid("1.3"), Uid("1.3.2")});
  EXPECT_TRUE(report.ok());
  EXPECT_EQ(report.total.done, kCount);
  EXPECT_EQ(storage_->files, Stored("1.3.2"));
}

TEST_F(FarSeriesTest, WhatIsListedAndNotGivenIsMissing) {
  AddSeries("1.3.2", kCount / 2);
  const InstanceReference gone = At(kCount - 1, "1.3.2");
  downloader_->left_out = {gone};
  std::atomic<bool> asked{false};
  downloader_->on_streaming = [&](const InstanceReference& instance, const Context& context) {
    if (instance == At(2, "1.3.2")) {
      WaitFor(asked, context);
    }
  };
  std::atomic<bool> streamed{false};
  downloader_->on_streamed = [&] { streamed = true; };
  downloader_->on_instance = [&](const InstanceReference& instance) {
    asked = true;
    if (instance == gone) {
      throw FakeDownloader::Missing();
    }
    WaitFor(streamed);  // else the stream may be cut, because all else is being brought
  };
  const DownloadReport report = Download(SeriesReference{Uid("1.3"), Uid("1.3.2")});
  EXPECT_FALSE(report.ok());
  EXPECT_EQ(report.total.missing, 1U);
  EXPECT_EQ(report.total.done, kCount - 1);
  EXPECT_THAT(downloader_->series_calls, SizeIs(1)) << "the stream has no more to give";
}

TEST_F(FarSeriesTest, WhatACustomStorageThrowsComesOut) {
  downloader_->on_instance = [](const InstanceReference&) { throw std::logic_error("custom"); };
  EXPECT_THROW(Download(series_), std::logic_error);
}

TEST_F(FarSeriesTest, AStreamThatBreaksOffLosesNothing) {
  downloader_->on_streaming = [this](const InstanceReference& instance, const Context& context) {
    if (instance == At(2)) {
      WaitForFiles(kCount / 2, context);
      throw Error(ErrorCode::kUnavailable, "Cannot download: connection lost");
    }
  };
  const DownloadReport report = Download(series_);
  EXPECT_TRUE(report.ok());
  EXPECT_EQ(report.total.done, kCount);
  EXPECT_EQ(report.total.found, kCount);
  EXPECT_EQ(storage_->files, Stored());
}

TEST_F(FarSeriesTest, WhatCannotBeStoredIsReportedOnce) {
  storage_->refused = At(kCount - 1);
  const DownloadReport report = Download(series_);
  EXPECT_EQ(report.total.done, kCount - 1);
  EXPECT_THAT(Problems(report, Outcome::kFailed), ElementsAre(ToString(At(kCount - 1))));
}

TEST_F(FarSeriesTest, AFullDiskEndsItAll) {
  storage_->room = 10;
  const DownloadReport report = Download(series_);
  ASSERT_TRUE(report.stopped_by);
  EXPECT_EQ(report.stopped_by->code(), ErrorCode::kNoSpace);
  EXPECT_EQ(storage_->files.size(), 10U);
}

TEST_F(FarSeriesTest, InstancesThatAreFetchedOneByOneAreSpreadOverMoreJobs) {
  downloader_->whole_series = false;
  downloader_->how = Capabilities::Batching::kOneByOne;
  options_.jobs = 2;
  options_.max_jobs = 12;
  downloader_->rendezvous = 12;
  const DownloadReport report = Download(series_);
  EXPECT_TRUE(report.ok());
  EXPECT_EQ(storage_->files, Stored());
  EXPECT_GE(downloader_->calls().size(), 12U);
}

TEST_F(FarSeriesTest, NotNearbyAndNotBeyondWhatIsAllowed) {
  downloader_->on_streaming = nullptr;
  downloader_->way = std::chrono::milliseconds(1);
  const auto questions = [&] {
    const size_t before = searcher_->questions();
    EXPECT_EQ(Download(series_).total.done, kCount);
    return searcher_->questions() - before;
  };
  EXPECT_EQ(questions(), 1U) << "it was listed";
  downloader_->way = std::chrono::milliseconds(20);
  options_.max_jobs = options_.jobs;
  EXPECT_EQ(questions(), 1U) << "it was listed";
  EXPECT_THAT(downloader_->calls(), IsEmpty());
}

TEST_F(TrolleyTest, ASeriesThatBrokeOffIsAskedForAgain) {
  const Uid series("1.1.1");
  downloader_->series_failures[series] = {Error(ErrorCode::kProtocol, "Cannot download: cut"),
                                          Error(ErrorCode::kUnavailable, "Cannot download: cut")};
  const DownloadReport report = Download(SeriesReference{Uid("1.1"), series});
  EXPECT_TRUE(report.ok());
  EXPECT_EQ(report.total.done, 3U);
  EXPECT_THAT(downloader_->calls(), testing::ElementsAre(SizeIs(3), SizeIs(2), SizeIs(1)));
}

TEST_F(TrolleyTest, AnArchiveOutOfReachIsTriedThreeTimes) {
  const Uid series("1.1.1");
  downloader_->before_anything = true;
  downloader_->series_failures[series] = std::vector(5, Error(ErrorCode::kUnavailable, "Cannot download: down"));
  const DownloadReport report = Download(study_);
  EXPECT_EQ(report.total.failed, 3U);
  EXPECT_EQ(report.total.done, 3U);
  EXPECT_EQ(downloader_->calls().size(), 4U);
  EXPECT_EQ(report.problems.at(0).error->code(), ErrorCode::kUnavailable);
  EXPECT_FALSE(report.stopped_by);
}

TEST_F(TrolleyTest, GivesUpWhenTheArchiveRefusesOverAndOver) {
  searcher_->FailWith(Error(ErrorCode::kAccessDenied, "Cannot search: wrong password"));
  std::vector<Reference> references;
  for (int i = 0; i < 100; ++i) {
    references.emplace_back(StudyReference{Uid("5." + std::to_string(i))});
  }
  const DownloadReport report = Download(Selection(references));
  ASSERT_TRUE(report.stopped_by);
  EXPECT_EQ(report.stopped_by->code(), ErrorCode::kAccessDenied);
  EXPECT_EQ(searcher_->questions(), 10U);
}

TEST_F(TrolleyTest, StopsWhenTheDiskIsFull) {
  storage_->room = 4;
  const DownloadReport report = Download(trolley_.FindStudies(Query()));
  ASSERT_TRUE(report.stopped_by);
  EXPECT_EQ(report.stopped_by->code(), ErrorCode::kNoSpace);
  EXPECT_EQ(storage_->files.size(), 4U);
}

TEST_F(TrolleyTest, StopsWhenItIsToldTo) {
  std::stop_source stop;
  options_.context.stop = stop.get_token();
  options_.jobs = 1;
  downloader_->on_instance = [&](const InstanceReference&) { stop.request_stop(); };
  const DownloadReport report = Download(trolley_.FindStudies(Query()));
  ASSERT_TRUE(report.stopped_by);
  EXPECT_EQ(report.stopped_by->code(), ErrorCode::kCancelled);
  EXPECT_EQ(report.total.done, 1U);
  EXPECT_THAT(report.problems, IsEmpty()) << "what was not tried did not fail";
}

TEST_F(TrolleyTest, StopsAtTheDeadline) {
  options_.context.deadline = Clock::now();
  const DownloadReport report = Download(study_);
  ASSERT_TRUE(report.stopped_by);
  EXPECT_EQ(report.stopped_by->code(), ErrorCode::kTimedOut);
}

TEST_F(TrolleyTest, HandsInstancesOver) {
  std::map<InstanceReference, std::string> taken;
  const DownloadReport report = trolley_.FetchAll(study_, [&](const FetchedInstance& instance) {
    taken[instance.reference].assign(reinterpret_cast<const char*>(instance.bytes.data()), instance.bytes.size());
  });
  EXPECT_TRUE(report.ok());
  EXPECT_EQ(taken.size(), 6U);
  EXPECT_EQ(taken.at(Ref("1.1", "1.1.2", "1.1.2.3")), downloader_->content.at(Ref("1.1", "1.1.2", "1.1.2.3")));
  EXPECT_THAT(storage_->files, IsEmpty());
}

TEST_F(TrolleyTest, WhatCallbacksThrowComesOut) {
  EXPECT_THROW(trolley_.FetchAll(study_, [](const FetchedInstance&) { throw std::logic_error("mine"); }),
               std::logic_error);
  options_.on_result = [](const DownloadResult&) { throw std::logic_error("mine"); };
  EXPECT_THROW(Download(study_), std::logic_error);
  options_.on_result = {};
  options_.on_progress = [](const DownloadProgress&) { throw std::logic_error("mine"); };
  EXPECT_THROW(Download(study_), std::logic_error);
}

TEST_F(TrolleyTest, ShowsItsProgress) {
  options_.progress_interval = std::chrono::milliseconds(0);
  std::vector<DownloadProgress> shown;
  options_.on_progress = [&](const DownloadProgress& progress) { shown.push_back(progress); };
  const DownloadReport report = Download(study_);
  ASSERT_THAT(shown, testing::Not(IsEmpty()));
  EXPECT_EQ(shown.back().done, 6U);
  EXPECT_EQ(shown.back().bytes, report.total.bytes);
  EXPECT_TRUE(shown.back().all_found);
  for (size_t i = 1; i < shown.size(); ++i) {
    EXPECT_GE(shown[i].done, shown[i - 1].done);
    EXPECT_LE(shown[i].done, shown[i].found);
  }
}

TEST_F(TrolleyTest, NeedsAStorageToDownload) {
  Trolley without(searcher_, downloader_);
  EXPECT_EQ(CodeOf([&] { without.Download(study_); }), ErrorCode::kInvalidArgument);
}

TEST_F(TrolleyTest, ResumesInADirectory) {
  const TempDirectory out;
  StorageDir storage({.directory = out.path()});
  EXPECT_EQ(trolley_.Download(study_, storage, options_).total.done, 6U);
  WriteFile(out / "1.1/1.1.1/1.1.1.2.dcm", "");
  const DownloadReport again = trolley_.Download(study_, storage, options_);
  EXPECT_EQ(again.total.complete, 5U);
  EXPECT_EQ(again.total.done, 1U);
  EXPECT_EQ(ReadFile(out / "1.1/1.1.1/1.1.1.2.dcm"), downloader_->content.at(Ref("1.1", "1.1.1", "1.1.1.2")));
}

}  // namespace
}  // namespace trolley
