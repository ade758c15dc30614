// What the cache promises: one retrieval for many readers, survival of restarts, crashes and a dead archive.

#include <sys/xattr.h>

#include <cerrno>
#include <csignal>
#include <fstream>
#include <thread>

#include "mount/archive_fixture.h"

namespace trolley {
namespace {

class CacheTest : public MountedArchiveTest {
 protected:
  CacheTest() { Mount(); }
  ~CacheTest() override { archive().proxy.Pass(); }

  // The errno that listing gives; 0 when it works.
  int ErrnoOfList(const std::string& directory) const {
    std::error_code error;
    for (auto entry = std::filesystem::directory_iterator(At(directory), error);
         !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    }
    return error.value();
  }

  static void WaitUntilCached(const std::filesystem::path& file) {
    char value[8];
    for (int i = 0; i < 600; ++i) {
      const ssize_t length = getxattr(file.c_str(), "user.trolleyfs.cached", value, sizeof value);
      if (length == 3) {  // "yes"
        return;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    ADD_FAILURE() << file << " was not cached";
  }

  std::vector<std::filesystem::path> CachedFiles() const {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(cache_.path() / "objects")) {
      // objects/<two digits>/<checksum>.<size>
      if (entry.is_regular_file() && entry.path().parent_path().filename().string().size() == 2) {
        files.push_back(entry.path());
      }
    }
    return files;
  }
};

TEST_F(CacheTest, FiftyProcessesOpenTheSameColdInstanceWithOneRetrieval) {
  const RunResult run = Shell("for i in $(seq 50); do cat " + data().ct.File(1) + " > $OUT/$i & done; wait");
  EXPECT_TRUE(Succeeded(run));
  for (int i = 1; i <= 50; ++i) {
    EXPECT_TRUE(SameBytes(out_.path() / std::to_string(i), data().ct.files[0]));
  }
  EXPECT_EQ(Retrievals(), 1U);
}

TEST_F(CacheTest, ASecondOpenSendsNoRequest) {
  ASSERT_TRUE(SameBytes(At(data().ct.File(1)), data().ct.files[0]));
  archive().proxy.ForgetRequests();
  ASSERT_TRUE(SameBytes(At(data().ct.File(1)), data().ct.files[0]));
  EXPECT_EQ(archive().proxy.Targets().size(), 0U);
}

TEST_F(CacheTest, CachedInstancesOutliveTheMountAndTheArchive) {
  ASSERT_TRUE(HoldsSeries(At(data().rle.Directory()), data().rle));
  Unmount();
  archive().proxy.Refuse();
  Mount();
  EXPECT_TRUE(HoldsSeries(At(data().rle.Directory()), data().rle));
  EXPECT_NE(ErrnoOfList("search/PatientName=X*"), 0);
}

TEST_F(CacheTest, CachedInstancesOutliveSigkill) {
  ASSERT_TRUE(HoldsSeries(At(data().rle.Directory()), data().rle));
  // Some more are on their way when the power goes.
  Process reader({"cp", "-r", At(data().ct.Directory()).string(), (out_.path() / "copy").string()});
  archive().proxy.WaitForRequests(12);
  mount_->process().Signal(SIGKILL);
  mount_->process().Wait(std::chrono::seconds(20));
  mount_.reset();
  Mount();
  EXPECT_TRUE(HoldsSeries(At(data().rle.Directory()), data().rle));
  EXPECT_TRUE(HoldsSeries(At(data().ct.Directory()), data().ct));
}

TEST_F(CacheTest, DamagedCacheFilesAreFetchedAgain) {
  ASSERT_TRUE(HoldsSeries(At(data().rle.Directory()), data().rle));
  Unmount();
  const auto files = CachedFiles();
  ASSERT_EQ(files.size(), data().rle.files.size());
  std::filesystem::resize_file(files[0], 100);
  std::filesystem::resize_file(files[1], 0);
  std::filesystem::remove(files[2]);
  {
    std::fstream flipped(files[3], std::ios::in | std::ios::out | std::ios::binary);
    flipped.seekp(1000);
    flipped.put('\x55');
    flipped.put('\xAA');
  }
  archive().proxy.ForgetRequests();
  Mount();
  EXPECT_TRUE(HoldsSeries(At(data().rle.Directory()), data().rle));
  EXPECT_EQ(Retrievals(), 4U);
}

TEST_F(CacheTest, ADamagedIndexIsMadeAnew) {
  ASSERT_TRUE(HoldsSeries(At(data().rle.Directory()), data().rle));
  Unmount();
  for (const auto& entry : std::filesystem::recursive_directory_iterator(cache_.path())) {
    if (entry.path().filename() == "data.mdb") {
      WriteFile(entry.path(), "this is no index");
    }
  }
  Mount();
  EXPECT_TRUE(HoldsSeries(At(data().rle.Directory()), data().rle));
}

TEST_F(CacheTest, KeepsWithinItsSize) {
  Unmount();
  Mount({"--cache-size", "3 MiB"});
  EXPECT_TRUE(HoldsSeries(At(data().ct.Directory()), data().ct));
  Unmount();
  uintmax_t bytes = 0;
  for (const auto& file : CachedFiles()) {
    bytes += std::filesystem::file_size(file);
  }
  EXPECT_LE(bytes, 3U << 20);
  EXPECT_GT(bytes, 1U << 20);
  EXPECT_TRUE(std::filesystem::is_empty(cache_.path() / "staging"));
}

TEST_F(CacheTest, AnInstanceLargerThanTheCacheIsServedAllTheSame) {
  Unmount();
  Mount({"--cache-size", "1 MiB"});
  EXPECT_TRUE(SameBytes(At(data().multiframe.File(1)), data().multiframe.files[0]));
}

TEST_F(CacheTest, TwoMountsShareADirectory) {
  const Mounted second(archive().Url(), cache_.path());
  ASSERT_TRUE(HoldsSeries(At(data().rle.Directory()), data().rle));
  // Records are committed in batches, shortly after the instances came.
  for (size_t number = 1; number <= data().rle.files.size(); ++number) {
    WaitUntilCached(second.path() / data().rle.File(number));
  }
  archive().proxy.ForgetRequests();
  EXPECT_TRUE(HoldsSeries(second.path() / data().rle.Directory(), data().rle));
  EXPECT_EQ(Retrievals(), 0U);
}

TEST_F(CacheTest, ADeadArchiveIsAnErrorAndNeverAnEmptyList) {
  ASSERT_EQ(ErrnoOfList("search/PatientID=TB-0001"), 0);
  ASSERT_TRUE(SameBytes(At(data().ct.File(1)), data().ct.files[0]));
  archive().proxy.Refuse();
  EXPECT_EQ(ErrnoOfList("search/PatientName=X*"), EHOSTUNREACH);
  EXPECT_EQ(ErrnoOfList("search/PatientID=TB-0001"), 0);
  EXPECT_TRUE(SameBytes(At(data().ct.File(1)), data().ct.files[0]));
  const RunResult cold = Shell("cat " + data().ct.File(2));
  EXPECT_NE(cold.exit_code, 0);
  EXPECT_EQ(cold.out, "");

  // An expired result is served with its age rather than refused.
  mount_->process().Signal(SIGHUP);
  EXPECT_EQ(ErrnoOfList("search/PatientID=TB-0001"), 0);
  archive().proxy.Pass();
  EXPECT_TRUE(SameBytes(At(data().ct.File(2)), data().ct.files[1]));
  EXPECT_EQ(ErrnoOfList("search/PatientName=X*"), 0);
}

}  // namespace
}  // namespace trolley
