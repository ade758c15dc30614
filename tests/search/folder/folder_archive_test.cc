#include "trolley/folder_archive.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <future>
#include <latch>
#include <thread>

#include "dicom/synthetic.h"
#include "search/searcher_contract.h"
#include "support/temp_directory.h"
#include "trolley/error.h"

namespace trolley {
namespace {

namespace fs = std::filesystem;
using std::chrono::hours;
using std::chrono::milliseconds;
using testing::ElementsAre;

// Counts what is kept: every file that was read is kept once.
class CountingStore : public FolderIndexStore {
 public:
  void ForEach(const std::function<void(std::string_view, const IndexedFile&)>& visit) override {
    if (on_load) {
      on_load();
    }
    store_->ForEach(visit);
  }
  void Apply(const std::vector<std::pair<std::string, IndexedFile>>& changed,
             const std::vector<std::string>& removed) override {
    read += changed.size();
    gone += removed.size();
    if (on_apply) {
      on_apply();
    }
    store_->Apply(changed, removed);
  }

  std::atomic<size_t> read = 0;
  std::atomic<size_t> gone = 0;
  std::function<void()> on_load;
  std::function<void()> on_apply;

 private:
  const std::shared_ptr<FolderIndexStore> store_ = MakeMemoryFolderIndexStore();
};

class FolderTest : public testing::Test {
 protected:
  FolderTest() {
    fs::create_directory(folder_);
    Open(milliseconds(0));
  }

  void Open(milliseconds rescan_interval) {
    archive_ = std::make_unique<FolderArchive>(FolderOptions{folder_, rescan_interval}, store_);
  }

  static SyntheticInstances Spec(const std::string& study, const std::string& series) {
    SyntheticInstances spec;
    spec.study_uid = study;
    spec.series_uid = series;
    spec.rows = spec.columns = 8;
    return spec;
  }
  // Old files, unless a test is about young ones.
  std::vector<fs::path> Add(const SyntheticInstances& spec, const std::string& place) {
    std::vector<fs::path> files = WriteSyntheticSeries(spec, folder_ / place);
    for (const fs::path& file : files) {
      Age(file);
    }
    return files;
  }
  static void Age(const fs::path& file) { fs::last_write_time(file, fs::last_write_time(file) - hours(1)); }

  // Two patients, three studies: CT (3 + 1 instances) and SR; MR; US.
  void AddThreeStudies() {
    SyntheticInstances ct = Spec("1.1", "1.1.1");
    ct.patient_name = "Müller^Jürgen";
    ct.charset = "ISO_IR 100";
    ct.patient_id = "P1";
    ct.instances = 3;
    ct.study_description = "Chest";
    Add(ct, "b/ct");
    ct.series_uid = "1.1.2";
    ct.series_number = 2;
    ct.instances = 1;
    ct.series_description = "Scout";
    Add(ct, "a");
    ct.series_uid = "1.1.3";
    ct.modality = "SR";
    Add(ct, "deep/er/still");
    SyntheticInstances mr = Spec("1.2", "1.2.1");
    mr.patient_name = "Yamada^Tarou=山田^太郎=やまだ^たろう";
    mr.charset = "\\ISO 2022 IR 87";
    mr.patient_id = "P2";
    mr.modality = "MR";
    mr.study_date = "20200401";
    mr.instances = 2;
    Add(mr, "mr");
    SyntheticInstances us = Spec("1.3", "1.3.1");
    us.patient_name = "Müller^Jürgen";
    us.charset = "ISO_IR 192";
    us.patient_id = "P1";
    us.modality = "US";
    us.study_date = "20210101";
    Add(us, "us");
  }

  SearchResult Find(const Query& query) { return archive_->Find(query, Context::WithTimeout(std::chrono::minutes(1))); }
  std::vector<std::string> Studies(Query query = Query()) {
    std::vector<std::string> uids;
    const SearchResult answer = Find(query);
    for (const Study& study : *answer) {
      uids.push_back(study.uid.str());
    }
    return uids;
  }
  std::vector<std::string> SeriesOf(const Query& query) {
    std::vector<std::string> uids;
    const SearchResult answer = Find(query);
    for (const Study& study : *answer) {
      for (const Series& series : study.series) {
        uids.push_back(series.uid.str());
      }
    }
    return uids;
  }
  std::vector<std::string> InstancesOf(const Query& query) {
    std::vector<std::string> uids;
    const SearchResult answer = Find(query);
    for (const Study& study : *answer) {
      for (const Series& series : study.series) {
        for (const Instance& instance : series.instances) {
          uids.push_back(instance.uid.str());
        }
      }
    }
    return uids;
  }
  std::optional<fs::path> FindFile(const std::string& study, const std::string& series, const std::string& instance) {
    return archive_->FindFile({Uid(study), Uid(series), Uid(instance)}, Context::WithTimeout(std::chrono::minutes(1)));
  }

  static ErrorCode CodeOf(const std::function<void()>& work) {
    try {
      work();
    } catch (const Error& error) {
      return error.code();
    }
    ADD_FAILURE() << "nothing was thrown";
    return ErrorCode::kProtocol;
  }

  const TempDirectory temporary_;
  const fs::path folder_ = temporary_ / "folder";
  const std::shared_ptr<CountingStore> store_ = std::make_shared<CountingStore>();
  std::unique_ptr<FolderArchive> archive_;
};

TEST_F(FolderTest, AnEmptyFolderHasNoStudies) {
  EXPECT_THAT(Studies(), ElementsAre());
}

TEST_F(FolderTest, FindsStudies) {
  AddThreeStudies();
  const SearchResult answer = Find(Query());
  ASSERT_EQ(answer->size(), 3u);
  const Attributes& study = answer->front().attributes;
  EXPECT_EQ(study.Get(tag::kPatientName), "Müller^Jürgen");
  EXPECT_EQ(study.Get(tag::kStudyDescription), "Chest");
  EXPECT_EQ(study.Get(tag::kModalitiesInStudy), "CT\\SR");
  EXPECT_EQ(study.Get(tag::kNumberOfStudyRelatedSeries), "3");
  EXPECT_EQ(study.Get(tag::kNumberOfStudyRelatedInstances), "5");
  EXPECT_FALSE(study.Has(tag::kModality));
  EXPECT_TRUE(answer->front().series.empty());
  EXPECT_EQ((*answer)[1].attributes.Get(tag::kPatientName), "Yamada^Tarou=山田^太郎=やまだ^たろう");
}

TEST_F(FolderTest, FindsSeries) {
  AddThreeStudies();
  const SearchResult answer = Find(Query::ForStudy({Uid("1.1")}, Level::kSeries));
  ASSERT_EQ(answer->size(), 1u);
  const std::vector<Series>& series = answer->front().series;
  ASSERT_EQ(series.size(), 3u);
  EXPECT_EQ(series[1].uid.str(), "1.1.2");
  EXPECT_EQ(series[1].attributes.Get(tag::kModality), "CT");
  EXPECT_EQ(series[1].attributes.Get(tag::kSeriesDescription), "Scout");
  EXPECT_EQ(series[0].attributes.Get(tag::kNumberOfSeriesRelatedInstances), "3");
  EXPECT_FALSE(series[0].attributes.Has(tag::kInstanceNumber));
  EXPECT_TRUE(series[0].instances.empty());
  EXPECT_EQ(answer->front().attributes.Get(tag::kPatientID), "P1");
}

TEST_F(FolderTest, FindsInstancesWithTheirExactSizes) {
  AddThreeStudies();
  const SearchResult answer = Find(Query::ForSeries({Uid("1.1"), Uid("1.1.1")}));
  ASSERT_EQ(answer->size(), 1u);
  ASSERT_EQ(answer->front().series.size(), 1u);
  const std::vector<Instance>& instances = answer->front().series.front().instances;
  ASSERT_EQ(instances.size(), 3u);
  EXPECT_EQ(instances[1].uid.str(), "1.1.1.2");
  EXPECT_EQ(instances[1].attributes.Get(tag::kInstanceNumber), "2");
  EXPECT_EQ(instances[1].attributes.Get(tag::kRows), "8");
  EXPECT_EQ(instances[1].size, fs::file_size(folder_ / "b/ct/00002.dcm"));
}

TEST_F(FolderTest, MatchesStudies) {
  AddThreeStudies();
  using Terms = std::vector<std::pair<const char*, const char*>>;
  const std::pair<Terms, std::vector<std::string>> cases[] = {
      {{{"PatientName", "müller*"}}, {"1.1", "1.3"}},
      {{{"PatientName", "M?ller^Jürgen"}}, {"1.1", "1.3"}},
      {{{"PatientName", "山田^太郎"}}, {"1.2"}},
      {{{"PatientName", "Nobody"}}, {}},
      {{{"PatientID", "P1"}, {"StudyDate", "20200101-20201231"}}, {"1.1"}},
      {{{"StudyDate", "20200401-"}}, {"1.2", "1.3"}},
      {{{"ModalitiesInStudy", "SR"}}, {"1.1"}},
      {{{"ModalitiesInStudy", "PT"}}, {}},
      {{{"NumberOfStudyRelatedInstances", "5"}}, {"1.1"}},
      {{{"StudyInstanceUID", "1.3"}}, {"1.3"}},
      {{{"StudyInstanceUID", "1.3"}, {"PatientID", "P2"}}, {}},
      {{{"StudyInstanceUID", "1.3\\1.2\\9.9"}}, {"1.2", "1.3"}},
      // Keys of deeper levels: some series or instance has to match, in all of them at once.
      {{{"Modality", "CT"}}, {"1.1"}},
      {{{"SeriesDescription", "Scout"}}, {"1.1"}},
      {{{"SeriesDescription", "Scout"}, {"Modality", "MR"}}, {}},
      {{{"SOPInstanceUID", "1.2.1.2"}}, {"1.2"}},
      {{{"InstanceNumber", "2"}}, {"1.1", "1.2"}},
      {{{"InstanceNumber", "3"}, {"Modality", "MR"}}, {}},
  };
  for (const auto& [terms, expected] : cases) {
    Query query;
    for (const auto& [keyword, value] : terms) {
      query.Where(keyword, value);
    }
    EXPECT_EQ(Studies(query), expected) << query.Describe();
  }
}

TEST_F(FolderTest, MatchesSeriesAndInstances) {
  AddThreeStudies();
  EXPECT_THAT(SeriesOf(Query(Level::kSeries).Where("Modality", "CT")), ElementsAre("1.1.1", "1.1.2"));
  EXPECT_THAT(SeriesOf(Query(Level::kSeries).Where("InstanceNumber", "2")), ElementsAre("1.1.1", "1.2.1"));
  EXPECT_THAT(SeriesOf(Query(Level::kSeries).Where("NumberOfSeriesRelatedInstances", "2")), ElementsAre("1.2.1"));
  EXPECT_THAT(InstancesOf(Query(Level::kInstance).Where("InstanceNumber", "2")), ElementsAre("1.1.1.2", "1.2.1.2"));
  EXPECT_THAT(InstancesOf(Query(Level::kInstance).Where("PatientID", "P1").Where("Modality", "SR")),
              ElementsAre("1.1.3.1"));
  EXPECT_THAT(InstancesOf(Query::ForInstance({Uid("1.1"), Uid("1.1.1"), Uid("1.1.1.3")})), ElementsAre("1.1.1.3"));
  EXPECT_THAT(InstancesOf(Query::ForInstance({Uid("1.2"), Uid("1.1.1"), Uid("1.1.1.3")})), ElementsAre());
}

TEST_F(FolderTest, ReturnsWhatIsIncludedAndWhatIsAskedFor) {
  AddThreeStudies();
  Query query = Query(Level::kInstance).Where("SliceThickness", "1").Include("ImagePositionPatient").SetLimit(1);
  const SearchResult answer = Find(query);
  const Attributes& attributes = answer->front().series.front().instances.front().attributes;
  EXPECT_EQ(attributes.Get(Tag{0x00200032}), "0\\0\\1");
  EXPECT_EQ(attributes.Get(Tag{0x00180050}), "1");
  EXPECT_FALSE(attributes.Has(Tag{0x00280030}));  // PixelSpacing
  const SearchResult studies = Find(Query().Where("StudyInstanceUID", "1.2").Include("Modality"));
  EXPECT_EQ(studies->front().attributes.Get(tag::kModality), "MR");
}

TEST_F(FolderTest, HonoursLimitAndOffsetAtEveryLevel) {
  AddThreeStudies();
  EXPECT_THAT(Studies(Query().SetLimit(2)), ElementsAre("1.1", "1.2"));
  EXPECT_THAT(Studies(Query().SetLimit(2).SetOffset(1)), ElementsAre("1.2", "1.3"));
  EXPECT_THAT(Studies(Query().SetOffset(3)), ElementsAre());
  EXPECT_THAT(Studies(Query().SetLimit(0)), ElementsAre());
  EXPECT_THAT(SeriesOf(Query(Level::kSeries).SetOffset(1).SetLimit(3)), ElementsAre("1.1.2", "1.1.3", "1.2.1"));
  EXPECT_THAT(InstancesOf(Query(Level::kInstance).SetOffset(2).SetLimit(3)),
              ElementsAre("1.1.1.3", "1.1.2.1", "1.1.3.1"));
  EXPECT_THAT(Studies(Query(Level::kInstance).SetOffset(5).SetLimit(1)), ElementsAre("1.2"));
}

TEST_F(FolderTest, PassesOverOtherFiles) {
  Add(Spec("1.1", "1.1.1"), "x");
  WriteFile(folder_ / "notes.txt", "not an image");
  WriteFile(folder_ / "empty", "");
  fs::create_symlink("nowhere", folder_ / "broken");
  fs::create_symlink("/proc/self/mem", folder_ / "unreadable");  // reading it fails
  EXPECT_THAT(Studies(), ElementsAre("1.1"));
}

TEST_F(FolderTest, FollowsLinksToFilesButNotToDirectories) {
  const fs::path file = WriteSyntheticSeries(Spec("1.1", "1.1.1"), temporary_ / "elsewhere")[0];
  fs::create_symlink(file.parent_path(), folder_ / "directory");
  fs::create_symlink("..", folder_ / "loop");
  EXPECT_THAT(Studies(), ElementsAre());
  fs::create_symlink(file, folder_ / "link");
  EXPECT_THAT(Studies(), ElementsAre("1.1"));
  EXPECT_EQ(FindFile("1.1", "1.1.1", "1.1.1.1"), folder_ / "link");
}

TEST_F(FolderTest, SeesChanges) {
  const fs::path first = Add(Spec("1.1", "1.1.1"), "a")[0];
  EXPECT_THAT(Studies(), ElementsAre("1.1"));
  const fs::path second = Add(Spec("1.2", "1.2.1"), "b")[0];
  EXPECT_THAT(Studies(), ElementsAre("1.1", "1.2"));
  fs::rename(second, folder_ / "renamed");
  EXPECT_THAT(Studies(), ElementsAre("1.1", "1.2"));
  fs::remove(first);
  EXPECT_THAT(Studies(), ElementsAre("1.2"));
  fs::copy_file(WriteSyntheticSeries(Spec("1.3", "1.3.1"), temporary_ / "other")[0], folder_ / "renamed",
                fs::copy_options::overwrite_existing);
  EXPECT_THAT(Studies(), ElementsAre("1.3"));
  EXPECT_EQ(store_->gone, 2u);
}

TEST_F(FolderTest, SeesAYoungFileChangeThatLeavesSizeAndTimeAsTheyWere) {
  const fs::path file = WriteSyntheticSeries(Spec("1.1", "1.1.1"), folder_)[0];
  EXPECT_THAT(Studies(), ElementsAre("1.1"));
  const auto time = fs::last_write_time(file);
  WriteFile(file, ReadFile(WriteSyntheticSeries(Spec("1.2", "1.2.1"), temporary_ / "other")[0]));
  fs::last_write_time(file, time);
  EXPECT_THAT(Studies(), ElementsAre("1.2"));
}

TEST_F(FolderTest, LooksForChangesNoMoreOftenThanTheIntervalSays) {
  Open(hours(1));
  Add(Spec("1.1", "1.1.1"), "a");
  EXPECT_THAT(Studies(), ElementsAre("1.1"));
  Add(Spec("1.2", "1.2.1"), "b");
  EXPECT_THAT(Studies(), ElementsAre("1.1"));
  archive_->Rescan();
  EXPECT_THAT(Studies(), ElementsAre("1.1", "1.2"));
}

TEST_F(FolderTest, ReadsOnlyWhatChanged) {
  const fs::path file = Add(Spec("1.1", "1.1.1"), "a")[0];
  WriteFile(folder_ / "note", "text");
  Age(folder_ / "note");
  Studies();
  EXPECT_EQ(store_->read, 2u);
  Add(Spec("1.2", "1.2.1"), "b");
  Studies();
  EXPECT_EQ(store_->read, 3u);

  // Also not after a restart: what is not read cannot be seen to have changed.
  const auto time = fs::last_write_time(file);
  WriteFile(file, ReadFile(WriteSyntheticSeries(Spec("1.9", "1.9.1"), temporary_ / "other")[0]));
  fs::last_write_time(file, time);
  Open(milliseconds(0));
  EXPECT_THAT(Studies(), ElementsAre("1.1", "1.2"));
  EXPECT_EQ(store_->read, 3u);
}

TEST_F(FolderTest, KeepsWhatAnInterruptedScanRead) {
  constexpr size_t kFiles = 1200;
  for (size_t i = 0; i < kFiles; ++i) {
    WriteFile(folder_ / std::to_string(i), "text");
    Age(folder_ / std::to_string(i));
  }
  std::stop_source stop;
  store_->on_apply = [&] { stop.request_stop(); };
  EXPECT_EQ(CodeOf([&] { archive_->Find(Query(), {stop.get_token()}); }), ErrorCode::kCancelled);
  EXPECT_GT(store_->read, 0u);
  EXPECT_LT(store_->read, kFiles);
  EXPECT_THAT(Studies(), ElementsAre());
  EXPECT_EQ(store_->read, kFiles);  // each once
}

TEST_F(FolderTest, AFolderThatCannotBeReadIsNoEmptyAnswer) {
  Add(Spec("1.1", "1.1.1"), "a");
  Studies();
  fs::remove_all(folder_);
  EXPECT_EQ(CodeOf([&] { Studies(); }), ErrorCode::kStorage);
  EXPECT_EQ(CodeOf([&] { FindFile("1.1", "1.1.1", "1.1.1.1"); }), ErrorCode::kStorage);
}

TEST_F(FolderTest, AFolderOfUnreadableFilesIsNoEmptyAnswer) {
  fs::create_symlink("/proc/self/mem", folder_ / "unreadable");
  WriteFile(folder_ / "note", "text");
  EXPECT_EQ(CodeOf([&] { Studies(); }), ErrorCode::kStorage);
  Add(Spec("1.1", "1.1.1"), "a");
  EXPECT_THAT(Studies(), ElementsAre("1.1"));
}

TEST_F(FolderTest, ADamagedRecordIsReadAnew) {
  const fs::path file = Add(Spec("1.1", "1.1.1"), "a")[0];
  struct stat status {};
  ASSERT_EQ(::stat(file.c_str(), &status), 0);
  const IndexedFile damaged{fs::file_size(file),
                            int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec,
                            status.st_ino,
                            true,
                            {{tag::kPatientName, "nobody"}}};
  store_->Apply({{"a/00001.dcm", damaged}}, {});
  EXPECT_THAT(Studies(), ElementsAre("1.1"));
}

TEST_F(FolderTest, AStoreThatFailsDoesNotFailTheQuestion) {
  Add(Spec("1.1", "1.1.1"), "a");
  store_->on_apply = [] { throw Error(ErrorCode::kNoSpace, "Cannot keep it: the disk is full"); };
  store_->on_load = [] { throw Error(ErrorCode::kStorage, "Cannot load it: the disk is broken"); };
  EXPECT_THAT(Studies(), ElementsAre("1.1"));
}

TEST_F(FolderTest, ObeysTheDeadline) {
  Add(Spec("1.1", "1.1.1"), "a");
  EXPECT_EQ(CodeOf([&] { archive_->Find(Query(), Context::WithTimeout(milliseconds(-1))); }), ErrorCode::kTimedOut);
}

TEST_F(FolderTest, AQuestionThatWaitsForAnothersScanObeysItsDeadlineAndItsStop) {
  Add(Spec("1.1", "1.1.1"), "a");
  std::latch scanning(1);
  std::latch go_on(1);
  store_->on_apply = [&] {
    scanning.count_down();
    go_on.wait();
  };
  std::jthread scanner([&] { Studies(); });
  scanning.wait();
  EXPECT_EQ(CodeOf([&] { archive_->Find(Query(), Context::WithTimeout(milliseconds(20))); }), ErrorCode::kTimedOut);
  std::stop_source stop;
  auto waiting =
      std::async(std::launch::async, [&] { return CodeOf([&] { archive_->Find(Query(), {stop.get_token()}); }); });
  stop.request_stop();
  EXPECT_EQ(waiting.get(), ErrorCode::kCancelled);
  go_on.count_down();
}

TEST_F(FolderTest, QuestionsAtTheSameTimeScanOnce) {
  AddThreeStudies();
  Open(hours(1));
  std::vector<std::jthread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      EXPECT_THAT(Studies(), ElementsAre("1.1", "1.2", "1.3"));
      EXPECT_TRUE(FindFile("1.2", "1.2.1", "1.2.1.2").has_value());
    });
  }
  threads.clear();
  EXPECT_EQ(store_->read, 8u);
}

TEST_F(FolderTest, QuestionsDuringChangesAreAnswered) {
  AddThreeStudies();
  std::atomic<bool> done = false;
  std::jthread changer([&] {
    for (int i = 0; i < 20; ++i) {
      const fs::path file = WriteSyntheticSeries(Spec("1.4", "1.4.1"), temporary_ / "new")[0];
      fs::rename(file, folder_ / "changing");
      fs::remove(folder_ / "changing");
    }
    done = true;
  });
  std::vector<std::jthread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      do {
        EXPECT_EQ(Find(Query().Where("PatientID", "P1"))->size(), 2u);
        EXPECT_TRUE(FindFile("1.3", "1.3.1", "1.3.1.1").has_value());
      } while (!done);
    });
  }
}

TEST_F(FolderTest, OfEqualInstancesTheFirstByPathIsServed) {
  const fs::path file = Add(Spec("1.1", "1.1.1"), "m")[0];
  fs::copy_file(file, folder_ / "z");
  EXPECT_EQ(FindFile("1.1", "1.1.1", "1.1.1.1"), file);
  fs::copy_file(file, folder_ / "a");
  EXPECT_THAT(InstancesOf(Query(Level::kInstance)), ElementsAre("1.1.1.1"));
  EXPECT_EQ(FindFile("1.1", "1.1.1", "1.1.1.1"), folder_ / "a");
  fs::remove(folder_ / "a");
  fs::remove(file);
  EXPECT_EQ(FindFile("1.1", "1.1.1", "1.1.1.1"), folder_ / "z");
}

TEST_F(FolderTest, FindsAFileThatWasRenamedSinceTheScan) {
  Open(hours(1));
  const fs::path file = Add(Spec("1.1", "1.1.1"), "a")[0];
  EXPECT_EQ(FindFile("1.1", "1.1.1", "1.1.1.1"), file);
  fs::rename(file, folder_ / "renamed");
  EXPECT_EQ(FindFile("1.1", "1.1.1", "1.1.1.1"), folder_ / "renamed");
  fs::remove(folder_ / "renamed");
  EXPECT_EQ(FindFile("1.1", "1.1.1", "1.1.1.1"), std::nullopt);
}

TEST_F(FolderTest, GivesNoFileWhoseInstanceChangedSinceTheScan) {
  Open(hours(1));
  const fs::path file = Add(Spec("1.1", "1.1.1"), "a")[0];
  EXPECT_EQ(FindFile("1.1", "1.1.1", "1.1.1.1"), file);
  WriteFile(file, ReadFile(WriteSyntheticSeries(Spec("1.2", "1.2.1"), temporary_ / "other")[0]));
  EXPECT_EQ(FindFile("1.1", "1.1.1", "1.1.1.1"), std::nullopt);
  EXPECT_EQ(FindFile("1.2", "1.2.1", "1.2.1.1"), file);
}

TEST_F(FolderTest, AfterARestartFilesAreFoundWithoutAScan) {
  const fs::path file = Add(Spec("1.1", "1.1.1"), "a")[0];
  Studies();
  Open(hours(1));
  store_->on_apply = [] { ADD_FAILURE() << "a scan"; };
  Add(Spec("1.2", "1.2.1"), "b");
  EXPECT_EQ(FindFile("1.1", "1.1.1", "1.1.1.1"), file);
}

TEST_F(FolderTest, UnknownInstancesHaveNoFile) {
  AddThreeStudies();
  EXPECT_EQ(FindFile("1.1", "1.1.1", "1.1.1.9"), std::nullopt);
  EXPECT_EQ(FindFile("1.1", "1.9", "1.1.1.1"), std::nullopt);
  EXPECT_EQ(FindFile("1.9", "1.1.1", "1.1.1.1"), std::nullopt);
}

TEST_F(FolderTest, SearchesTheDemoArchive) {
  MakeDemoArchive(folder_);
  EXPECT_EQ(Studies().size(), 6u);
  EXPECT_EQ(Studies(Query().Where("PatientName", "*太郎*")).size(), 1u);
  EXPECT_EQ(Studies(Query().Where("PatientName", "müller*")).size(), 1u);
  EXPECT_EQ(Studies(Query().Where("PatientID", "DEMO/4")).size(), 1u);
  EXPECT_EQ(Studies(Query().Where("ModalitiesInStudy", "SR")).size(), 1u);
}

class FolderWorld : public SearchWorld {
 public:
  FolderWorld() {
    Add("1.1", "1.1.1", "Contract^Anna", 15);
    Add("1.1", "1.1.2", "Contract^Anna", 2);
    Add("1.2", "1.2.1", "Other^Anna", 1);
    Add("1.3", "1.3.1", "Other^Contract", 1);
    WriteFile(directory_ / "readme", "not DICOM");
    searcher_ = MakeFolderSearcher(
        std::make_shared<FolderArchive>(FolderOptions{directory_.path()}, MakeMemoryFolderIndexStore()));
  }
  Searcher& searcher() override { return *searcher_; }
  std::vector<InstanceReference> content() const override { return content_; }

 private:
  void Add(const std::string& study, const std::string& series, const std::string& name, int instances) {
    SyntheticInstances spec;
    spec.study_uid = study;
    spec.series_uid = series;
    spec.patient_name = name;
    spec.instances = instances;
    spec.rows = spec.columns = 8;
    WriteSyntheticSeries(spec, directory_ / series);
    for (int number = 1; number <= instances; ++number) {
      content_.push_back({Uid(study), Uid(series), Uid(series + "." + std::to_string(number))});
    }
  }

  const TempDirectory directory_;
  std::vector<InstanceReference> content_;
  std::unique_ptr<Searcher> searcher_;
};

INSTANTIATE_TEST_SUITE_P(Folder, SearcherContract,
                         testing::ValuesIn(SearchContractParams(
                             "Folder", [] { return std::make_unique<FolderWorld>(); },
                             {SearchCase::kNone, SearchCase::kStudies, SearchCase::kSeries, SearchCase::kInstances,
                              SearchCase::kOneInstance, SearchCase::kMatching, SearchCase::kLimit})),
                         SearchContractName);

}  // namespace
}  // namespace trolley
