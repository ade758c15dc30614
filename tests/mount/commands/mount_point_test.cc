#include "mount/commands/mount_point.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "trolley/error.h"

namespace trolley {
namespace {

namespace fs = std::filesystem;

constexpr char kMountInfo[] =
    "21 1 0:20 / /sys rw,nosuid shared:7 - sysfs sysfs rw\n"
    "90 1 0:45 / /mnt/my\\040pacs ro,nosuid,nodev shared:9 master:3 - fuse.trolleyfs pacs:hospital ro,user_id=0\n"
    "91 1 0:46 / /mnt/twice rw - tmpfs tmpfs rw\n"
    "92 91 0:47 / /mnt/twice ro - fuse.trolleyfs pacs:a ro\n"
    "93 1 broken line\n";

TEST(MountPointTest, FindsAMountAndDecodesItsPath) {
  const auto mount = FindMountIn(kMountInfo, "/mnt/my pacs");
  ASSERT_TRUE(mount);
  EXPECT_EQ(mount->device, "0:45");
  EXPECT_EQ(mount->type, "fuse.trolleyfs");
  EXPECT_EQ(mount->source, "pacs:hospital");
}

TEST(MountPointTest, FindsTheTopmostOfTwo) {
  EXPECT_EQ(FindMountIn(kMountInfo, "/mnt/twice")->type, "fuse.trolleyfs");
}

TEST(MountPointTest, FindsNothingElsewhere) {
  EXPECT_FALSE(FindMountIn(kMountInfo, "/mnt"));
  EXPECT_FALSE(FindMountIn(kMountInfo, "/mnt/my"));
  EXPECT_FALSE(FindMountIn("", "/mnt"));
}

class MountPointDirectoryTest : public testing::Test {
 protected:
  MountPointDirectoryTest() {
    std::string pattern = (fs::temp_directory_path() / "mount_point_test.XXXXXX").string();
    directory_ = fs::canonical(::mkdtemp(pattern.data()));
  }
  ~MountPointDirectoryTest() override { fs::remove_all(directory_); }

  std::string Why(const std::string& path) {
    try {
      CheckMountPoint(ResolveMountPoint(path));
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  }
  fs::path directory_;
};

TEST_F(MountPointDirectoryTest, AcceptsAnEmptyDirectory) {
  EXPECT_EQ(Why(directory_), "");
  EXPECT_EQ(ResolveMountPoint(directory_.string() + "/"), directory_.string());
}

TEST_F(MountPointDirectoryTest, FollowsALinkToIt) {
  fs::create_directory(directory_ / "real");
  fs::create_directory_symlink("real", directory_ / "link");
  EXPECT_EQ(ResolveMountPoint(directory_ / "link"), (directory_ / "real").string());
}

TEST_F(MountPointDirectoryTest, RefusesWhatIsMissing) {
  EXPECT_THAT(Why(directory_ / "no"), testing::HasSubstr("does not exist"));
  EXPECT_THAT(Why(directory_ / "no" / "no"), testing::HasSubstr("does not exist"));
}

TEST_F(MountPointDirectoryTest, RefusesAFile) {
  std::ofstream(directory_ / "file") << "x";
  EXPECT_THAT(Why(directory_ / "file"), testing::HasSubstr("not a directory"));
}

TEST_F(MountPointDirectoryTest, RefusesADirectoryWithContent) {
  std::ofstream(directory_ / "file") << "x";
  EXPECT_THAT(Why(directory_), testing::HasSubstr("not empty"));
}

TEST_F(MountPointDirectoryTest, RefusesWhereSomethingIsMounted) {
  EXPECT_THAT(Why("/proc"), testing::HasSubstr("already mounted"));
}

}  // namespace
}  // namespace trolley
