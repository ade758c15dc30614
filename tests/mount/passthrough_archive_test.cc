// Files that are complete, read by the kernel itself (passthrough) and through the program: the same bytes, and no
// traffic.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <fstream>
#include <future>
#include <thread>

#include "base/unique_fd.h"
#include "mount/fake_archive.h"
#include "support/mounted.h"
#include "support/paths.h"

namespace trolley {
namespace {

using namespace std::chrono_literals;
using testing::AnyOf;
using testing::HasSubstr;

constexpr char kAgreed[] = "The kernel reads complete files by itself";
constexpr char kNotOffered[] = "does not offer it";

enum class Way { kByKernel, kThroughUs };

class PassthroughMountTest : public testing::TestWithParam<Way> {
 protected:
  PassthroughMountTest() { Mount(); }

  // Anew, with what is in the cache.
  void Mount(std::vector<std::string> options = {}) {
    mount_.reset();
    options.insert(options.end(), {"--log-level", "debug"});
    if (GetParam() == Way::kThroughUs) {
      options.insert(options.end(), {"-o", "no_passthrough"});
    }
    mount_ = std::make_unique<Mounted>(archive_.Url(), cache_.path(), options);
    struct stat root {};
    EXPECT_EQ(stat(mount_->path().c_str(), &root), 0);
    mount_->ReadsSince(mount_->CountReads());  // it looks at the mount table itself before it is at rest
  }
  void Fetch(size_t first, size_t last) const {
    for (size_t number = first; number <= last; ++number) {
      EXPECT_EQ(ReadFile(Path(number)), archive_.Bytes(number)) << number;
    }
    // Records are committed in batches.
    for (int i = 0; i < 600 && Attribute(last, "user.trolleyfs.cached") != "yes"; ++i) {
      std::this_thread::sleep_for(50ms);
    }
  }

  bool ByKernel() const { return mount_->process().Err().find(kAgreed) != std::string::npos; }
  std::filesystem::path Path(size_t number) const { return mount_->path() / archive_.File(number); }
  UniqueFd Open(size_t number, int flags = 0) const { return UniqueFd(open(Path(number).c_str(), O_RDONLY | flags)); }
  std::string Attribute(size_t number, const char* name) const {
    char value[64];
    const ssize_t length = getxattr(Path(number).c_str(), name, value, sizeof value);
    return length < 0 ? "" : std::string(value, static_cast<size_t>(length));
  }

  static std::string ReadAll(const UniqueFd& file) {
    std::string bytes(size_t{2} << 20, '\0');
    size_t done = 0;
    for (ssize_t got = 1; got > 0; done += static_cast<size_t>(std::max<ssize_t>(got, 0))) {
      got = pread(file.get(), bytes.data() + done, bytes.size() - done, static_cast<off_t>(done));
      EXPECT_GE(got, 0) << strerror(errno);
    }
    bytes.resize(done);
    return bytes;
  }
  static std::string Map(const UniqueFd& file, int flags) {
    struct stat status {};
    EXPECT_EQ(fstat(file.get(), &status), 0);
    const auto size = static_cast<size_t>(status.st_size);
    void* memory = mmap(nullptr, size, PROT_READ, flags, file.get(), 0);
    EXPECT_NE(memory, MAP_FAILED) << strerror(errno);
    std::string bytes(static_cast<const char*>(memory), size);
    munmap(memory, size);
    return bytes;
  }

  std::vector<std::filesystem::path> CachedFiles() const {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(cache_.path() / "objects")) {
      if (entry.is_regular_file() && entry.file_size() == archive_.Bytes(1).size()) {
        files.push_back(entry.path());
      }
    }
    return files;
  }

  FakeArchive archive_{12};
  TempDirectory cache_;
  std::unique_ptr<Mounted> mount_;
};

INSTANTIATE_TEST_SUITE_P(Ways, PassthroughMountTest, testing::Values(Way::kByKernel, Way::kThroughUs),
                         [](const auto& way) { return way.param == Way::kByKernel ? "ByKernel" : "ThroughUs"; });

TEST_P(PassthroughMountTest, IsUsedWhereItCanBe) {
  const std::string said = mount_->process().Err();
  if (GetParam() == Way::kThroughUs || getuid() != 0) {
    EXPECT_FALSE(ByKernel()) << said;
  } else {
    EXPECT_THAT(said, AnyOf(HasSubstr(kAgreed), HasSubstr(kNotOffered)));
  }
}

TEST_P(PassthroughMountTest, BytesAreExactHoweverTheyAreRead) {
  Fetch(1, 2);
  Mount();
  const std::string bytes = archive_.Bytes(1);
  const TempDirectory out;
  for (int round = 0; round < 2; ++round) {
    const UniqueFd file = Open(1);
    ASSERT_TRUE(file);
    EXPECT_EQ(ReadAll(file), bytes);
    EXPECT_EQ(Map(file, MAP_SHARED), bytes);
    EXPECT_EQ(Map(file, MAP_PRIVATE), bytes);
    char piece[1000];
    ASSERT_EQ(pread(file.get(), piece, sizeof piece, 4001), 1000);
    EXPECT_EQ(std::string(piece, sizeof piece), bytes.substr(4001, 1000));
    EXPECT_EQ(pread(file.get(), piece, sizeof piece, static_cast<off_t>(bytes.size()) - 3), 3);
    EXPECT_EQ(pread(file.get(), piece, sizeof piece, static_cast<off_t>(bytes.size())), 0);
    EXPECT_EQ(RunProgram({"cat", Path(1).string()}).out, bytes) << "beside an open handle";
    const auto copy = out / std::to_string(round);
    EXPECT_EQ(RunProgram({"cp", Path(1).string(), copy.string()}).exit_code, 0);
    EXPECT_EQ(ReadFile(copy), bytes);
    // With an offset and a length that no block device would take.
    const UniqueFd direct = Open(1, O_DIRECT);
    ASSERT_TRUE(direct);
    ASSERT_EQ(pread(direct.get(), piece, sizeof piece, 4001), 1000);
    EXPECT_EQ(std::string(piece, sizeof piece), bytes.substr(4001, 1000));
  }
  const UniqueFd direct = Open(2, O_DIRECT);
  ASSERT_TRUE(direct);
  EXPECT_EQ(ReadFile(Path(2)), archive_.Bytes(2));
  EXPECT_EQ(RunProgram({"cat", Path(2).string()}).out, archive_.Bytes(2));
}

TEST_P(PassthroughMountTest, CachedInstancesAreReadWithoutOurHelp) {
  Fetch(1, 1);
  Mount();
  const UniqueFd file = Open(1);
  ASSERT_TRUE(file);
  const auto before = mount_->CountReads();
  EXPECT_EQ(ReadAll(file), archive_.Bytes(1));
  const auto reads = mount_->ReadsSince(before);
  if (ByKernel()) {
    EXPECT_LT(reads.bytes, 10000U) << "a look at the mount table at most";
  } else {
    EXPECT_GE(reads.bytes, archive_.Bytes(1).size()) << "what is counted is not what was meant";
  }
}

TEST_P(PassthroughMountTest, ReadingAgainCostsNoTraffic) {
  Fetch(1, 1);
  Mount();
  const UniqueFd file = Open(1);
  ASSERT_TRUE(file);
  EXPECT_EQ(ReadAll(file), archive_.Bytes(1));
  auto before = mount_->CountReads();
  EXPECT_EQ(ReadAll(file), archive_.Bytes(1));
  EXPECT_EQ(Map(file, MAP_SHARED), archive_.Bytes(1));
  EXPECT_EQ(mount_->ReadsSince(before).calls, 0U);

  before = mount_->CountReads();
  EXPECT_EQ(ReadFile(Path(1)), archive_.Bytes(1));
  const auto again = mount_->ReadsSince(before);
  EXPECT_LE(again.calls, 2U) << "open and release";
  EXPECT_LT(again.bytes, 1000U) << "the requests alone: no directory, no index, no bytes";
}

// Their pages go to the kernel with the reply to the open, whatever size it has seen.
TEST_P(PassthroughMountTest, SmallInstancesThatCameJustNowAreRightWhateverTheirSizeWasTakenFor) {
  for (const size_t listed_rows :
       {8U, 100U, 500U}) {  // the size that was estimated is too small, about right, too large
    const FakeArchive archive(12, listed_rows, 100);
    const TempDirectory cache;
    const std::vector<std::string> way{"-o", GetParam() == Way::kThroughUs ? "no_passthrough" : "ro"};
    const Mounted mount(archive.Url(), cache.path(), way);
    const auto path = [&](size_t number) { return mount.path() / archive.File(number); };
    ASSERT_LT(archive.Bytes(1).size(), 60000U);
    // Who stats it first has the kernel remember the estimate.
    const uint64_t listed = std::filesystem::file_size(path(1));
    EXPECT_EQ(listed < archive.Bytes(1).size(), listed_rows < 100);
    const UniqueFd file(open(path(1).c_str(), O_RDONLY));
    ASSERT_TRUE(file);
    EXPECT_EQ(ReadAll(file), archive.Bytes(1));
    EXPECT_EQ(Map(file, MAP_SHARED), archive.Bytes(1));
    for (size_t number = 1; number <= 12; ++number) {
      EXPECT_EQ(ReadFile(path(number)), archive.Bytes(number)) << number;
    }
  }
}

// Whoever is slow finds them on disk, and asks for their pages; so this may need more than one try.
TEST_P(PassthroughMountTest, SmallInstancesThatHaveJustArrivedAreNotRequestedPageByPage) {
  constexpr size_t kCount = 12;
  size_t requests = SIZE_MAX;  // for what is left of the series after two were read, which were prefetched
  for (auto pause = 2ms; pause < 500ms && requests > (kCount - 2) * 3 / 2; pause *= 2) {
    const FakeArchive archive(kCount, 90, 100);  // which the kernel takes for smaller than they are
    const TempDirectory cache;
    const std::vector<std::string> way{"-o", GetParam() == Way::kThroughUs ? "no_passthrough" : "ro"};
    const Mounted mount(archive.Url(), cache.path(), way);
    // What is not listed is not prefetched.
    const std::filesystem::directory_iterator listing(mount.path() / archive.Directory());
    EXPECT_EQ(std::distance(begin(listing), end(listing)), ptrdiff_t{kCount});
    for (size_t number = 1; number <= kCount; ++number) {
      EXPECT_LT(std::filesystem::file_size(mount.path() / archive.File(number)), archive.Bytes(number).size());
    }
    EXPECT_EQ(ReadFile(mount.path() / archive.File(1)), archive.Bytes(1));
    EXPECT_EQ(ReadFile(mount.path() / archive.File(2)), archive.Bytes(2));
    std::this_thread::sleep_for(pause);
    std::vector<UniqueFd> files;
    for (size_t number = 3; number <= kCount; ++number) {
      const auto path = mount.path() / archive.File(number);
      files.emplace_back(open(path.c_str(), O_RDONLY));
      ASSERT_TRUE(files.back());
    }
    const auto before = mount.CountReads();
    for (size_t i = 0; i < files.size(); ++i) {
      EXPECT_EQ(ReadAll(files[i]), archive.Bytes(i + 3));
    }
    requests = mount.ReadsSince(before).calls;
  }
  EXPECT_LE(requests, (kCount - 2) * 3 / 2) << "their attributes, but no pages";
}

TEST_P(PassthroughMountTest, OpensWhileTheBytesArriveAreServedAndLaterOnesToo) {
  std::promise<void> go_on;
  const auto gate = go_on.get_future().share();
  archive_.OnRetrieve([this, gate](const ReceivedRequest&, HttpReply& reply) {
    const std::string body = archive_.Multipart(archive_.Bytes(1));
    reply.Head(200, {{"Content-Type", "multipart/related; type=\"application/dicom\"; boundary=b"},
                     {"Content-Length", std::to_string(body.size())}});
    reply.Send(body.substr(0, body.size() / 2));
    gate.wait();
    reply.Send(body.substr(body.size() / 2));
  });
  UniqueFd first = Open(1);
  ASSERT_TRUE(first) << "open does not wait for the end";
  char head[100];
  ASSERT_EQ(pread(first.get(), head, sizeof head, 0), 100);
  const UniqueFd second = Open(1);
  ASSERT_TRUE(second);
  auto mapped = std::async(std::launch::async, [&] { return Map(second, MAP_SHARED); });
  std::this_thread::sleep_for(50ms);
  go_on.set_value();
  EXPECT_EQ(mapped.get(), archive_.Bytes(1));
  EXPECT_EQ(ReadAll(first), archive_.Bytes(1));
  // Complete, but open in the other way.
  EXPECT_EQ(ReadFile(Path(1)), archive_.Bytes(1));
  first.Reset();
  EXPECT_EQ(ReadFile(Path(1)), archive_.Bytes(1));
}

TEST_P(PassthroughMountTest, ManyOpensAndClosesAtOnceAllWork) {
  Fetch(1, 3);
  Mount();
  std::vector<std::thread> readers;
  std::atomic<size_t> right{0};
  for (int i = 0; i < 8; ++i) {
    readers.emplace_back([&] {
      for (size_t round = 0; round < 60; ++round) {
        const size_t number = 1 + round % 3;
        const UniqueFd file = Open(number, round % 7 == 0 ? O_DIRECT : 0);
        right += file && ReadAll(file) == archive_.Bytes(number) ? 1U : 0U;
      }
    });
  }
  for (std::thread& reader : readers) {
    reader.join();
  }
  EXPECT_EQ(right, 8U * 60U);
}

TEST_P(PassthroughMountTest, WhatIsOpenCanBeReadAndOpenedAfterItLeftTheCache) {
  Fetch(1, 1);
  Mount({"--cache-size", "2 MiB"});
  const UniqueFd file = Open(1);
  ASSERT_TRUE(file);
  Fetch(2, 12);
  ASSERT_EQ(Attribute(1, "user.trolleyfs.cached"), "no");
  EXPECT_EQ(ReadAll(file), archive_.Bytes(1));
  EXPECT_EQ(Map(file, MAP_SHARED), archive_.Bytes(1));
  EXPECT_EQ(ReadFile(Path(1)), archive_.Bytes(1));
}

TEST_P(PassthroughMountTest, DamageOfAnOpenFileIsAnErrorOrFetchedAgainButNeverShown) {
  Fetch(1, 1);
  Mount();
  UniqueFd file = Open(1);
  ASSERT_TRUE(file);
  EXPECT_EQ(ReadAll(file), archive_.Bytes(1));
  const auto files = CachedFiles();
  ASSERT_EQ(files.size(), 1U);
  std::this_thread::sleep_for(20ms);  // more than the clock of the file system ticks
  {
    std::fstream flipped(files[0], std::ios::in | std::ios::out | std::ios::binary);
    flipped.seekp(1000);
    flipped << "damage";
  }
  const UniqueFd beside = Open(1);
  if (ByKernel()) {
    EXPECT_FALSE(beside);
    EXPECT_EQ(errno, EIO);
    EXPECT_THAT(mount_->process().Err(), HasSubstr("was changed while a program has it open"));
  } else {
    EXPECT_EQ(ReadAll(beside), archive_.Bytes(1));
  }
  file.Reset();
  std::string now;
  for (int i = 0; i < 200 && now.empty(); ++i) {  // until we are told that it is closed
    const UniqueFd again = Open(1);
    now = again ? ReadAll(again) : "";
    std::this_thread::sleep_for(10ms);
  }
  EXPECT_EQ(now, archive_.Bytes(1));
}

TEST_P(PassthroughMountTest, UnmountsInEveryWay) {
  Fetch(1, 1);
  for (const auto& command : {std::vector<std::string>{"umount"}, {"fusermount3", "-u"}}) {
    Mount();
    EXPECT_EQ(ReadFile(Path(1)), archive_.Bytes(1));
    EXPECT_THAT(ReadFile("/proc/self/mountinfo"), HasSubstr(mount_->path().string() + " ro,nosuid,nodev"));
    auto arguments = command;
    arguments.push_back(mount_->path().string());
    RunResult ended;
    for (int i = 0; i < 100 && (i == 0 || ended.exit_code != 0); ++i) {  // the program itself may be looking at it
      ended = RunProgram(arguments);
    }
    EXPECT_EQ(ended.exit_code, 0) << command[0] << ": " << ended.err;
    EXPECT_EQ(mount_->process().Wait(60s), 0);
    EXPECT_FALSE(IsMountPoint(mount_->path()));
  }
}

TEST_P(PassthroughMountTest, AHandleOutlivesALazyUnmount) {
  Fetch(1, 1);
  Mount();
  const UniqueFd file = Open(1);
  ASSERT_TRUE(file);
  ASSERT_EQ(RunProgram({"umount", "-l", mount_->path().string()}).exit_code, 0);
  EXPECT_EQ(ReadAll(file), archive_.Bytes(1));
}

TEST_P(PassthroughMountTest, AnOrdinaryUserReadsThroughUs) {
  if (getuid() != 0) {
    SUCCEED();  // every other test has shown it
    return;
  }
  const TempDirectory home;
  std::filesystem::permissions(home.path(), std::filesystem::perms::all);
  // The build's own folder may be closed to others.
  const auto program = home / "trolleyfs";
  std::filesystem::copy_file(kTrolleyfsProgram, program);
  const auto point = home / "mount";
  std::filesystem::create_directory(point);
  std::filesystem::permissions(point, std::filesystem::perms::all);
  RunOptions options;
  options.user = 65534;
  options.environment["HOME"] = home.path().string();
  const std::vector<std::string> mount{program.string(), "mount",       archive_.Url(),
                                       point.string(),   "--cache-dir", (home / "cache").string()};
  const RunResult mounted = RunProgram(mount, options);
  ASSERT_EQ(mounted.exit_code, 0) << mounted.err;
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(RunProgram({"cat", (point / archive_.File(1)).string()}, options).out, archive_.Bytes(1));
  }
  EXPECT_EQ(RunProgram({program.string(), "umount", point.string()}, options).exit_code, 0);
}

}  // namespace
}  // namespace trolley
