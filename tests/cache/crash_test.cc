// What is left after a process was killed or the disk was full: whole instances or none, and a true account.
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstring>
#include <functional>
#include <random>
#include <thread>

#include "cache_fixture.h"

namespace trolley {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

class CrashTest : public CacheFixture {
 protected:
  static constexpr int kNumbers = 200;
  static std::string Bytes(int number) { return BytesOf(number, static_cast<size_t>(1000 + number * 1370 % 100000)); }

  static constexpr int kNoDisk = 77;
  // A disk of this process's own below the cache. False: not allowed.
  bool MountDisk(const char* size) const {
    return ::unshare(CLONE_NEWNS) == 0 && ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
           ::mount("tmpfs", directory.path().c_str(), "tmpfs", 0, size) == 0;
  }
  // Runs `work` in a child until it ends or was killed after `life`; its wait status.
  static int InChild(const std::function<int()>& work, std::chrono::microseconds life = std::chrono::hours(1)) {
    const pid_t child = ::fork();
    if (child == 0) {
      try {
        ::_exit(work());
      } catch (const std::exception& error) {
        std::fprintf(stderr, "child: %s\n", error.what());
        ::_exit(99);
      }
    }
    if (life < std::chrono::hours(1)) {
      std::this_thread::sleep_for(life);
      ::kill(child, SIGKILL);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return status;
  }

  void ExpectWholeOrNothing() {
    int found = 0;
    for (int number = 0; number < kNumbers; ++number) {
      if (const auto bytes = Get(*cache, InstanceOf(number))) {
        ++found;
        EXPECT_EQ(*bytes, Bytes(number)) << number;
      }
    }
    cache->WaitForBackground();
    EXPECT_THAT(cache->Check(true), IsEmpty());
    EXPECT_LE(cache->Status().bytes, options.max_size);
    found_in_all += found;
  }

  int found_in_all = 0;
};

TEST_F(CrashTest, AKilledWriterLeavesWholeInstancesAndATrueAccount) {
  options.max_size = 1 << 20;  // so that it evicts as well
  std::mt19937 random(11);
  for (int round = 0; round < 25; ++round) {
    const auto writes = [&] {
      Open();
      for (int i = 0;; ++i) {
        const int number = static_cast<int>(random() % kNumbers);
        if (i % 11 == 0) {
          cache->Remove("archive", InstanceOf(number));
        } else {
          Put(*cache, InstanceOf(number), Bytes(number));
        }
        if (i % 40 == 0) {
          cache->Flush();
        }
      }
      return 0;
    };
    const int status = InChild(writes, std::chrono::microseconds(10000 + random() % 200000));
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
    Open();
    ExpectWholeOrNothing();
    EXPECT_THAT(FilesIn("staging"), IsEmpty());
    EXPECT_THAT(FilesIn("trash"), IsEmpty());
    cache.reset();
  }
  EXPECT_GT(found_in_all, 0);
}

TEST_F(CrashTest, ACommittedInstanceOutlivesAKill) {
  const auto writes = [&] {
    Put(Open(), InstanceOf(1), Bytes(1));
    cache->Flush();
    ::kill(::getpid(), SIGKILL);
    return 0;
  };
  InChild(writes);
  EXPECT_TRUE(Open().Find("archive", InstanceOf(1), InstanceCache::Verify::kOnlyIfCheap));
  EXPECT_EQ(Get(*cache, InstanceOf(1)), Bytes(1));
}

TEST_F(CrashTest, TwoProcessesWriteTheSameDirectory) {
  options.max_size = 1 << 20;
  const auto writes = [&](int seed) {
    return [this, seed] {
      std::mt19937 random(static_cast<uint32_t>(seed));
      Open();
      for (int i = 0; i < 300; ++i) {
        const int number = static_cast<int>(random() % kNumbers);
        const auto bytes = Get(*cache, InstanceOf(number));
        if (bytes && *bytes != Bytes(number)) {
          return 1;
        }
        if (!bytes) {
          Put(*cache, InstanceOf(number), Bytes(number));
        }
      }
      cache.reset();
      return 0;
    };
  };
  std::vector<pid_t> children;
  for (int seed = 0; seed < 3; ++seed) {
    const pid_t child = ::fork();
    if (child == 0) {
      int status = 98;
      try {
        status = writes(seed)();
      } catch (const std::exception& error) {
        std::fprintf(stderr, "child: %s\n", error.what());
      }
      ::_exit(status);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  Open();
  ExpectWholeOrNothing();
  EXPECT_GT(found_in_all, 0);
}

TEST_F(CrashTest, StagingOfALivingProcessIsLeftAlone) {
  const auto bytes = BytesOf(1, 100000);
  int to_child[2];
  int to_parent[2];
  ASSERT_EQ(::pipe(to_child), 0);
  ASSERT_EQ(::pipe(to_parent), 0);
  // The other one stages, dies when told to.
  const pid_t child = ::fork();
  if (child == 0) {
    char told = 0;
    const auto staged = Open().Stage("archive", InstanceOf(1), bytes.size());
    staged->Append(std::as_bytes(std::span(bytes)).first(10));
    if (::write(to_parent[1], "s", 1) != 1 || ::read(to_child[0], &told, 1) != 1) {
      ::_exit(1);
    }
    ::kill(::getpid(), SIGKILL);
  }
  char staged = 0;
  ASSERT_EQ(::read(to_parent[0], &staged, 1), 1);
  Open().WaitForBackground();
  EXPECT_THAT(FilesIn("staging"), SizeIs(1));
  ASSERT_EQ(::write(to_child[1], "d", 1), 1);
  int status = 0;
  ::waitpid(child, &status, 0);
  Open().WaitForBackground();
  EXPECT_THAT(FilesIn("staging"), IsEmpty());
  EXPECT_THAT(FilesIn("trash"), IsEmpty());
  for (const int fd : {to_child[0], to_child[1], to_parent[0], to_parent[1]}) {
    ::close(fd);
  }
}

// Small ones come to the disk with their commit only.
TEST_F(CrashTest, OnAFullDiskSmallInstancesTakeThePlaceOfOlderOnes) {
  const auto fills = [&]() -> int {
    if (!MountDisk("size=12m")) {
      return kNoDisk;
    }
    Open();
    constexpr int kNumbersHere = 400;
    for (int number = 0; number < kNumbersHere; ++number) {
      const std::string bytes = BytesOf(number, 60000);
      const auto staged = cache->Stage("archive", InstanceOf(number), std::nullopt);
      staged->Append(std::as_bytes(std::span(bytes)));
      staged->Commit();
      if (number % 10 == 0) {
        cache->Flush();
      }
    }
    cache->Flush();
    int found = 0;
    for (int number = kNumbersHere - 20; number < kNumbersHere; ++number) {
      const auto bytes = Get(*cache, InstanceOf(number));
      found += bytes ? 1 : 0;
      if (bytes && *bytes != BytesOf(number, 60000)) {
        return 2;
      }
    }
    std::fprintf(stderr, "child: %d of the newest 20 found\n", found);
    const auto problems = cache->Check(true);
    for (const std::string& problem : problems) {
      std::fprintf(stderr, "child: %s\n", problem.c_str());
    }
    return problems.empty() ? (found >= 15 ? 0 : 5) : 6;
  };
  const int status = InChild(fills);
  if (WIFEXITED(status) && WEXITSTATUS(status) == kNoDisk) {
    GTEST_SKIP() << "needs the right to mount a tmpfs, and a / that is a mount point (that of a plain chroot is not)";
  }
  EXPECT_EQ(status, 0);
}

// In a child, with a small disk of its own.
TEST_F(CrashTest, AFullDiskIsAnErrorAndNeverWrongBytes) {
  const auto fills = [&]() -> int {
    if (!MountDisk("size=3m")) {
      return kNoDisk;
    }
    Open();
    int full = 0;
    for (int number = 0; number < kNumbers; ++number) {
      try {
        const std::string bytes = BytesOf(number, 100000);
        const auto staged = cache->Stage("archive", InstanceOf(number), std::nullopt);
        staged->Append(std::as_bytes(std::span(bytes)));
        staged->Commit();
      } catch (const Error& error) {
        if (error.code() != ErrorCode::kNoSpace) {
          std::fprintf(stderr, "child: %s\n", error.what());
          return 1;
        }
        ++full;
      }
    }
    cache->Flush();
    int found = 0;
    for (int number = 0; number < kNumbers; ++number) {
      if (const auto bytes = Get(*cache, InstanceOf(number))) {
        ++found;
        if (*bytes != BytesOf(number, 100000)) {
          return 2;
        }
      }
    }
    // What is larger than the disk cannot be kept.
    try {
      const std::string bytes = BytesOf(1, 10 << 20);
      cache->Stage("archive", InstanceOf(1), std::nullopt)->Append(std::as_bytes(std::span(bytes)));
      return 3;
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kNoSpace) {
        return 4;
      }
    }
    const auto problems = cache->Check(true);
    for (const std::string& problem : problems) {
      std::fprintf(stderr, "child: %s\n", problem.c_str());
    }
    std::fprintf(stderr, "child: %d found, %d refused\n", found, full);
    return problems.empty() ? (found > 0 ? 0 : 5) : 6;
  };
  const int status = InChild(fills);
  if (WIFEXITED(status) && WEXITSTATUS(status) == kNoDisk) {
    GTEST_SKIP() << "needs the right to mount a tmpfs, and a / that is a mount point (that of a plain chroot is not)";
  }
  EXPECT_EQ(status, 0);
}

TEST_F(CrashTest, AFileSizeLimitIsAnErrorAndNeverWrongBytes) {
  const auto writes = [&] {
    ::signal(SIGXFSZ, SIG_IGN);
    Open();
    const rlimit limit{200000, 200000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const std::string bytes = BytesOf(1, 300000);
    const auto staged = cache->Stage("archive", InstanceOf(1), bytes.size());
    try {
      staged->Append(std::as_bytes(std::span(bytes)));
      return 1;
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kNoSpace) {
        return 2;
      }
    }
    try {
      staged->Append(std::as_bytes(std::span(bytes).first(10)));
      return 3;
    } catch (const Error&) {
    }
    staged->Commit();  // keeps nothing
    return Get(*cache, InstanceOf(1)) ? 4 : 0;
  };
  EXPECT_EQ(InChild(writes), 0);
}

TEST_F(CrashTest, AnIndexThatCannotGrowKeepsWhatItCan) {
  const auto writes = [&] {
    ::signal(SIGXFSZ, SIG_IGN);
    Open();
    const auto index_size = std::filesystem::file_size(options.directory / "index" / "data.mdb");
    const rlimit limit{index_size + 100000, index_size + 100000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    int wrong = 0;
    int found = 0;
    for (int round = 0; round < 5; ++round) {
      for (int number = 0; number < kNumbers; ++number) {
        Put(*cache, InstanceOf(number), BytesOf(number, 500));
      }
      cache->Flush();
      for (int number = 0; number < kNumbers; ++number) {
        const auto bytes = Get(*cache, InstanceOf(number));
        found += bytes.has_value();
        wrong += bytes && *bytes != BytesOf(number, 500);
      }
    }
    const auto problems = cache->Check(true);
    for (const std::string& problem : problems) {
      std::fprintf(stderr, "child: %s\n", problem.c_str());
    }
    return wrong > 0 ? 1 : !problems.empty() ? 2 : !FilesIn("staging").empty() ? 3 : found == 0 ? 4 : 0;
  };
  EXPECT_EQ(InChild(writes), 0);
}

}  // namespace
}  // namespace trolley
