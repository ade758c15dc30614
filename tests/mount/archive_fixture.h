#ifndef TROLLEY_TESTS_MOUNT_ARCHIVE_FIXTURE_H_
#define TROLLEY_TESTS_MOUNT_ARCHIVE_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "support/mounted.h"
#include "support/orthanc.h"
#include "support/proxy.h"
#include "support/temp_directory.h"

namespace trolley {

// One series as it lies in the archive, and the files it was made from.
struct StoredSeries {
  std::string study;
  std::string series;
  std::vector<std::filesystem::path> files;  // instance N is files[N-1], with InstanceNumber N

  std::string InstanceUid(size_t number) const { return series + "." + std::to_string(number); }
  // By bare UIDs, from the mount's root.
  std::string Directory() const { return "studies/" + study + "/" + series; }
  std::string File(size_t number) const { return Directory() + "/" + InstanceUid(number) + ".dcm"; }
};

// Series of every kind, made once for all test programs. Nobody changes the files. Smaller under sanitizers, which are
// slow.
struct TestData {
  static const TestData& Get();

  const std::filesystem::path directory;
  StoredSeries ct;          // slices of 525 kB
  StoredSeries tiny;        // many instances of a few kB
  StoredSeries multiframe;  // one large instance
  StoredSeries jpeg;        // compressed
  StoredSeries rle;
  StoredSeries report;  // no pixels

  std::vector<const StoredSeries*> All() const { return {&ct, &tiny, &multiframe, &jpeg, &rle, &report}; }

  std::filesystem::path Saved() const { return directory / "orthanc"; }  // what an Orthanc holds that holds all of them

 private:
  explicit TestData(const std::filesystem::path& root);  // what is not there yet is made
};

// A real Orthanc of this program's own that holds TestData, with a counting proxy before it; both live as long as the
// program.
struct TestArchive {
  static TestArchive& Get();
  std::string Url() const { return proxy.Url("/dicom-web"); }

  static constexpr const char* kMoveTitle = "MOVER";
  const int move_port;  // where Orthanc sends what a C-MOVE to kMoveTitle asks for
  OrthancServer orthanc;
  CountingProxy proxy;

 private:
  TestArchive();
};

// A mount of that archive with an empty cache for each test.
class MountedArchiveTest : public testing::Test {
 protected:
  MountedArchiveTest();
  ~MountedArchiveTest() override;

  void Mount(const std::vector<std::string>& options = {});
  void Unmount();
  std::filesystem::path At(const std::string& path) const { return mount_->path() / path; }
  // Runs a line of shell in the mount; `$OUT` is an empty directory on local disk.
  RunResult Shell(const std::string& line) const;
  // Requests that fetched instances, and those that asked questions.
  static size_t Retrievals();
  static size_t Searches();

  static TestArchive& archive() { return TestArchive::Get(); }
  static const TestData& data() { return TestData::Get(); }

  TempDirectory cache_;
  TempDirectory out_;
  std::unique_ptr<Mounted> mount_;
};

// The files of `directory`, by name, hold the bytes of `series.files` in order of InstanceNumber.
testing::AssertionResult HoldsSeries(const std::filesystem::path& directory, const StoredSeries& series);
testing::AssertionResult SameBytes(const std::filesystem::path& a, const std::filesystem::path& b);
// Exit code 0, or what the program said.
testing::AssertionResult Succeeded(const RunResult& result);

}  // namespace trolley

#endif  // TROLLEY_TESTS_MOUNT_ARCHIVE_FIXTURE_H_
