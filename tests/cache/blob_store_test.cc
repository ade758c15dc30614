#include "cache/blob_store.h"

#include "cache_fixture.h"

namespace trolley {
namespace {

using ::testing::Pair;
using ::testing::UnorderedElementsAre;

class BlobStoreTest : public ::testing::Test {
 protected:
  BlobStore Open(const char* archive = "archive", uint64_t max_bytes = 1 << 20) {
    return BlobStore(LmdbEnvironment::Open(directory.path()), "blobs", archive, max_bytes);
  }
  static std::vector<std::pair<std::string, std::string>> All(const BlobStore& store) {
    std::vector<std::pair<std::string, std::string>> all;
    store.ForEach([&](std::string_view key, std::string_view value) { all.emplace_back(key, value); });
    return all;
  }

  TempDirectory directory;
};

TEST_F(BlobStoreTest, GivesBackWhatWasSaved) {
  {
    BlobStore store = Open();
    EXPECT_TRUE(store.empty());
    store.Save("key", "value");
    store.Save("key", "another");
    store.Save("", std::string("\0\1", 2));
    store.Save(std::string(5000, 'k'), std::string(300000, 'v'));
  }
  const BlobStore store = Open();
  EXPECT_FALSE(store.empty());
  EXPECT_EQ(store.Load("key"), "another");
  EXPECT_EQ(store.Load(""), std::string("\0\1", 2));
  EXPECT_EQ(store.Load(std::string(5000, 'k')), std::string(300000, 'v'));
  EXPECT_EQ(store.Load("other"), std::nullopt);
}

TEST_F(BlobStoreTest, ArchivesDoNotSeeEachOther) {
  BlobStore one = Open("one");
  const BlobStore two = Open("two");
  one.Save("key", "value");
  EXPECT_EQ(two.Load("key"), std::nullopt);
  EXPECT_TRUE(two.empty());
  EXPECT_THAT(All(two), UnorderedElementsAre());
  EXPECT_THAT(All(one), UnorderedElementsAre(Pair("key", "value")));
}

TEST_F(BlobStoreTest, AppliesManyChangesAtOnce) {
  BlobStore store = Open();
  store.Apply({{"a", "1"}, {"b", "2"}, {"c", "3"}}, {});
  store.Apply({{"b", "two"}, {"d", "4"}}, {"a", "not there"});
  EXPECT_THAT(All(store), UnorderedElementsAre(Pair("b", "two"), Pair("c", "3"), Pair("d", "4")));
  store.Remove("c");
  EXPECT_EQ(store.Load("c"), std::nullopt);
}

TEST_F(BlobStoreTest, DropsWhatWasWrittenLongestAgo) {
  BlobStore store = Open("archive", 10000);
  BlobStore other = Open("other", 10000);
  other.Save("0", std::string(1000, 'o'));
  for (int i = 0; i < 20; ++i) {
    store.Save(std::to_string(i), std::string(1000, 'v'));
    if (i == 5) {
      store.Save("0", std::string(1000, 'n'));  // written anew: younger than 1
    }
  }
  EXPECT_EQ(store.Load("0"), std::nullopt);
  EXPECT_EQ(store.Load("11"), std::nullopt);
  EXPECT_EQ(store.Load("19"), std::string(1000, 'v'));
  uint64_t bytes = 0;
  for (const auto& [key, value] : All(store)) {
    bytes += value.size();
  }
  EXPECT_GE(bytes, 8000U);
  EXPECT_LE(bytes, 10000U);
  EXPECT_EQ(other.Load("0"), std::string(1000, 'o'));
}

TEST_F(BlobStoreTest, DoesNotKeepWhatIsLargerThanItself) {
  BlobStore store = Open("archive", 10000);
  store.Save("small", "value");
  store.Save("key", "old");
  store.Save("key", std::string(20000, 'v'));
  EXPECT_EQ(store.Load("key"), std::nullopt);
  EXPECT_EQ(store.Load("small"), "value");
}

}  // namespace
}  // namespace trolley
