#include "cache/instance_cache.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include <atomic>
#include <fstream>
#include <thread>
#include <tuple>

#include "cache_fixture.h"

namespace trolley {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class InstanceCacheTest : public CacheFixture {
 protected:
  // Changes one byte of the only cached file.
  void FlipAByte() {
    const auto files = FilesIn("objects");
    ASSERT_THAT(files, SizeIs(1));
    // Damage in the very tick of the commit would not show in the file's ctime.
    struct stat status = {};
    ASSERT_EQ(::stat(files[0].c_str(), &status), 0);
    struct timespec now = {};
    do {
      ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
    } while (std::tie(now.tv_sec, now.tv_nsec) <= std::tie(status.st_ctim.tv_sec, status.st_ctim.tv_nsec));
    std::fstream file(files[0], std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(100);
    const char byte = static_cast<char>(file.get());
    file.seekp(100);
    file.put(static_cast<char>(byte ^ 1));
  }
};

TEST_F(InstanceCacheTest, FindsAnInstanceAtOnce) {
  Put(Open(), InstanceOf(1), BytesOf(1, 1000));
  EXPECT_EQ(Get(*cache, InstanceOf(1)), BytesOf(1, 1000));
  EXPECT_TRUE(cache->Contains("archive", InstanceOf(1)));
}

TEST_F(InstanceCacheTest, FindsAnInstanceAfterTheCommit) {
  Put(Open(), InstanceOf(1), BytesOf(1, 1000));
  cache->Flush();
  EXPECT_EQ(Get(*cache, InstanceOf(1)), BytesOf(1, 1000));
  EXPECT_THAT(FilesIn("staging"), IsEmpty());
  EXPECT_THAT(cache->Check(true), IsEmpty());
}

TEST_F(InstanceCacheTest, FindsAnInstanceAfterARestart) {
  Put(Open(), InstanceOf(1), BytesOf(1, 1000));
  EXPECT_EQ(Get(Open(), InstanceOf(1)), BytesOf(1, 1000));
}

TEST_F(InstanceCacheTest, MissesWhatWasNeverPut) {
  Put(Open(), InstanceOf(1), BytesOf(1, 1000));
  EXPECT_EQ(Get(*cache, InstanceOf(2)), std::nullopt);
  EXPECT_EQ(Get(*cache, InstanceOf(1), "another archive"), std::nullopt);
  EXPECT_EQ(Get(*cache, InstanceOf(1, 2)), std::nullopt);
  EXPECT_FALSE(cache->Contains("archive", InstanceOf(2)));
}

TEST_F(InstanceCacheTest, MissesWhatWasNotCommitted) {
  const auto bytes = BytesOf(1, 1000);
  auto staged = Open().Stage("archive", InstanceOf(1), std::nullopt);
  staged->Append(std::as_bytes(std::span(bytes)));
  EXPECT_EQ(staged->size(), 1000U);
  EXPECT_EQ(ReadAll(*staged), bytes);
  staged.reset();
  EXPECT_EQ(Get(*cache, InstanceOf(1)), std::nullopt);
  EXPECT_THAT(FilesIn("staging"), IsEmpty());
}

TEST_F(InstanceCacheTest, KeepsSmallInstancesInMemoryUntilTheCommit) {
  const auto bytes = BytesOf(1, 64 << 10);
  Put(Open(), InstanceOf(1), bytes);
  const auto found = cache->Find("archive", InstanceOf(1), InstanceCache::Verify::kNow);
  ASSERT_TRUE(found);
  ASSERT_NE(found->bytes, nullptr);
  EXPECT_THAT(FilesIn("staging"), IsEmpty());
  EXPECT_GE(cache->Status().bytes, bytes.size());
  cache->Flush();
  EXPECT_EQ(*found->bytes, bytes);
  EXPECT_EQ(Get(*cache, InstanceOf(1)), bytes);
  EXPECT_EQ(cache->Find("archive", InstanceOf(1), InstanceCache::Verify::kNow)->bytes, nullptr);
  EXPECT_THAT(FilesIn("objects"), SizeIs(1));
  EXPECT_THAT(cache->Check(true), IsEmpty());
}

TEST_F(InstanceCacheTest, WritesToAFileWhatTurnsOutNotToBeSmall) {
  const auto bytes = BytesOf(1, (64 << 10) + 1);
  auto staged = Open().Stage("archive", InstanceOf(1), std::nullopt);
  const auto all = std::as_bytes(std::span(bytes));
  staged->Append(all.first(5));
  staged->Append(all.subspan(5, (64 << 10) - 5));
  EXPECT_EQ(staged->fd(), -1);
  staged->Append(all.last(1));
  EXPECT_GE(staged->fd(), 0);
  EXPECT_EQ(ReadAll(*staged), bytes);
  staged->Commit();
  EXPECT_EQ(Get(*cache, InstanceOf(1)), bytes);
  EXPECT_EQ(Get(Open(), InstanceOf(1)), bytes);
  EXPECT_THAT(cache->Check(true), IsEmpty());
}

// They hold on to the memory, and there is nothing more to write.
TEST_F(InstanceCacheTest, ReadersOfManySmallInstancesHoldUpNobody) {
  Open();
  const auto bytes = BytesOf(1, 60000);
  std::vector<std::unique_ptr<StagedInstance>> staged;
  std::vector<std::shared_ptr<const std::string>> held;
  for (int number = 0; number < 300; ++number) {
    staged.push_back(cache->Stage("archive", InstanceOf(number), bytes.size()));
    staged.back()->Append(std::as_bytes(std::span(bytes)));
    held.push_back(staged.back()->bytes());
    staged.back()->Commit();
  }
  cache->Flush();
  cache->RememberSize("archive", InstanceOf(1000), 5);  // wakes who writes
  cache->Flush();
  EXPECT_EQ(Get(*cache, InstanceOf(299)), bytes);
  EXPECT_EQ(cache->KnownSize("archive", InstanceOf(1000)), 5u);
}

TEST_F(InstanceCacheTest, KeepsNoMoreThanSomeMebibytesInMemory) {
  Open();
  const auto bytes = BytesOf(1, 60000);
  std::vector<std::unique_ptr<StagedInstance>> staged;
  for (int number = 0; number < 600; ++number) {
    staged.push_back(cache->Stage("archive", InstanceOf(number), bytes.size()));
    staged.back()->Append(std::as_bytes(std::span(bytes)));
  }
  const auto in_memory = std::count_if(staged.begin(), staged.end(), [](const auto& s) { return s->fd() < 0; });
  EXPECT_GT(in_memory, 300);
  EXPECT_LT(in_memory, 500);
  staged.clear();
  const auto small = cache->Stage("archive", InstanceOf(1), 100);
  EXPECT_EQ(small->fd(), -1) << "their memory is not given back";
}

TEST_F(InstanceCacheTest, ReplacesAFileThatAKilledProcessLeftInItsPlace) {
  Put(Open(), InstanceOf(1), BytesOf(1, 5000));
  cache->Flush();
  const auto path = FilesIn("objects").at(0);
  cache->Remove("archive", InstanceOf(1));
  std::ofstream(path) << "torn";
  Put(*cache, InstanceOf(1), BytesOf(1, 5000));
  cache->Flush();
  EXPECT_EQ(Get(Open(), InstanceOf(1)), BytesOf(1, 5000));
  EXPECT_THAT(cache->Check(true), IsEmpty());
}

TEST_F(InstanceCacheTest, KeepsADescriptorReadableAfterTheCommit) {
  const auto bytes = BytesOf(1, 100000);
  auto staged = Open().Stage("archive", InstanceOf(1), bytes.size());
  const UniqueFd fd(::dup(staged->fd()));
  staged->Append(std::as_bytes(std::span(bytes)));
  staged->Commit();
  staged.reset();
  cache->Flush();
  cache->Remove("archive", InstanceOf(1));
  EXPECT_EQ(ReadAll(fd.get(), bytes.size()), bytes);
}

TEST_F(InstanceCacheTest, KeepsDirectoriesAndFilesPrivate) {
  Put(Open(), InstanceOf(1), BytesOf(1, 1000));
  cache->Flush();
  for (const auto& entry : std::filesystem::recursive_directory_iterator(options.directory)) {
    struct stat status = {};
    ASSERT_EQ(::lstat(entry.path().c_str(), &status), 0);
    if (entry.path().filename() != "id") {
      EXPECT_EQ(status.st_mode & 0777, entry.is_directory() ? 0700U : 0600U) << entry.path();
    }
  }
}

TEST_F(InstanceCacheTest, SharesTheFileOfEqualInstances) {
  Put(Open(), InstanceOf(1), BytesOf(7, 5000));
  Put(*cache, InstanceOf(2), BytesOf(7, 5000));
  cache->Flush();
  EXPECT_THAT(FilesIn("objects"), SizeIs(1));
  EXPECT_EQ(cache->Status().bytes, 8192U);
  EXPECT_EQ(cache->Status().instances, 2U);
  cache->Remove("archive", InstanceOf(1));
  EXPECT_EQ(Get(*cache, InstanceOf(2)), BytesOf(7, 5000));
  cache->Remove("archive", InstanceOf(2));
  EXPECT_THAT(FilesIn("objects"), IsEmpty());
  EXPECT_EQ(cache->Status().bytes, 0U);
  EXPECT_THAT(cache->Check(true), IsEmpty());
}

TEST_F(InstanceCacheTest, ReplacesAnInstance) {
  Put(Open(), InstanceOf(1), BytesOf(1, 5000));
  Put(*cache, InstanceOf(1), BytesOf(2, 6000));
  EXPECT_EQ(Get(*cache, InstanceOf(1)), BytesOf(2, 6000));
  cache->Flush();
  EXPECT_EQ(Get(*cache, InstanceOf(1)), BytesOf(2, 6000));
  EXPECT_THAT(FilesIn("objects"), SizeIs(1));
  Put(*cache, InstanceOf(1), BytesOf(2, 6000));
  cache->Flush();
  EXPECT_EQ(Get(*cache, InstanceOf(1)), BytesOf(2, 6000));
  EXPECT_THAT(cache->Check(true), IsEmpty());
}

TEST_F(InstanceCacheTest, RemovesAnInstanceThatIsPending) {
  Put(Open(), InstanceOf(1), BytesOf(1, 5000));
  cache->Remove("archive", InstanceOf(1));
  EXPECT_EQ(Get(*cache, InstanceOf(1)), std::nullopt);
  cache->Flush();
  EXPECT_EQ(Get(*cache, InstanceOf(1)), std::nullopt);
  EXPECT_EQ(cache->KnownSize("archive", InstanceOf(1)), std::nullopt);
  EXPECT_THAT(cache->Check(true), IsEmpty());
}

TEST_F(InstanceCacheTest, KnowsSizesBeforeAndAfterTheCommitAndARestart) {
  Put(Open(), InstanceOf(1), BytesOf(1, 5000));
  cache->RememberSize("archive", InstanceOf(2), 77);
  const Uid one = InstanceOf(1).instance;
  const Uid two = InstanceOf(2).instance;
  const Uid three = InstanceOf(3).instance;
  const auto sizes = [&] {
    return cache->KnownSizes("archive", InstanceOf(1).series_reference(), {&three, &two, &one});
  };
  EXPECT_THAT(sizes(), ElementsAre(std::nullopt, 77, 5000));
  cache->Flush();
  EXPECT_THAT(sizes(), ElementsAre(std::nullopt, 77, 5000));
  Open();
  EXPECT_THAT(sizes(), ElementsAre(std::nullopt, 77, 5000));
  EXPECT_EQ(cache->KnownSize("archive", InstanceOf(1)), 5000U);
}

TEST_F(InstanceCacheTest, RemembersABoundedNumberOfSizes) {
  options.max_known_sizes = 100;
  Open();
  for (int i = 0; i < 1000; ++i) {
    cache->RememberSize("archive", InstanceOf(i), static_cast<uint64_t>(i));
  }
  cache->Flush();
  int known = 0;
  for (int i = 0; i < 1000; ++i) {
    const auto size = cache->KnownSize("archive", InstanceOf(i));
    known += size.has_value();
    EXPECT_EQ(size.value_or(static_cast<uint64_t>(i)), static_cast<uint64_t>(i));
  }
  EXPECT_EQ(known, 100);
}

TEST_F(InstanceCacheTest, EvictsTheLeastRecentlyUsed) {
  options.max_size = 10 * 8192;
  Open();
  for (int i = 0; i < 10; ++i) {
    Put(*cache, InstanceOf(i), BytesOf(i, 8192));
  }
  cache->Flush();
  EXPECT_NE(Get(*cache, InstanceOf(0)), std::nullopt);
  cache->Flush();
  Put(*cache, InstanceOf(10), BytesOf(10, 8192));
  cache->Flush();
  EXPECT_EQ(Get(*cache, InstanceOf(0)), BytesOf(0, 8192));
  EXPECT_EQ(Get(*cache, InstanceOf(1)), std::nullopt);
  EXPECT_EQ(Get(*cache, InstanceOf(10)), BytesOf(10, 8192));
  EXPECT_LE(cache->Status().bytes, options.max_size);
  EXPECT_GE(cache->Status().evicted, 1U);
  EXPECT_EQ(cache->KnownSize("archive", InstanceOf(1)), 8192U);
  EXPECT_THAT(cache->Check(true), IsEmpty());
}

TEST_F(InstanceCacheTest, StaysBelowItsQuotaWhateverComes) {
  options.max_size = 1 << 20;
  Open();
  for (int i = 0; i < 300; ++i) {
    Put(*cache, InstanceOf(i), BytesOf(i, static_cast<size_t>(i * 997 % 50000)));
    if (i % 50 == 0) {
      cache->Flush();
      EXPECT_LE(cache->Status().bytes, options.max_size);
    }
  }
  cache->Flush();
  EXPECT_LE(cache->Status().bytes, options.max_size);
  EXPECT_GT(cache->Status().bytes, options.max_size / 2);
  EXPECT_THAT(FilesIn("staging"), IsEmpty());
  EXPECT_THAT(cache->Check(true), IsEmpty());
}

TEST_F(InstanceCacheTest, ServesButDoesNotKeepWhatIsLargerThanTheCache) {
  options.max_size = 100000;
  Put(Open(), InstanceOf(1), BytesOf(1, 5000));
  cache->Flush();
  const auto bytes = BytesOf(2, 200000);
  for (const bool known_length : {true, false}) {
    auto staged = cache->Stage("archive", InstanceOf(2), known_length ? std::optional(bytes.size()) : std::nullopt);
    staged->Append(std::as_bytes(std::span(bytes)));
    EXPECT_EQ(ReadAll(*staged), bytes);
    staged->Commit();
  }
  EXPECT_EQ(Get(*cache, InstanceOf(2)), std::nullopt);
  EXPECT_EQ(cache->KnownSize("archive", InstanceOf(2)), 200000U);
  cache->Flush();
  EXPECT_THAT(cache->Check(true), IsEmpty());
  EXPECT_THAT(FilesIn("staging"), IsEmpty());
}

TEST_F(InstanceCacheTest, AddsNothingWhenTheDiskMustKeepMoreFree) {
  options.min_free = uint64_t{1} << 60;
  Open();
  try {
    Put(*cache, InstanceOf(1), BytesOf(1, 5000));
    FAIL() << "expected kNoSpace";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kNoSpace);
  }
}

TEST_F(InstanceCacheTest, PutsADamagedFileIntoQuarantine) {
  Put(Open(), InstanceOf(1), BytesOf(1, 5000));
  cache->Flush();
  FlipAByte();
  EXPECT_EQ(Get(*cache, InstanceOf(1)), std::nullopt);
  EXPECT_EQ(cache->Status().quarantined, 1U);
  EXPECT_EQ(cache->Status().bytes, 0U);
  EXPECT_THAT(FilesIn("quarantine"), SizeIs(1));
  Put(*cache, InstanceOf(1), BytesOf(1, 5000));
  cache->Flush();
  EXPECT_EQ(Get(*cache, InstanceOf(1)), BytesOf(1, 5000));
  EXPECT_THAT(cache->Check(true), IsEmpty());
}

TEST_F(InstanceCacheTest, FindsADamagedFileAfterARestart) {
  Put(Open(), InstanceOf(1), BytesOf(1, 5000));
  cache.reset();
  FlipAByte();
  EXPECT_EQ(Get(Open(), InstanceOf(1)), std::nullopt);
}

TEST_F(InstanceCacheTest, FindsATruncatedFile) {
  Put(Open(), InstanceOf(1), BytesOf(1, 5000));
  cache->Flush();
  std::filesystem::resize_file(FilesIn("objects").at(0), 4999);
  EXPECT_THAT(cache->Check(false), SizeIs(1));
  EXPECT_EQ(Get(*cache, InstanceOf(1)), std::nullopt);
  EXPECT_THAT(FilesIn("quarantine"), SizeIs(1));
}

TEST_F(InstanceCacheTest, KeepsTheNewestInQuarantine) {
  Open();
  for (int i = 0; i < 20; ++i) {
    Put(*cache, InstanceOf(i), BytesOf(i, 5000));
    cache->Flush();
    FlipAByte();
    EXPECT_EQ(Get(*cache, InstanceOf(i)), std::nullopt);
  }
  EXPECT_THAT(FilesIn("quarantine"), SizeIs(16));
}

TEST_F(InstanceCacheTest, AFileThatWasTouchedButIsRightIsReadAndTrusted) {
  const auto bytes = BytesOf(1, 3 << 20);
  Put(Open(), InstanceOf(1), bytes);
  cache->Flush();
  const auto file = FilesIn("objects").at(0);
  std::filesystem::last_write_time(file, std::filesystem::file_time_type::clock::now());
  bool needs_verification = false;
  const auto find = [&](InstanceCache::Verify verify) {
    return cache->Find("archive", InstanceOf(1), verify, {}, &needs_verification);
  };
  EXPECT_FALSE(find(InstanceCache::Verify::kOnlyIfCheap));
  EXPECT_TRUE(needs_verification);
  const auto found = find(InstanceCache::Verify::kNow);
  ASSERT_TRUE(found);
  EXPECT_FALSE(needs_verification);
  EXPECT_EQ(ReadAll(*found), bytes);
  EXPECT_TRUE(find(InstanceCache::Verify::kOnlyIfCheap));
  Open();  // and that is remembered
  EXPECT_TRUE(find(InstanceCache::Verify::kOnlyIfCheap));
}

TEST_F(InstanceCacheTest, AnEntryOfAnotherProcessIsCheapWhenNobodyTouchedIt) {
  Put(Open(), InstanceOf(1), BytesOf(1, 3 << 20));
  Open();
  EXPECT_TRUE(cache->Find("archive", InstanceOf(1), InstanceCache::Verify::kOnlyIfCheap));
}

TEST_F(InstanceCacheTest, StopsCheckingWhenTheCallerGivesUp) {
  Put(Open(), InstanceOf(1), BytesOf(1, 3 << 20));
  cache->Flush();
  std::filesystem::last_write_time(FilesIn("objects").at(0), std::filesystem::file_time_type::clock::now());
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THROW(cache->Find("archive", InstanceOf(1), InstanceCache::Verify::kNow, {stop.get_token()}), Error);
  EXPECT_TRUE(Get(*cache, InstanceOf(1)));
}

TEST_F(InstanceCacheTest, DropsTheRecordOfAMissingFile) {
  Put(Open(), InstanceOf(1), BytesOf(1, 5000));
  cache->Flush();
  std::filesystem::remove(FilesIn("objects").at(0));
  EXPECT_EQ(Get(*cache, InstanceOf(1)), std::nullopt);
  cache->Flush();
  EXPECT_EQ(cache->Status().instances, 0U);
  EXPECT_EQ(cache->Status().bytes, 0U);
  EXPECT_THAT(cache->Check(true), IsEmpty());
}

TEST_F(InstanceCacheTest, ClearsEverything) {
  Open();
  for (int i = 0; i < 10; ++i) {
    Put(*cache, InstanceOf(i), BytesOf(i, 5000));
    if (i == 5) {
      cache->Flush();
    }
  }
  cache->Clear();
  cache->Flush();
  cache->WaitForBackground();
  EXPECT_EQ(Get(*cache, InstanceOf(1)), std::nullopt);
  EXPECT_EQ(Get(*cache, InstanceOf(9)), std::nullopt);
  EXPECT_EQ(cache->KnownSize("archive", InstanceOf(1)), std::nullopt);
  EXPECT_EQ(cache->Status().instances, 0U);
  EXPECT_THAT(FilesIn("objects"), IsEmpty());
  EXPECT_THAT(FilesIn("trash"), IsEmpty());
  Put(*cache, InstanceOf(1), BytesOf(3, 500));
  EXPECT_EQ(Get(Open(), InstanceOf(1)), BytesOf(3, 500));
}

TEST_F(InstanceCacheTest, BeginsAnewWhenTheIndexIsLost) {
  Put(Open(), InstanceOf(1), BytesOf(1, 5000));
  cache.reset();
  std::filesystem::remove_all(options.directory / "index");
  EXPECT_EQ(Get(Open(), InstanceOf(1)), std::nullopt);
  cache->WaitForBackground();
  EXPECT_THAT(FilesIn("objects"), IsEmpty());
  EXPECT_THAT(FilesIn("trash"), IsEmpty());
}

TEST_F(InstanceCacheTest, BeginsAnewWhenTheObjectsAreLost) {
  Put(Open(), InstanceOf(1), BytesOf(1, 5000));
  cache.reset();
  std::filesystem::remove_all(options.directory / "objects");
  EXPECT_EQ(Get(Open(), InstanceOf(1)), std::nullopt);
  EXPECT_EQ(cache->Status().bytes, 0U);
}

TEST_F(InstanceCacheTest, GoesOnWhenItsDirectoryIsDeletedUnderIt) {
  Put(Open(), InstanceOf(1), BytesOf(1, 5000));
  cache->Flush();
  std::filesystem::remove_all(options.directory);
  Put(*cache, InstanceOf(2), BytesOf(2, 5000));
  cache->Flush();
  EXPECT_EQ(Get(*cache, InstanceOf(2)), BytesOf(2, 5000));
  EXPECT_EQ(Get(*cache, InstanceOf(1)), std::nullopt);
  cache.reset();
  EXPECT_EQ(Get(Open(), InstanceOf(2)), std::nullopt);
  Put(*cache, InstanceOf(2), BytesOf(2, 5000));
  EXPECT_EQ(Get(Open(), InstanceOf(2)), BytesOf(2, 5000));
}

TEST_F(InstanceCacheTest, TwoCachesShareADirectory) {
  Open();
  InstanceCache other(options, LmdbEnvironment::Open(options.directory));
  Put(*cache, InstanceOf(1), BytesOf(1, 5000));
  cache->Flush();
  EXPECT_EQ(Get(other, InstanceOf(1)), BytesOf(1, 5000));
  other.Remove("archive", InstanceOf(1));
  EXPECT_EQ(Get(*cache, InstanceOf(1)), std::nullopt);
}

TEST_F(InstanceCacheTest, AStagedInstanceOutlivesTheCache) {
  const auto bytes = BytesOf(1, 5000);
  auto staged = Open().Stage("archive", InstanceOf(1), bytes.size());
  cache.reset();
  staged->Append(std::as_bytes(std::span(bytes)));
  EXPECT_EQ(ReadAll(*staged), bytes);
  staged->Commit();
  staged.reset();
  EXPECT_THAT(FilesIn("staging"), IsEmpty());
}

TEST_F(InstanceCacheTest, ManyThreadsPutFindAndRemove) {
  options.max_size = 200 * 8192;
  Open();
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 150; ++i) {
        const int number = (i * 7 + t * 13) % 300;
        if (i % 3 == 0) {
          Put(*cache, InstanceOf(number), BytesOf(number, 6000));
        } else if (i % 17 == 0) {
          cache->Remove("archive", InstanceOf(number));
        } else {
          const auto bytes = Get(*cache, InstanceOf(number));
          wrong += bytes && *bytes != BytesOf(number, 6000);
        }
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(wrong, 0);
  EXPECT_THAT(cache->Check(true), IsEmpty());
  EXPECT_LE(cache->Status().bytes, options.max_size);
}

}  // namespace
}  // namespace trolley
