// How many threads a mount keeps.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <iostream>
#include <iterator>
#include <string>

#include "mount/archive_fixture.h"
#include "support/mounted.h"

namespace trolley {
namespace {

TEST(ThreadsArchiveTest, AnIdleDicomwebMountHasFew) {
  TestArchive& archive = TestArchive::Get();
  const TempDirectory directory;
  const Mounted mount(archive.Url(), directory / "cache", {});
  // Listing and reading must not have left threads behind that sleep until the unmount.
  for (const StoredSeries* series : TestData::Get().All()) {
    EXPECT_NE(std::filesystem::directory_iterator(mount.path() / series->Directory()),
              std::filesystem::directory_iterator());
  }
  const auto threads =
      std::distance(std::filesystem::directory_iterator("/proc/" + std::to_string(mount.pid()) + "/task"),
                    std::filesystem::directory_iterator());
  RecordProperty("threads", static_cast<int>(threads));
  std::cout << "threads: " << threads << "\n";
  EXPECT_LE(threads, 40);
}

}  // namespace
}  // namespace trolley
