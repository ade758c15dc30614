// What a mounted archive shows, and that its files hold what the archive stores.

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>

#include <cerrno>
#include <memory>
#include <set>
#include <thread>

#include "mount/archive_fixture.h"

namespace trolley {
namespace {

using testing::Contains;
using testing::HasSubstr;

class ContentsTest : public MountedArchiveTest {
 protected:
  ContentsTest() { Mount(); }

  // As an archive that is no Orthanc, whose own interface tells sizes, and takes several requests for a listing.
  void MountAsGeneric() {
    const TempDirectory directory;
    const auto config = directory.Write("config.toml",
                                        "[archive.generic]\nbrowse = \"all\"\nprofile = \"generic\"\n"
                                        "searcher = { type = \"qido-rs\", url = \"" +
                                            archive().Url() + "\" }\n");
    mount_.reset();
    mount_ = std::make_unique<Mounted>("generic", cache_.path(), std::vector<std::string>{"--config", config.string()});
  }

  std::set<std::string> List(const std::string& directory) const {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(At(directory))) {
      names.insert(entry.path().filename().string());
    }
    return names;
  }

  std::string Attribute(const std::string& path, const char* name) const {
    char value[256];
    const ssize_t length = getxattr(At(path).c_str(), name, value, sizeof value);
    return length < 0 ? "" : std::string(value, static_cast<size_t>(length));
  }

  int ErrnoOfStat(const std::string& path) const {
    struct stat status {};
    return stat(At(path).c_str(), &status) == 0 ? 0 : errno;
  }
};

TEST_F(ContentsTest, EveryFileHoldsWhatTheArchiveStores) {
  for (const StoredSeries* series : data().All()) {
    EXPECT_TRUE(HoldsSeries(At(series->Directory()), *series));
  }
}

TEST_F(ContentsTest, RootHasItsFiveDirectories) {
  EXPECT_EQ(List(""), (std::set<std::string>{".trolleyfs", "patients", "recent", "search", "studies"}));
  EXPECT_EQ(List(".trolleyfs"), (std::set<std::string>{"README.txt", "errors", "metrics", "status.json"}));
  EXPECT_THAT(ReadFile(At(".trolleyfs/status.json")), HasSubstr("\"state\": \"up\""));
}

TEST_F(ContentsTest, ListsAColdSeriesWithOneSearchOfItsInstances) {
  MountAsGeneric();
  List("studies/" + data().tiny.study);
  archive().proxy.ForgetRequests();
  const RunResult ls = Shell("ls -l " + data().tiny.Directory() + " | wc -l");
  EXPECT_EQ(std::stoul(ls.out), data().tiny.files.size() + 1);
  EXPECT_EQ(archive().proxy.Targets().size(), 1U);
  archive().proxy.ForgetRequests();
  Shell("ls -l " + data().tiny.Directory() + "; find " + data().tiny.Directory() + " -size +1k; du -s " +
        data().tiny.Directory());
  EXPECT_THAT(archive().proxy.Targets(), testing::IsEmpty());
}

TEST_F(ContentsTest, SearchDirectoriesAreQueries) {
  const auto ct = List("search/PatientID=TB-0001");
  ASSERT_EQ(ct.size(), 1U);
  EXPECT_THAT(*ct.begin(), testing::StartsWith("2020-03-01 CT Thorax_Abdomen~"));
  EXPECT_EQ(List("search/PatientName=D*,StudyDate=20200101-20201231/ModalitiesInStudy=CT"), ct);
  EXPECT_EQ(List("search/PatientID=TB%2F0002").size(), 1U);
  EXPECT_EQ(List("search/PatientID=NOBODY").size(), 0U);
  EXPECT_THAT(List("search"), Contains("PatientID=TB-0001"));
  EXPECT_EQ(ErrnoOfStat("search/NoSuchKeyword=1"), EINVAL);
  EXPECT_EQ(ErrnoOfStat("search/StudyDate=yesterdayish"), EINVAL);
  EXPECT_TRUE(HoldsSeries(At("search/PatientID=TB-0001/" + *ct.begin() + "/" + data().ct.series), data().ct));
}

TEST_F(ContentsTest, PatientsAreFoundByTheirExactId) {
  EXPECT_EQ(List("patients/TB-0003").size(), 1U);
  EXPECT_EQ(List("patients/TB%2F0002").size(), 1U);
  EXPECT_EQ(ErrnoOfStat("patients/TB-9999"), ENOENT);
}

TEST_F(ContentsTest, UidsAreAcceptedAtEveryLevelAndUnknownOnesAreNot) {
  EXPECT_EQ(ErrnoOfStat(data().ct.File(1)), 0);
  EXPECT_EQ(ErrnoOfStat("studies/1.2.3.4.5"), ENOENT);
  EXPECT_EQ(ErrnoOfStat("studies/" + data().ct.study + "/1.2.3"), ENOENT);
  EXPECT_EQ(ErrnoOfStat(data().ct.Directory() + "/1.2.3.dcm"), ENOENT);
  EXPECT_EQ(ErrnoOfStat(data().ct.Directory() + "/no such name"), ENOENT);
}

TEST_F(ContentsTest, SendsNoQueryForNamesThatDesktopsProbeFor) {
  for (const char* name : {".Trash", ".hidden", "autorun.inf", "desktop.ini", ".xdg-volume-info", ".git"}) {
    EXPECT_EQ(ErrnoOfStat(std::string("studies/") + name), ENOENT) << name;
    EXPECT_EQ(ErrnoOfStat(std::string("patients/") + name), ENOENT) << name;
  }
  EXPECT_EQ(archive().proxy.CountRequests("", "limit=1"), 0U);
}

TEST_F(ContentsTest, SizesAreEstimatesUntilTheFirstOpenAndExactAfterwards) {
  MountAsGeneric();
  const std::string path = data().ct.File(2);
  struct stat before {};
  ASSERT_EQ(stat(At(path).c_str(), &before), 0);
  EXPECT_GT(before.st_size, 0);
  EXPECT_EQ(Attribute(path, "user.trolleyfs.size"), "estimate");
  EXPECT_EQ(ReadFile(At(path)), ReadFile(data().ct.files[1]));
  struct stat after {};
  ASSERT_EQ(stat(At(path).c_str(), &after), 0);
  EXPECT_EQ(static_cast<uintmax_t>(after.st_size), std::filesystem::file_size(data().ct.files[1]));
  EXPECT_EQ(Attribute(path, "user.trolleyfs.size"), "exact");
  EXPECT_EQ(before.st_mtime, after.st_mtime);

  Unmount();
  Mount();
  ASSERT_EQ(stat(At(path).c_str(), &after), 0);
  EXPECT_EQ(static_cast<uintmax_t>(after.st_size), std::filesystem::file_size(data().ct.files[1]));
}

TEST_F(ContentsTest, LearnsExactSizesWhileListingWhenConfigured) {
  const auto config = out_.Write(
      "config.toml", "[archive.test]\nsizes = \"exact\"\nbrowse = \"all\"\nsearcher = { type = \"qido-rs\", url = \"" +
                         archive().Url() + "\" }\n");
  mount_.reset();
  mount_ = std::make_unique<Mounted>("test", cache_.path(), std::vector<std::string>{"--config", config.string()});
  const RunResult sizes = Shell("find " + data().jpeg.Directory() + " -type f -printf '%s\\n' | sort");
  std::multiset<std::string> expected;
  for (const auto& file : data().jpeg.files) {
    expected.insert(std::to_string(std::filesystem::file_size(file)));
  }
  std::string joined;
  for (const auto& size : expected) {
    joined += size + "\n";
  }
  EXPECT_EQ(sizes.out, joined);
}

TEST_F(ContentsTest, IsReadOnly) {
  const std::string file = At(data().report.File(1)).string();
  EXPECT_THAT(Shell("touch " + file).err, HasSubstr("Read-only file system"));
  EXPECT_THAT(Shell("mkdir new").err, HasSubstr("Read-only file system"));
  EXPECT_THAT(Shell("rm -f " + file).err, HasSubstr("Read-only file system"));
  EXPECT_NE(Shell("echo x >> " + file).exit_code, 0);
}

TEST_F(ContentsTest, ShowsItsNameAndServesDf) {
  EXPECT_THAT(Shell("stat -f . && grep trolleyfs /proc/self/mounts").out, HasSubstr("pacs:"));
  struct statvfs status {};
  EXPECT_EQ(statvfs(mount_->path().c_str(), &status), 0);
}

TEST_F(ContentsTest, QueriesTheArchiveAgainAfterSighup) {
  List("search/PatientID=TB-0001");
  archive().proxy.ForgetRequests();
  List("search/PatientID=TB-0001");
  EXPECT_THAT(archive().proxy.Targets(), testing::IsEmpty());
  mount_->process().Signal(SIGHUP);
  // The signal is handled beside the requests: look until it is noticed.
  for (int i = 0; i < 600 && archive().proxy.Targets().empty(); ++i) {
    List("search/PatientID=TB-0001");
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  ASSERT_THAT(archive().proxy.Targets(), testing::Not(testing::IsEmpty()));
  EXPECT_THAT(archive().proxy.Targets(), testing::Each(HasSubstr("/studies?")));
}

}  // namespace
}  // namespace trolley
