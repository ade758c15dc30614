#include "tree/tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>

#include "base/text.h"
#include "support/fake_searcher.h"
#include "tree/file_attributes.h"
#include "tree/names.h"

namespace trolley {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;
using testing::SizeIs;
using testing::UnorderedElementsAre;
using Status = QuickLookup::Status;

// 2020-03-31 12:00 UTC; the tests' dates are days away from it in any time zone.
const std::chrono::system_clock::time_point kNow =
    std::chrono::sys_days(std::chrono::year(2020) / 3 / 31) + std::chrono::hours(12);

class TreeTest : public testing::Test {
 protected:
  TreeTest() {
    AddInstance("P1", "Doe^John", "1.1", "20200320", "Chest", "1.1.1", "1", "1.1.1.1", "1");
    AddInstance("P1", "Doe^John", "1.1", "20200320", "Chest", "1.1.1", "1", "1.1.1.2", "2");
    AddInstance("P1", "Doe^John", "1.1", "20200320", "Chest", "1.1.2", "2", "1.1.2.1", "1");
    AddInstance("P1", "Doe^John", "1.2", "20190101", "Old", "1.2.1", "1", "1.2.1.1", "1");
    AddInstance("P/2", "Roe^Jane", "2.1", "20200325", "Brain", "2.1.1", "1", "2.1.1.1", "1");
    AddInstance("", "", "3.1", "20200326", "Nobody", "3.1.1", "1", "3.1.1.1", "1");
    Start();
  }

  void AddInstance(const char* patient, const char* name, const char* study, const char* date, const char* description,
                   const char* series, const char* number, const char* instance, const char* instance_number) {
    fake_->Add({{tag::kPatientID, patient},
                {tag::kPatientName, name},
                {tag::kStudyInstanceUID, study},
                {tag::kStudyDate, date},
                {tag::kStudyTime, "101500"},
                {tag::kTimezoneOffsetFromUTC, "+0100"},
                {tag::kStudyDescription, description},
                {tag::kModalitiesInStudy, "CT"},
                {tag::kSeriesInstanceUID, series},
                {tag::kSeriesNumber, number},
                {tag::kModality, "CT"},
                {tag::kSeriesDescription, StrCat("series ", number)},
                {tag::kSOPInstanceUID, instance},
                {tag::kInstanceNumber, instance_number},
                {tag::kRows, "512"},
                {tag::kColumns, "256"},
                {tag::kBitsAllocated, "16"}});
  }

  void Start(TreeOptions options = {}) {
    if (options.control_files.empty()) {
      options.control_files = {"status.json", "README.txt"};
    }
    options.now = [this] { return now_.load(); };
    CachingSearcherOptions cached;
    cached.now = [this] { return now_.load(); };
    searcher_ = std::make_shared<CachingSearcher>(fake_, nullptr, cached);
    tree_ = std::make_unique<Tree>(options, searcher_);
  }
  void StartBrowsing(const char* browse) {
    TreeOptions options;
    options.browse = browse;
    Start(options);
  }
  void StartWithUids() {
    TreeOptions options;
    options.names = NameStyle::kUid;
    Start(options);
  }

  DirectoryPtr Directory(std::string_view path) {
    const auto node = tree_->Resolve(path, context_);
    EXPECT_TRUE(node && node->directory) << path;
    return node ? node->directory : tree_->root();
  }
  bool Exists(std::string_view path) { return tree_->Resolve(path, context_).has_value(); }
  std::optional<File> FileAt(std::string_view path) {
    const auto node = tree_->Resolve(path, context_);
    return node ? node->file : std::nullopt;
  }
  std::vector<std::string> List(std::string_view path) { return Names(tree_->List(Directory(path), context_)); }
  static std::vector<std::string> Names(const ListingPtr& listing) {
    std::vector<std::string> names;
    for (size_t i = 0; i < listing->size(); ++i) {
      names.emplace_back(listing->name(i));
    }
    return names;
  }
  std::vector<std::string> StudiesOf(std::string_view path) {
    const ListingPtr listing = tree_->List(Directory(path), context_);
    std::vector<std::string> uids;
    for (size_t i = 0; i < listing->size(); ++i) {
      uids.push_back(listing->node(i).directory->study->study.str());
    }
    return uids;
  }
  template <typename F>
  ErrorCode CodeOf(F&& f) {
    try {
      f();
    } catch (const Error& error) {
      return error.code();
    }
    ADD_FAILURE() << "nothing was thrown";
    return ErrorCode::kCancelled;
  }

  void Advance(std::chrono::hours by) { now_ = now_.load() + by; }

  std::atomic<std::chrono::system_clock::time_point> now_ = kNow;
  std::shared_ptr<FakeSearcher> fake_ = std::make_shared<FakeSearcher>();
  std::shared_ptr<CachingSearcher> searcher_;
  std::unique_ptr<Tree> tree_;
  Context context_;
};

TEST_F(TreeTest, KnowsWhichSeriesFollowWhereTheStudyIsListed) {
  const auto following = [this](const char* series, size_t count) {
    std::vector<std::string> uids;
    for (const SeriesReference& next : tree_->CachedFollowingSeries({Uid("1.1"), Uid(series)}, count)) {
      uids.push_back(next.series.str());
    }
    return uids;
  };
  AddInstance("P1", "Doe^John", "1.1", "20200320", "Chest", "1.1.0", "3", "1.1.0.1", "1");
  EXPECT_THAT(following("1.1.1", 9), IsEmpty()) << "nobody listed it";
  List("studies/1.1");
  EXPECT_THAT(following("1.1.1", 9), ElementsAre("1.1.2", "1.1.0"));
  EXPECT_THAT(following("1.1.1", 1), ElementsAre("1.1.2"));
  EXPECT_THAT(following("1.1.0", 9), IsEmpty());
  EXPECT_THAT(following("1.9", 9), IsEmpty());
  EXPECT_EQ(tree_->CachedInstances({Uid("1.1"), Uid("1.1.2")}), nullptr);
  tree_->ListSeries({Uid("1.1"), Uid("1.1.2")}, context_);
  EXPECT_THAT(*tree_->CachedInstances({Uid("1.1"), Uid("1.1.2")}), ElementsAre(Uid("1.1.2.1")));
}

TEST_F(TreeTest, ListsTheRootFromMemory) {
  EXPECT_THAT(List(""), ElementsAre(".trolleyfs", "patients", "recent", "search", "studies"));
  EXPECT_THAT(List(".trolleyfs"), ElementsAre("README.txt", "status.json"));
  EXPECT_THAT(List("search"), IsEmpty());
  EXPECT_EQ(FileAt(".trolleyfs/status.json")->control, "status.json");
  EXPECT_FALSE(FileAt(".trolleyfs/status.json")->instance);
  EXPECT_FALSE(Exists(".trolleyfs/other"));
  EXPECT_FALSE(Exists("nothing"));
  EXPECT_EQ(fake_->questions(), 0u);
}

TEST_F(TreeTest, ListsDownToInstancesWithOneQueryEach) {
  const auto studies = List("studies");
  EXPECT_THAT(studies, SizeIs(4));
  EXPECT_EQ(fake_->questions(), 1u);
  EXPECT_THAT(studies[1], MatchesRegex("2020-03-20 CT Chest~[0-9a-f]{6}"));
  const auto series = List("studies/" + studies[1]);
  EXPECT_EQ(fake_->questions(), 2u);
  EXPECT_THAT(series,
              ElementsAre(MatchesRegex("001 CT series 1~[0-9a-f]{6}"), MatchesRegex("002 CT series 2~[0-9a-f]{6}")));
  EXPECT_THAT(List("studies/" + studies[1] + "/" + series[0]), ElementsAre("00001.dcm", "00002.dcm"));
  EXPECT_EQ(fake_->questions(), 3u);
  const auto file = FileAt("studies/" + studies[1] + "/" + series[0] + "/00002.dcm");
  ASSERT_TRUE(file);
  EXPECT_EQ(file->reference(), (InstanceReference{Uid("1.1"), Uid("1.1.1"), Uid("1.1.1.2")}));
  EXPECT_EQ(file->estimated_size, 512u * 256 * 2 + 2048);
  EXPECT_EQ(fake_->questions(), 3u);
}

TEST_F(TreeTest, ListingsAreInOrderAndFindTheirNames) {
  const ListingPtr listing = tree_->List(Directory("studies"), context_);
  for (size_t i = 0; i < listing->size(); ++i) {
    EXPECT_EQ(listing->IndexOf(listing->name(i)), i);
    EXPECT_TRUE(listing->is_directory(i));
    if (i > 0) {
      EXPECT_LT(listing->name(i - 1), listing->name(i));
    }
  }
  EXPECT_EQ(listing->IndexOf("nothing"), std::nullopt);
  EXPECT_EQ(listing->fetched_at(), kNow);
  EXPECT_FALSE(listing->stale());
}

TEST_F(TreeTest, BrowsesWhatIsConfigured) {
  StartBrowsing("StudyDate=last 30 days");
  EXPECT_THAT(StudiesOf("recent"), UnorderedElementsAre("1.1", "2.1", "3.1"));
  EXPECT_THAT(StudiesOf("studies"), UnorderedElementsAre("1.1", "2.1", "3.1"));
  EXPECT_EQ(fake_->questions(), 1u);
  EXPECT_EQ(fake_->last_question().Get(tag::kStudyDate), "20200301-");
}

TEST_F(TreeTest, MovesOnWithTheDate) {
  StartBrowsing("StudyDate=last 6 days");
  const DirectoryPtr recent = Directory("recent");
  EXPECT_THAT(Names(tree_->List(recent, context_)), SizeIs(2));
  Advance(std::chrono::hours(48));
  EXPECT_EQ(tree_->TryList(recent), nullptr);
  EXPECT_THAT(Names(tree_->List(recent, context_)), IsEmpty());
  EXPECT_EQ(fake_->last_question().Get(tag::kStudyDate), "20200327-");
}

TEST_F(TreeTest, FindsUidsThatNobodyListed) {
  StartBrowsing("StudyDate=last 30 days");
  const auto file = FileAt("studies/1.2/1.2.1/1.2.1.1.dcm");
  ASSERT_TRUE(file);
  EXPECT_EQ(file->reference(), (InstanceReference{Uid("1.2"), Uid("1.2.1"), Uid("1.2.1.1")}));
  EXPECT_EQ(fake_->questions(), 3u);
  EXPECT_FALSE(Exists("studies/9.9"));
  EXPECT_FALSE(Exists("studies/1.2/9.9"));
  EXPECT_FALSE(Exists("studies/1.2/1.2.1/9.9.dcm"));
  EXPECT_FALSE(Exists("studies/1.1/1.2.1"));  // a series of another study
}

TEST_F(TreeTest, KeepsToTheDirectorysOwnQueryForUids) {
  StartBrowsing("StudyDate=last 30 days");
  EXPECT_TRUE(Exists("recent/1.1"));
  EXPECT_FALSE(Exists("recent/1.2"));
  EXPECT_TRUE(Exists("search/PatientName=Doe*/1.1"));
  EXPECT_FALSE(Exists("search/PatientName=Doe*/2.1"));
  EXPECT_TRUE(Exists("patients/P1/1.2"));
  EXPECT_FALSE(Exists("patients/P1/2.1"));
}

TEST_F(TreeTest, UidsInAKnownListingNeedNoQuery) {
  List("studies");
  List("studies/1.1");
  List("studies/1.1/1.1.1");
  const size_t before = fake_->questions();
  EXPECT_TRUE(Exists("studies/1.1/1.1.1/1.1.1.2.dcm"));
  EXPECT_TRUE(Exists("recent/2.1"));
  EXPECT_EQ(fake_->questions(), before);
}

TEST_F(TreeTest, UidsNotInAKnownListingAreQueried) {
  List("studies/1.1/1.1.1");
  AddInstance("P1", "Doe^John", "1.1", "20200320", "Chest", "1.1.1", "1", "1.1.1.3", "3");
  EXPECT_TRUE(Exists("studies/1.1/1.1.1/1.1.1.3.dcm"));
}

TEST_F(TreeTest, SendsNoQueryForJunkNames) {
  for (const char* directory : {"", "patients", "studies", "recent", "search", "studies/1.1", "studies/1.1/1.1.1"}) {
    const DirectoryPtr d = Directory(directory);
    const size_t before = fake_->questions();
    for (const char* name : {".Trash", ".hidden", "autorun.inf", "desktop.ini", ".git", ".xdg-volume-info"}) {
      EXPECT_EQ(tree_->TryLookup(d, name).status, Status::kAbsent) << directory << "/" << name;
      EXPECT_FALSE(tree_->Lookup(d, name, context_));
    }
    EXPECT_EQ(fake_->questions(), before) << directory;
  }
}

TEST_F(TreeTest, SendsNoQueryForNamesThatCannotExist) {
  const DirectoryPtr study = Directory("studies/1.1");
  const DirectoryPtr series = Directory("studies/1.1/1.1.1");
  const size_t before = fake_->questions();
  EXPECT_EQ(tree_->TryLookup(study, "DICOMDIR").status, Status::kAbsent);
  EXPECT_EQ(tree_->TryLookup(series, "README").status, Status::kAbsent);
  EXPECT_EQ(tree_->TryLookup(Directory("search"), "1.1").status, Status::kAbsent);
  EXPECT_EQ(fake_->questions(), before);
}

TEST_F(TreeTest, ListsToFindAReadableNameOnce) {
  const std::string name = List("studies")[1];
  Start();
  const size_t before = fake_->questions();
  EXPECT_TRUE(Exists("studies/" + name));
  EXPECT_EQ(fake_->questions(), before + 1);
  EXPECT_FALSE(Exists("studies/2020-01-01 CT Other~123456"));
  EXPECT_EQ(fake_->questions(), before + 1);
}

TEST_F(TreeTest, TryNeverQueriesTheArchive) {
  const DirectoryPtr studies = Directory("studies");
  EXPECT_EQ(tree_->TryList(studies), nullptr);
  EXPECT_EQ(tree_->TryLookup(studies, "1.1").status, Status::kQueryArchive);
  EXPECT_EQ(tree_->TryLookup(studies, "2020-03-20 CT Chest~123456").status, Status::kQueryArchive);
  EXPECT_EQ(tree_->TryLookup(Directory("patients"), "P1").status, Status::kQueryArchive);
  EXPECT_EQ(fake_->questions(), 0u);
  List("studies");
  EXPECT_NE(tree_->TryList(studies), nullptr);
  EXPECT_EQ(tree_->TryLookup(studies, "1.1").status, Status::kFound);
  EXPECT_EQ(tree_->TryLookup(studies, "2020-03-20 CT Chest~123456").status, Status::kAbsent);
  EXPECT_EQ(tree_->TryLookup(studies, "9.9").status, Status::kQueryArchive);
  EXPECT_EQ(fake_->questions(), 1u);
}

TEST_F(TreeTest, AFailedQueryIsNeverAnEmptyListing) {
  const DirectoryPtr study = Directory("studies/1.1");
  const DirectoryPtr studies = Directory("studies");
  const DirectoryPtr criteria = Directory("search/PatientName=X*");
  for (const ErrorCode code : {ErrorCode::kUnavailable, ErrorCode::kTimedOut, ErrorCode::kAccessDenied,
                               ErrorCode::kTooMany, ErrorCode::kProtocol}) {
    fake_->FailWith(Error(code, "Cannot ask"));
    EXPECT_EQ(CodeOf([&] { tree_->List(criteria, context_); }), code);
    EXPECT_EQ(CodeOf([&] { tree_->List(studies, context_); }), code);
    EXPECT_EQ(CodeOf([&] { tree_->List(study, context_); }), code);
    EXPECT_EQ(CodeOf([&] { tree_->Lookup(studies, "9.9", context_); }), code);
    EXPECT_EQ(CodeOf([&] { tree_->Lookup(studies, "2020-03-20 CT Chest~123456", context_); }), code);
    EXPECT_EQ(CodeOf([&] { tree_->Lookup(Directory("patients"), "P9", context_); }), code);
  }
  EXPECT_THAT(List("search"), IsEmpty());
  fake_->FailWith(std::nullopt);
  EXPECT_THAT(List("studies"), SizeIs(4));
}

TEST_F(TreeTest, KnownListingsStillWorkWhenTheArchiveIsDown) {
  const std::string name = List("studies")[1];
  fake_->FailWith(Error(ErrorCode::kUnavailable, "Cannot ask"));
  EXPECT_THAT(List("studies"), SizeIs(4));
  EXPECT_TRUE(Exists("studies/" + name));
  Advance(std::chrono::hours(24));
  const ListingPtr listing = tree_->List(Directory("studies"), context_);
  EXPECT_THAT(Names(listing), SizeIs(4));
  EXPECT_TRUE(listing->stale());
  EXPECT_EQ(listing->fetched_at(), kNow);
}

TEST_F(TreeTest, GroupsPatients) {
  const auto patients = List("patients");
  EXPECT_THAT(patients, ElementsAre(MatchesRegex("P1 Doe John~[0-9a-f]{6}"), MatchesRegex("P_2 Roe Jane~[0-9a-f]{6}"),
                                    MatchesRegex("no PatientID~[0-9a-f]{6}")));
  EXPECT_THAT(StudiesOf("patients/" + patients[0]), UnorderedElementsAre("1.1", "1.2"));
  EXPECT_EQ(fake_->last_question().Get(tag::kPatientID), "P1");
  EXPECT_THAT(StudiesOf("patients/" + patients[1]), ElementsAre("2.1"));
}

TEST_F(TreeTest, ListsStudiesWithoutPatientIdFromTheBrowseResult) {
  const std::string nobody = List("patients")[2];
  const size_t before = fake_->questions();
  EXPECT_THAT(StudiesOf("patients/" + nobody), ElementsAre("3.1"));
  EXPECT_EQ(fake_->questions(), before);
  EXPECT_TRUE(Exists("patients/" + nobody + "/3.1"));
  EXPECT_FALSE(Exists("patients/" + nobody + "/1.1"));
}

TEST_F(TreeTest, FindsAnyPatientByExactId) {
  AddInstance("old*1", "X", "4.1", "20100101", "A", "4.1.1", "1", "4.1.1.1", "1");
  AddInstance("oldx1", "Y", "4.2", "20100101", "B", "4.2.1", "1", "4.2.1.1", "1");
  AddInstance("a~123456", "Z", "4.3", "20100101", "C", "4.3.1", "1", "4.3.1.1", "1");
  StartBrowsing("StudyDate=last 30 days");
  EXPECT_THAT(StudiesOf("patients/P1"), UnorderedElementsAre("1.1", "1.2"));
  EXPECT_THAT(StudiesOf("patients/P%2F2"), ElementsAre("2.1"));
  EXPECT_THAT(StudiesOf("patients/old*1"), ElementsAre("4.1"));
  EXPECT_THAT(StudiesOf("patients/a%7E123456"), ElementsAre("4.3"));
  EXPECT_TRUE(Exists("patients/old*1/4.1"));
  EXPECT_FALSE(Exists("patients/old*1/4.2"));
  for (const char* none : {"patients/P", "patients/p1", "patients/*", "patients/P*", "patients/%zz", "patients/%20"}) {
    EXPECT_FALSE(Exists(none)) << none;
  }
}

TEST_F(TreeTest, ListedPatientsAreFoundByIdWithoutAQuery) {
  List("patients");
  const size_t before = fake_->questions();
  EXPECT_TRUE(Exists("patients/P1"));
  EXPECT_EQ(fake_->questions(), before);
}

TEST_F(TreeTest, SurvivesHostilePatientIds) {
  for (const char* id : {"../..", "\n", "*", "?", "a\\b", "\xFF", "=,=", "."}) {
    AddInstance(id, id, StrCat("5.", static_cast<int>(id[0]) + 1000).c_str(), "20200101", id,
                StrCat("5.5.", static_cast<int>(id[0]) + 1000).c_str(), "1",
                StrCat("5.6.", static_cast<int>(id[0]) + 1000).c_str(), "1");
  }
  Start();
  for (const std::string& name : List("patients")) {
    EXPECT_THAT(StudiesOf("patients/" + name), testing::Not(IsEmpty())) << name;
  }
}

TEST_F(TreeTest, NamesOfAPatientDoNotDependOnTheOrderOfItsStudies) {
  AddInstance("P1", "DOE^JOHN", "0.1", "20200101", "A", "0.1.1", "1", "0.1.1.1", "1");
  Start();
  EXPECT_THAT(List("patients")[0], MatchesRegex("P1 DOE JOHN~[0-9a-f]{6}"));
  AddInstance("P1", "doe^john", "0.2", "20200101", "A", "0.2.1", "1", "0.2.1.1", "1");
  Start();
  EXPECT_THAT(List("patients")[0], MatchesRegex("P1 DOE JOHN~[0-9a-f]{6}"));
}

TEST_F(TreeTest, SearchesByCriteria) {
  EXPECT_THAT(StudiesOf("search/PatientName=Doe*"), UnorderedElementsAre("1.1", "1.2"));
  EXPECT_THAT(StudiesOf("search/PatientName=Doe*/StudyDate=20200101-"), ElementsAre("1.1"));
  EXPECT_THAT(StudiesOf("search/PatientName=Doe*,StudyDate=20200101-"), ElementsAre("1.1"));
  EXPECT_THAT(StudiesOf("search/PatientID=P%2F2"), ElementsAre("2.1"));
  EXPECT_THAT(StudiesOf("search/StudyDate=last 7 days"), UnorderedElementsAre("2.1", "3.1"));
  EXPECT_THAT(StudiesOf("search/PatientName=Nobody"), IsEmpty());
  EXPECT_TRUE(Exists("search/PatientName=Doe*/1.1/1.1.1/1.1.1.1.dcm"));
}

TEST_F(TreeTest, CriteriaSendNoQueryUntilTheyAreListed) {
  const DirectoryPtr criteria = Directory("search/PatientName=Doe*/Modality=CT");
  EXPECT_EQ(fake_->questions(), 0u);
  EXPECT_TRUE(criteria->query);
  EXPECT_EQ(criteria->path, "search/PatientName=Doe*/Modality=CT");
  EXPECT_EQ(tree_->TryLookup(Directory("search"), "PatientName=Y*").status, Status::kFound);
  EXPECT_EQ(tree_->TryList(criteria), nullptr);
}

TEST_F(TreeTest, CriteriaOfDeeperLevelsListTheirStudies) {
  const auto plain = List("search/PatientName=Doe*");
  const auto deep = List("search/SeriesDescription=series 2");
  EXPECT_EQ(fake_->last_question().level(), Level::kSeries);
  ASSERT_THAT(deep, SizeIs(1));
  EXPECT_THAT(plain, testing::Contains(deep[0]));
  EXPECT_THAT(List("search/SeriesDescription=series 2/" + deep[0]), SizeIs(2));
  EXPECT_TRUE(Exists("search/SeriesDescription=series 2/1.1"));
  EXPECT_FALSE(Exists("search/SeriesDescription=series 2/2.1"));
}

TEST_F(TreeTest, RefusesMalformedCriteria) {
  const DirectoryPtr search = Directory("search");
  for (const char* name : {"PatientNam=B*", "StudyDate=yesterdai", "=x", "PatientName=", "PatientName=B*,"}) {
    EXPECT_EQ(CodeOf([&] { tree_->Lookup(search, name, context_); }), ErrorCode::kInvalidArgument) << name;
    EXPECT_EQ(tree_->TryLookup(search, name).status, Status::kQueryArchive) << name;
  }
  const DirectoryPtr ct = Directory("search/Modality=CT");
  EXPECT_EQ(CodeOf([&] { tree_->Lookup(ct, "Modality=MR", context_); }), ErrorCode::kInvalidArgument);
  EXPECT_FALSE(tree_->Lookup(search, "PatientName", context_));
  EXPECT_EQ(fake_->questions(), 0u);
}

TEST_F(TreeTest, RefusesEndlesslyNestedCriteria) {
  DirectoryPtr directory = Directory("search");
  const auto descend = [&] {
    for (int depth = 0; depth < 1000; ++depth) {
      directory = tree_->Lookup(directory, "Modality=CT", context_)->directory;
    }
  };
  EXPECT_EQ(CodeOf(descend), ErrorCode::kInvalidArgument);
}

TEST_F(TreeTest, RemembersTheSearchesThatSucceeded) {
  Directory("search/PatientName=Looked*");
  List("search/PatientName=Doe*");
  List("search/PatientName=Doe*/Modality=CT");
  List("search/PatientName=Nobody");
  EXPECT_THAT(List("search"), ElementsAre("PatientName=Doe*", "PatientName=Nobody"));
  const ListingPtr listing = tree_->List(Directory("search"), context_);
  EXPECT_TRUE(listing->node(0).directory->query);
  EXPECT_EQ(listing->node(0).directory->path, "search/PatientName=Doe*");
}

TEST_F(TreeTest, RemembersTheLatestThousandSearches) {
  for (int i = 0; i < 1010; ++i) {
    List(StrCat("search/PatientID=", i));
  }
  const auto searches = List("search");
  EXPECT_THAT(searches, SizeIs(1000));
  EXPECT_THAT(searches, testing::Contains("PatientID=1009"));
  EXPECT_THAT(searches, testing::Not(testing::Contains("PatientID=9")));
}

TEST_F(TreeTest, TimesAreTheSameWhateverPathLeadsThere) {
  const int64_t expected = DicomTime("20200320", "101500", "+0100");
  std::vector<std::string> paths = {"studies/1.1",
                                    "recent/1.1",
                                    "patients/P1/1.1",
                                    "search/PatientName=Doe*/1.1",
                                    "search/SeriesDescription=series 2/1.1",
                                    "studies/" + List("studies")[1]};
  for (const std::string& path : paths) {
    // The archive returns the zone only for queries that include it; without, local time counts.
    EXPECT_EQ(Directory(path)->mtime, DicomTime("20200320", "101500", "")) << path;
    EXPECT_EQ(Directory(path + "/1.1.1")->mtime, DicomTime("20200320", "101500", "")) << path;
    EXPECT_EQ(FileAt(path + "/1.1.1/1.1.1.1.dcm")->mtime, DicomTime("20200320", "101500", "")) << path;
  }
  EXPECT_NE(expected, 0);
}

TEST_F(TreeTest, ASeriesHasItsOwnTimeWhereItHasOne) {
  fake_->Add({{tag::kStudyInstanceUID, "7.1"},
              {tag::kStudyDate, "20200320"},
              {tag::kSeriesInstanceUID, "7.1.1"},
              {tag::kSeriesDate, "20200321"},
              {tag::kSeriesTime, "080000"},
              {tag::kSOPInstanceUID, "7.1.1.1"}});
  EXPECT_EQ(Directory("studies/7.1/7.1.1")->mtime, DicomTime("20200321", "080000", ""));
  EXPECT_EQ(FileAt("studies/7.1/7.1.1/7.1.1.1.dcm")->mtime, DicomTime("20200321", "080000", ""));
}

TEST_F(TreeTest, ASeriesTakesItsStudysTimeWhenItsOwnResultHasNone) {
  Directory("studies/1.1");  // listed before dates are hidden
  fake_->Hide(tag::kStudyDate);
  EXPECT_EQ(Directory("studies/1.1/1.1.1")->mtime, DicomTime("20200320", "101500", ""));
}

TEST_F(TreeTest, NamesStudiesWithoutAttributes) {
  fake_->Add({{tag::kStudyInstanceUID, "8.1"}, {tag::kSeriesInstanceUID, "8.1.1"}, {tag::kSOPInstanceUID, "8.1.1.1"}});
  const auto studies = List("studies");
  EXPECT_THAT(studies.back(), MatchesRegex("study~[0-9a-f]{6}"));
  EXPECT_THAT(List("studies/" + studies.back()), ElementsAre(MatchesRegex("series~[0-9a-f]{6}")));
  EXPECT_THAT(List("studies/8.1/8.1.1"), ElementsAre(MatchesRegex("[0-9a-f]{8}\\.dcm")));
  EXPECT_EQ(FileAt("studies/8.1/8.1.1/8.1.1.1.dcm")->estimated_size, 16384u);
}

TEST_F(TreeTest, UsesUidsAsNamesWhenConfigured) {
  StartWithUids();
  EXPECT_THAT(List("studies"), ElementsAre("1.1", "1.2", "2.1", "3.1"));
  EXPECT_THAT(List("studies/1.1"), ElementsAre("1.1.1", "1.1.2"));
  EXPECT_THAT(List("studies/1.1/1.1.1"), ElementsAre("1.1.1.1.dcm", "1.1.1.2.dcm"));
  const auto patients = List("patients");
  EXPECT_THAT(patients, ElementsAre("P%2F2", "P1", MatchesRegex("no PatientID~[0-9a-f]{6}")));
  for (const std::string& name : patients) {
    EXPECT_TRUE(Exists("patients/" + name)) << name;
  }
  EXPECT_THAT(StudiesOf("patients/P%2F2"), ElementsAre("2.1"));
}

TEST_F(TreeTest, ListingsAreReusedWhileTheResultIsTheSame) {
  const ListingPtr first = tree_->List(Directory("studies"), context_);
  const ListingPtr second = tree_->TryList(Directory("studies"));
  ASSERT_NE(second, nullptr);
  EXPECT_EQ(first->name(0).data(), second->name(0).data());
  Advance(std::chrono::hours(1));
  AddInstance("P1", "Doe^John", "0.9", "20200301", "New", "0.9.1", "1", "0.9.1.1", "1");
  EXPECT_THAT(List("studies"), SizeIs(5));
  EXPECT_THAT(Names(first), SizeIs(4));
}

TEST_F(TreeTest, ShowsAndFindsManyInstances) {
  for (int i = 0; i < 20000; ++i) {
    fake_->Add({{tag::kStudyInstanceUID, "6.1"},
                {tag::kSeriesInstanceUID, "6.1.1"},
                {tag::kSOPInstanceUID, StrCat("6.1.1.", i)},
                {tag::kInstanceNumber, StrCat(i)}});
  }
  const ListingPtr listing = tree_->List(Directory("studies/6.1/6.1.1"), context_);
  EXPECT_EQ(listing->size(), 20000u);
  EXPECT_EQ(listing->name(7), "00007.dcm");
  const DirectoryPtr series = Directory("studies/6.1/6.1.1");
  for (int i = 0; i < 20000; i += 100) {
    EXPECT_EQ(tree_->TryLookup(series, StrCat("6.1.1.", i, ".dcm")).node->file->instance, Uid(StrCat("6.1.1.", i)));
  }
}

TEST_F(TreeTest, SharesOneTreeAmongThreads) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this, t] {
      for (int i = 0; i < 50; ++i) {
        EXPECT_THAT(List("studies"), SizeIs(4));
        EXPECT_THAT(List(StrCat("search/PatientID=P", (t + i) % 3)), testing::Not(SizeIs(5)));
        EXPECT_TRUE(Exists("studies/1.1/1.1.1/00002.dcm"));
        List("search");
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
}

TEST(EstimateSizeTest, FollowsTheImage) {
  EXPECT_EQ(EstimateSize({{tag::kRows, "512"}, {tag::kColumns, "512"}, {tag::kBitsAllocated, "16"}}), 524288u + 2048);
  EXPECT_EQ(EstimateSize({{tag::kRows, "10"},
                          {tag::kColumns, "10"},
                          {tag::kBitsAllocated, "8"},
                          {tag::kSamplesPerPixel, "3"},
                          {tag::kNumberOfFrames, "4"}}),
            1200u + 2048);
  EXPECT_EQ(EstimateSize({}), 16384u);
  EXPECT_EQ(EstimateSize({{tag::kRows, "0"}, {tag::kColumns, "0"}}), 16384u);
  EXPECT_EQ(EstimateSize({{tag::kRows, "8"}, {tag::kColumns, "8"}, {tag::kBitsAllocated, "1"}}), 64u + 2048);
}

TEST(EstimateSizeTest, StaysSaneWithAbsurdAttributes) {
  const Attributes absurd{{tag::kRows, "9223372036854775807"},
                          {tag::kColumns, "9223372036854775807"},
                          {tag::kNumberOfFrames, "9223372036854775807"},
                          {tag::kBitsAllocated, "9223372036854775807"}};
  EXPECT_GT(EstimateSize(absurd), 0u);
  EXPECT_LT(EstimateSize(absurd), uint64_t{1} << 43);
  EXPECT_EQ(EstimateSize({{tag::kRows, "-5"}, {tag::kColumns, "x"}}), 16384u);
}

TEST(DicomTimeTest, ReadsDatesAndTimesWithAZone) {
  const std::tuple<const char*, const char*, const char*, int64_t> table[] = {
      {"20200301", "101112", "+0000", 1583057472},     {"20200301", "101112.123456", "+0100", 1583053872},
      {"20200301", "101112", "-0530", 1583077272},     {"20200301", "", "+0000", 1583020800},
      {"20200301", "10", "+0000", 1583056800},         {"20200301", "1011", "+0000", 1583057460},
      {"2020.03.01", "10:11:12", "+0000", 1583057472}, {"20200301", "235960", "+0000", 1583107199},
      {"20200301", "rubbish", "+0000", 1583020800},    {"19600229", "", "+0000", -310521600}};
  for (const auto& [date, time, zone, seconds] : table) {
    EXPECT_EQ(DicomTime(date, time, zone), seconds) << date << " " << time << " " << zone;
  }
}

TEST(DicomTimeTest, IsLocalTimeWithoutAZone) {
  std::tm local{};
  local.tm_year = 120;
  local.tm_mon = 2;
  local.tm_mday = 1;
  local.tm_hour = 10;
  local.tm_isdst = -1;
  EXPECT_EQ(DicomTime("20200301", "100000", ""), std::mktime(&local));
  EXPECT_EQ(DicomTime("20200301", "100000", "rubbish"), std::mktime(&local));
}

TEST(DicomTimeTest, IsZeroWithoutAValidDate) {
  for (const char* date :
       {"", "2020", "20201301", "20200230", "2020030", "rubbish!", "00000101", "20200301-20200302"}) {
    EXPECT_EQ(DicomTime(date, "101112", ""), 0) << date;
  }
}

}  // namespace
}  // namespace trolley
