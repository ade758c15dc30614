// How things are done in code: searching and downloading. Each example is what one would write; what comes after it
// shows that it works.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <memory>

#include "examples/hospital.h"
#include "trolley/trolley.h"

namespace trolley {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

class UsageExampleTest : public testing::Test {
 protected:
  UsageExampleTest() {
    const auto http = std::make_shared<HttpClient>(HttpOptions());
    trolley_ = std::make_unique<Trolley>(MakeQidoRsSearcher({.url = hospital_.DicomWeb()}, http),
                                         MakeWadoRsDownloader({.url = hospital_.DicomWeb()}, http),
                                         std::make_shared<StorageDir>(DirectoryStorageOptions{.directory = out_}));
  }

  Hospital& hospital_ = Hospital::Get();
  TempDirectory directory_;
  const std::filesystem::path out_ = directory_ / "trolley";
  std::unique_ptr<Trolley> trolley_;
};

TEST_F(UsageExampleTest, BasicExample) {
  const std::string mint = hospital_.mint().url();
  const std::string wado = hospital_.Wado();

  // Create an HTTP client
  const auto http = std::make_shared<HttpClient>(HttpOptions());
  // Use it to create a trolley using MINT and WADO
  Trolley trolley(MakeMintSearcher({.url = mint}, http), MakeWadoUriDownloader({.url = wado}, http),
                  std::make_shared<StorageDir>(DirectoryStorageOptions{.directory = out_}));
  // Find some studies
  const SearchResult studies = trolley.FindStudies(Query().Where("PatientName", "Contract*"));
  // Download the first one
  const DownloadReport report = trolley.Download(studies->at(0));

  EXPECT_TRUE(report.ok());
  EXPECT_EQ(CountStoredInstances(out_), 1U);
}

TEST_F(UsageExampleTest, FindingStudies) {
  Trolley& trolley = *trolley_;

  // Find all studies of patients whose name begins with "Contra"
  const SearchResult studies = trolley.FindStudies(Query().Where("PatientName", "Contra*"));

  // Find MR studies from the first days of March 2020. Include birth date and referring physician in the results
  const SearchResult more = trolley.FindStudies(Query()
                                                    .Where("ModalitiesInStudy", "MR")
                                                    .Where("StudyDate", "20200301-20200303")
                                                    .Include("PatientBirthDate")
                                                    .Include("ReferringPhysicianName"));

  EXPECT_THAT(*studies, SizeIs(2));
  ASSERT_THAT(*more, SizeIs(1));
  EXPECT_EQ(more->at(0).attributes.Get(*ParseTagHex("00100030")), "19700101");
}

TEST_F(UsageExampleTest, FindingSeriesAndInstanceDetails) {
  Trolley& trolley = *trolley_;
  const std::string uid = OrthancContent::StudyUid("2");

  // Studies, series and instances
  const SearchResult studies =
      trolley.FindStudies(Query(Level::kInstance).Where("StudyInstanceUID", uid).Include("Rows"));
  const Series& a_series = studies->at(0).series[0];       // studies now contain series
  const Instance& an_instance = a_series.instances.at(0);  // and series contain instances

  // What the archive told of it: depends on level and included fields, and on the archive
  const std::optional<int64_t> rows = an_instance.attributes.Number(FindTag("Rows")->tag);
  // Exactly one study, or an error
  const Study study = trolley.FindStudy(Query().Where("StudyInstanceUID", uid));

  EXPECT_TRUE(rows == 64 || rows == 16) << *rows;
  EXPECT_THAT(studies->at(0).series, SizeIs(3));
  EXPECT_EQ(study.uid.str(), uid);
  EXPECT_THROW(trolley.FindStudy(Query().Where("PatientName", "Contra*")), Error);
}

TEST_F(UsageExampleTest, DownloadingImages) {
  Trolley& trolley = *trolley_;

  // Any study, series or instance can be downloaded
  const SearchResult studies = trolley.FindStudies(Query(Level::kInstance).Where("PatientName", "Contra^Ben"));
  const Study& study = studies->at(0);
  const Series& series = study.series.at(1);
  const DownloadReport three = trolley.Download({study, series, std::span(series.instances).first(3)});  // instances
  const DownloadReport one_series = trolley.Download({study, series});                                   // a series
  const DownloadReport one_study = trolley.Download(study);                                              // a study
  const DownloadReport all = trolley.Download(studies);                                                  // all studies

  EXPECT_EQ(three.total.done, 3U);
  EXPECT_EQ(one_series.total.complete, 3U) << "what is there is not fetched again";
  EXPECT_EQ(one_study.total.done + one_study.total.complete, 122U);
  EXPECT_EQ(all.total.complete, 122U);
  EXPECT_EQ(CountStoredInstances(out_), 122U);
}

TEST_F(UsageExampleTest, DownloadingReferences) {
  Trolley& trolley = *trolley_;
  const InstanceReference known = OrthancContent::Ref("3", 1, 1);

  // What one knows the UIDs of needs no search
  trolley.Download(InstanceReference{known.study, known.series, known.instance});
  trolley.Download(SeriesReference{known.study, known.series});
  trolley.Download(StudyReference{known.study});

  EXPECT_EQ(CountStoredInstances(out_), 2U);
}

TEST_F(UsageExampleTest, WatchingADownload) {
  Trolley& trolley = *trolley_;
  std::stop_source stop;  // request_stop() ends it, from any thread
  std::string text;

  DownloadOptions options;
  options.jobs = 8;
  options.context.stop = stop.get_token();
  options.on_progress = [&](const DownloadProgress& progress) {
    text = std::to_string(progress.done) + " of " + std::to_string(progress.found);
  };
  std::vector<Reference> references = Selection(StudyReference{Uid(OrthancContent::StudyUid("1"))}).references();
  references.emplace_back(StudyReference{Uid("1.2.3.99")});  // there is none
  const DownloadReport report = trolley.Download(Selection(references), options);
  // One failure stops nothing else
  for (const DownloadResult& problem : report.problems) {
    text += ", " + ToString(problem.what) + (problem.outcome == Outcome::kMissing ? " is missing" : " failed");
  }

  EXPECT_EQ(text, "1 of 1, 1.2.3.99 is missing");
}

TEST_F(UsageExampleTest, DownloadingDatasets) {
  Trolley& trolley = *trolley_;
  std::filesystem::create_directory(out_);

  // More control: take each instance yourself
  const SearchResult studies = trolley.FindStudies(Query(Level::kInstance).Where("PatientID", "C3"));
  trolley.FetchAll(studies, [&](const FetchedInstance& instance) {
    std::ofstream file(out_ / (instance.reference.instance.str() + ".dcm"), std::ios::binary);
    file.write(reinterpret_cast<const char*>(instance.bytes.data()),
               static_cast<std::streamsize>(instance.bytes.size()));
  });

  EXPECT_EQ(CountStoredInstances(out_), 2U);
}

TEST_F(UsageExampleTest, DownloadFormat) {
  const auto http = std::make_shared<HttpClient>(HttpOptions());
  const std::shared_ptr<Searcher> searcher = MakeQidoRsSearcher({.url = hospital_.DicomWeb()}, http);
  const std::shared_ptr<Downloader> downloader = MakeWadoRsDownloader({.url = hospital_.DicomWeb()}, http);
  const StudyReference study{Uid(OrthancContent::StudyUid("3"))};

  // Creates no sub-folders: all in one directory
  Trolley flat(searcher, downloader, std::make_shared<FlatStorageDir>(DirectoryStorageOptions{.directory = out_}));
  flat.Download(study);
  EXPECT_TRUE(std::filesystem::exists(out_ / (OrthancContent::Ref("3", 1, 1).instance.str() + ".dcm")));

  // The names that a mount shows
  ReadableStorageDir readable({.directory = directory_ / "readable"}, searcher);
  flat.Download(study, readable);
  EXPECT_EQ(CountStoredInstances(directory_ / "readable"), 2U);
  EXPECT_TRUE(std::filesystem::directory_iterator(directory_ / "readable")
                  ->path()
                  .filename()
                  .string()
                  .starts_with("2020-03-01 CT~"));
}

// Your own storage is a subclass: of DirectoryStorage, when only the names differ,
class NumberedStorage : public DirectoryStorage {
 public:
  using DirectoryStorage::DirectoryStorage;

 protected:
  std::filesystem::path PathOf(const InstanceReference& instance) override {
    const std::lock_guard lock(mutex_);
    return std::to_string(numbers_.try_emplace(instance, numbers_.size() + 1).first->second) + ".dcm";
  }

 private:
  std::mutex mutex_;
  std::map<InstanceReference, size_t> numbers_;
};

// or of Storage, to put instances somewhere else.
class CountingStorage : public Storage {
 public:
  std::unique_ptr<InstanceWriter> Begin(const InstanceReference& /*instance*/,
                                        std::optional<uint64_t> /*length*/) override {
    struct Writer : InstanceWriter {
      explicit Writer(std::atomic<uint64_t>& to) : total(to) {}
      void Append(std::span<const std::byte> piece) override { size += piece.size(); }
      void Commit() override { total += size; }
      std::atomic<uint64_t>& total;
      uint64_t size = 0;
    };
    return std::make_unique<Writer>(bytes);
  }
  std::atomic<uint64_t> bytes{0};
};

TEST_F(UsageExampleTest, CustomStorage) {
  Trolley& trolley = *trolley_;
  const StudyReference study{Uid(OrthancContent::StudyUid("3"))};

  NumberedStorage numbered({.directory = out_});
  trolley.Download(study, numbered);
  CountingStorage counting;
  const DownloadReport report = trolley.Download(study, counting);

  EXPECT_TRUE(std::filesystem::exists(out_ / "2.dcm"));
  EXPECT_EQ(CountStoredInstances(out_), 2U);
  EXPECT_EQ(counting.bytes, report.total.bytes);
  EXPECT_GT(counting.bytes, 0U);
}

TEST_F(UsageExampleTest, AnArchiveOfTheConfiguration) {
  // By its name in the configuration, its URL, or a folder
  const ArchiveConfig archive = ResolveArchive(hospital_.DicomWeb(), LoadConfig(std::nullopt));
  Trolley trolley(archive, std::make_shared<StorageDir>(DirectoryStorageOptions{.directory = out_}));
  EXPECT_EQ(trolley.Download(StudyReference{Uid(OrthancContent::StudyUid("3"))}).total.done, 2U);
}

}  // namespace
}  // namespace trolley
