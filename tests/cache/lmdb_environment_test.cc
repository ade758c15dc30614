#include "cache/lmdb_environment.h"

#include <sys/wait.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "cache_fixture.h"

namespace trolley {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class LmdbEnvironmentTest : public ::testing::Test {
 protected:
  LmdbEnvironment& Open(LmdbOptions options = {}) {
    lmdb.reset();
    lmdb = LmdbEnvironment::Open(directory.path(), options);
    table = lmdb->Table("table");
    return *lmdb;
  }
  void Put(const std::string& key, const std::string& value) {
    lmdb->Write([&](LmdbTransaction& transaction) { transaction.Put(table, key, value); });
  }
  std::optional<std::string> Get(const std::string& key) const {
    std::optional<std::string> value;
    lmdb->Read([&](const LmdbTransaction& transaction) { value = transaction.Get(table, key); });
    return value;
  }
  std::filesystem::path IndexFile() const { return directory.path() / "index" / "data.mdb"; }

  TempDirectory directory;
  std::shared_ptr<LmdbEnvironment> lmdb;
  LmdbTable table;
};

TEST_F(LmdbEnvironmentTest, KeepsWhatWasWritten) {
  Open();
  Put("key", "value");
  Open();
  EXPECT_EQ(Get("key"), "value");
  EXPECT_EQ(Get("other"), std::nullopt);
}

TEST_F(LmdbEnvironmentTest, AbortsATransactionThatThrows) {
  Open();
  const auto throws = [&](LmdbTransaction& transaction) {
    transaction.Put(table, "key", "value");
    throw std::runtime_error("no");
  };
  EXPECT_THROW(lmdb->Write(throws), std::runtime_error);
  EXPECT_EQ(Get("key"), std::nullopt);
  Put("key", "2");
  EXPECT_EQ(Get("key"), "2");
}

TEST_F(LmdbEnvironmentTest, VisitsKeysInOrderFromAKeyOn) {
  Open();
  for (const char* key : {"c", "a", "d", "b"}) {
    Put(key, key);
  }
  std::vector<std::string> keys;
  lmdb->Read([&](const LmdbTransaction& transaction) {
    transaction.ForEach(table, "b", [&](std::string_view key, std::string_view) {
      keys.emplace_back(key);
      return key != "c";
    });
  });
  EXPECT_THAT(keys, ElementsAre("b", "c"));
}

TEST_F(LmdbEnvironmentTest, AKeyThatIsTooLongIsAnErrorNotACrash) {
  Open();
  for (const size_t size : {0u, 512u, 100000u}) {
    try {
      Put(std::string(size, 'k'), "value");
      FAIL() << size;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kStorage);
      EXPECT_THAT(error.what(), HasSubstr("Cannot write the cache index"));
    }
  }
}

TEST_F(LmdbEnvironmentTest, OneDirectoryIsOpenedOnce) {
  Open();
  EXPECT_EQ(LmdbEnvironment::Open(directory.path() / "."), lmdb);
}

TEST_F(LmdbEnvironmentTest, OpensAndClosesFromManyThreads) {
  std::vector<std::thread> threads;
  std::atomic<int> written{0};
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 10; ++i) {
        const auto own = LmdbEnvironment::Open(directory.path());
        const LmdbTable its_table = own->Table("table");
        own->Write(
            [&](LmdbTransaction& transaction) { transaction.Put(its_table, std::to_string(t * 1000 + i), "x"); });
        ++written;
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  Open();
  uint64_t count = 0;
  lmdb->Read([&](const LmdbTransaction& transaction) { count = transaction.Count(table); });
  EXPECT_EQ(count, 80U);
}

TEST_F(LmdbEnvironmentTest, ManyThreadsReadWhileOneWrites) {
  Open();
  Put("a", "0");
  Put("b", "0");
  std::atomic<bool> end{false};
  std::atomic<int> torn{0};
  std::vector<std::thread> readers;
  for (int t = 0; t < 6; ++t) {
    readers.emplace_back([&] {
      while (!end) {
        lmdb->Read([&](const LmdbTransaction& transaction) {
          torn += transaction.Get(table, "a") != transaction.Get(table, "b");
        });
      }
    });
  }
  for (int i = 1; i < 50; ++i) {
    lmdb->Write([&](LmdbTransaction& transaction) {
      transaction.Put(table, "a", std::to_string(i));
      transaction.Put(table, "b", std::to_string(i));
    });
  }
  end = true;
  for (std::thread& reader : readers) {
    reader.join();
  }
  EXPECT_EQ(torn, 0);
}

TEST_F(LmdbEnvironmentTest, MoreReadersThanSlotsWait) {
  Open();
  Put("key", "value");
  std::atomic<int> right{0};
  std::vector<std::thread> readers;
  for (int t = 0; t < 300; ++t) {
    readers.emplace_back([&] {
      lmdb->Read([&](const LmdbTransaction& transaction) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        right += transaction.Get(table, "key") == "value";
      });
    });
  }
  for (std::thread& reader : readers) {
    reader.join();
  }
  EXPECT_EQ(right, 300);
}

TEST_F(LmdbEnvironmentTest, AnIndexThatIsNoneIsMadeAnew) {
  std::filesystem::create_directories(directory.path() / "index");
  WriteFile(IndexFile(), std::string(100000, 'x'));
  Open();
  Put("key", "value");
  EXPECT_EQ(Get("key"), "value");
  EXPECT_TRUE(std::filesystem::exists(directory.path() / "index.damaged"));
}

TEST_F(LmdbEnvironmentTest, AnIndexOfAnotherFormatIsMadeAnew) {
  Open();
  Put("key", "value");
  const LmdbTable format = lmdb->Table("format");
  lmdb->Write([&](LmdbTransaction& transaction) { transaction.Put(format, "format", "trolleyfs cache index 99"); });
  Open();
  EXPECT_EQ(Get("key"), std::nullopt);
}

// Whatever was done to the file: an error at most, then a new index; in a child, since LMDB may abort.
TEST_F(LmdbEnvironmentTest, SurvivesAnIndexThatWasCutShort) {
  for (const double part : {0.0, 0.001, 0.3, 0.9}) {
    Open();
    for (int i = 0; i < 300; ++i) {
      Put("key" + std::to_string(i), std::string(500, 'v'));
    }
    lmdb.reset();
    std::filesystem::resize_file(
        IndexFile(), static_cast<uintmax_t>(static_cast<double>(std::filesystem::file_size(IndexFile())) * part));
    for (int start = 0; start < 2; ++start) {
      const pid_t child = ::fork();
      if (child == 0) {
        try {
          Open();
          for (int i = 0; i < 300; ++i) {
            const auto value = Get("key" + std::to_string(i));
            if (value && *value != std::string(500, 'v')) {
              ::_exit(2);  // wrong bytes
            }
          }
          Put("key", "value");
          ::_exit(Get("key") == "value" ? 0 : 3);
        } catch (const Error&) {
          ::_exit(1);
        }
      }
      int status = 0;
      ::waitpid(child, &status, 0);
      ASSERT_TRUE(WIFEXITED(status)) << part << " " << status;
      EXPECT_LE(WEXITSTATUS(status), start == 0 ? 1 : 0) << part;  // the second start works in any case
    }
  }
}

TEST_F(LmdbEnvironmentTest, AFullIndexEmptiesWhatMayBeSacrificed) {
  Open({.map_size = 4 << 20});
  const LmdbTable results = lmdb->Table("results");
  lmdb->Sacrifice(results);
  for (int i = 0; i < 30; ++i) {
    lmdb->Write(
        [&](LmdbTransaction& transaction) { transaction.Put(results, std::to_string(i), std::string(100000, 'r')); });
  }
  for (int i = 0; i < 20; ++i) {
    Put(std::to_string(i), std::string(100000, 'v'));
  }
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(Get(std::to_string(i)), std::string(100000, 'v'));
  }
  std::optional<std::string> sacrificed;
  lmdb->Read([&](const LmdbTransaction& transaction) { sacrificed = transaction.Get(results, "0"); });
  EXPECT_EQ(sacrificed, std::nullopt);
}

TEST_F(LmdbEnvironmentTest, AFullIndexIsAnErrorAndStaysUsable) {
  Open({.map_size = 4 << 20});
  Put("key", "value");
  try {
    Put("big", std::string(100 << 20, 'v'));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kNoSpace);
  }
  EXPECT_EQ(Get("key"), "value");
  Put("key", "2");
  EXPECT_EQ(Get("key"), "2");
}

TEST_F(LmdbEnvironmentTest, FollowsWhenAnotherProcessEnlargesTheIndex) {
  Open({.map_size = 4 << 20});
  Put("key", "value");
  const pid_t child = ::fork();
  if (child == 0) {
    try {
      const auto own = LmdbEnvironment::Open(directory.path(), {.map_size = 64 << 20});
      const LmdbTable its_table = own->Table("table");
      own->Write([&](LmdbTransaction& transaction) {
        for (int i = 0; i < 100; ++i) {
          transaction.Put(its_table, std::to_string(i), std::string(200000, 'v'));
        }
      });
      ::_exit(0);
    } catch (const std::exception&) {
      ::_exit(1);
    }
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_EQ(status, 0);
  EXPECT_EQ(Get("99"), std::string(200000, 'v'));
  Put("100", "more");
  EXPECT_EQ(Get("100"), "more");
}

TEST_F(LmdbEnvironmentTest, ADirectoryThatCannotBeMadeIsAnError) {
  WriteFile(directory.path() / "file", "x");
  try {
    LmdbEnvironment::Open(directory.path() / "file" / "cache");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kStorage);
  }
}

}  // namespace
}  // namespace trolley
