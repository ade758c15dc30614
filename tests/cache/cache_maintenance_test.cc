#include <sys/stat.h>

#include <fstream>

#include "cache/blob_store.h"
#include "cache_fixture.h"

namespace trolley {
namespace {

using std::chrono::system_clock;
using testing::HasSubstr;
using testing::IsEmpty;

class MaintenanceTest : public CacheFixture {
 protected:
  MaintenanceTest() { Open(); }

  void PutSome(int count, std::string_view archive = "archive", int seed = 0, size_t size = 10000) {
    for (int i = 1; i <= count; ++i) {
      Put(*cache, InstanceOf(i), BytesOf(seed + i, size), archive);
    }
    cache->Flush();
  }
  int CountKnown(int count, std::string_view archive = "archive") {
    int known = 0;
    for (int i = 1; i <= count; ++i) {
      known += cache->Contains(archive, InstanceOf(i)) ? 1 : 0;
    }
    return known;
  }
  void ExpectSound() { EXPECT_THAT(cache->Check(true), IsEmpty()); }
};

TEST_F(MaintenanceTest, CountsAnArchivesShare) {
  PutSome(3);
  PutSome(2, "other", 100);
  PutSome(1, "archive2", 200);
  EXPECT_EQ(cache->ShareOf("archive").instances, 3U);
  EXPECT_EQ(cache->ShareOf("archive").bytes, 30000U);
  EXPECT_EQ(cache->ShareOf("other").instances, 2U);
  EXPECT_EQ(cache->ShareOf("nobody").instances, 0U);
}

TEST_F(MaintenanceTest, TrimsToASize) {
  PutSome(10);
  const uint64_t before = cache->Status().bytes;
  EXPECT_EQ(cache->TrimToSize(before).instances, 0U);
  const InstanceCacheShare dropped = cache->TrimToSize(before / 2);
  EXPECT_EQ(dropped.instances, 5U);
  EXPECT_EQ(cache->Status().bytes, before - dropped.bytes);
  EXPECT_FALSE(cache->Contains("archive", InstanceOf(1)));
  EXPECT_TRUE(cache->Contains("archive", InstanceOf(10)));
  EXPECT_EQ(FilesIn("objects").size(), 5U);
  EXPECT_EQ(cache->TrimToSize(0).instances, 5U);
  EXPECT_THAT(FilesIn("objects"), IsEmpty());
  ExpectSound();
}

TEST_F(MaintenanceTest, TrimsWhatWasNotUsedForLong) {
  PutSome(1100, "archive", 0, 4);  // more than are dropped at a time
  const auto middle = system_clock::now();
  PutSome(2, "archive", 0, 4);  // used anew
  Put(*cache, InstanceOf(2000), BytesOf(2000, 10));
  cache->Flush();
  EXPECT_EQ(cache->TrimUnusedSince(system_clock::time_point(std::chrono::seconds(-1))).instances, 0U);
  EXPECT_EQ(cache->TrimUnusedSince(middle).instances, 1098U);
  EXPECT_EQ(CountKnown(2), 2);
  EXPECT_TRUE(cache->Contains("archive", InstanceOf(2000)));
  EXPECT_TRUE(cache->KnownSize("archive", InstanceOf(1000)));
  ExpectSound();
}

TEST_F(MaintenanceTest, RemovesOneArchive) {
  PutSome(3);
  PutSome(3, "other");  // the same bytes: the files are shared
  PutSome(1, "other", 50);
  EXPECT_EQ(cache->RemoveArchive("archive").instances, 3U);
  EXPECT_EQ(CountKnown(3), 0);
  EXPECT_EQ(CountKnown(3, "other"), 3);
  EXPECT_FALSE(cache->KnownSize("archive", InstanceOf(1)));
  EXPECT_EQ(Get(*cache, InstanceOf(2), "other"), BytesOf(2, 10000));
  ExpectSound();
}

TEST_F(MaintenanceTest, WhatIsOpenStaysReadable) {
  PutSome(1);
  const auto open = cache->Find("archive", InstanceOf(1), InstanceCache::Verify::kNow);
  ASSERT_TRUE(open);
  InstanceCache another(options, LmdbEnvironment::Open(options.directory));
  another.RemoveArchive("archive");
  EXPECT_FALSE(cache->Contains("archive", InstanceOf(1)));
  EXPECT_EQ(ReadAll(*open), BytesOf(1, 10000));
}

TEST_F(MaintenanceTest, RepairsWhatIsWrong) {
  PutSome(3);
  const auto files = FilesIn("objects");
  ASSERT_EQ(files.size(), 3U);
  {
    std::fstream file(files[0], std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(5000);
    file.put('\x55');
    file.seekp(5001);
    file.put('\x56');
  }
  std::filesystem::remove(files[1]);
  std::ofstream(files[2].parent_path() / "stranger") << "x";
  const auto problems = cache->Repair();
  EXPECT_EQ(problems.size(), 3U);
  EXPECT_THAT(problems, testing::Contains(HasSubstr("checksum differs")));
  EXPECT_THAT(problems, testing::Contains(HasSubstr("cannot open")));
  EXPECT_THAT(problems, testing::Contains(HasSubstr("stranger")));
  EXPECT_EQ(FilesIn("quarantine").size(), 1U);
  EXPECT_EQ(CountKnown(3), 1);
  EXPECT_THAT(cache->Repair(), IsEmpty());
  ExpectSound();
}

TEST_F(MaintenanceTest, StoppedWorkSaysSo) {
  PutSome(3);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THROW(cache->Repair({stop.get_token()}), Error);
  EXPECT_THROW(cache->RemoveArchive("archive", {stop.get_token()}), Error);
  EXPECT_EQ(CountKnown(3), 3);
}

TEST_F(MaintenanceTest, ClearsAStoreOfOneArchiveOrOfAll) {
  const auto lmdb = LmdbEnvironment::Open(options.directory);
  BlobStore one(lmdb, "answers", "one", 1 << 20);
  BlobStore two(lmdb, "answers", "two", 1 << 20);
  BlobStore three(lmdb, "answers", "three", 1 << 20);
  for (BlobStore* store : {&one, &two, &three}) {
    store->Save("a", "1");
    store->Save("b", "2");
  }
  one.Clear();
  EXPECT_TRUE(one.empty());
  EXPECT_EQ(two.Load("b"), "2");
  one.Save("a", "3");
  EXPECT_EQ(one.Load("a"), "3");
  BlobStore::ClearTable(*lmdb, "answers");
  EXPECT_TRUE(one.empty());
  EXPECT_TRUE(two.empty());
  EXPECT_TRUE(three.empty());
}

}  // namespace
}  // namespace trolley
