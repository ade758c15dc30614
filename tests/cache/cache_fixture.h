#ifndef TROLLEY_TESTS_CACHE_CACHE_FIXTURE_H_
#define TROLLEY_TESTS_CACHE_CACHE_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cache/instance_cache.h"
#include "cache/lmdb_environment.h"
#include "support/temp_directory.h"
#include "trolley/error.h"

namespace trolley {

inline InstanceReference InstanceOf(int number, int series = 1) {
  return {Uid("1.2.3"), Uid("1.2.3." + std::to_string(series)), Uid("1.2.3.4." + std::to_string(number))};
}

// Bytes that are different for each seed, and the same each time.
inline std::string BytesOf(int seed, size_t size) {
  std::string bytes(size, '\0');
  uint32_t state = static_cast<uint32_t>(seed) * 2654435761U + 1;
  for (char& byte : bytes) {
    state = state * 1664525U + 1013904223U;
    byte = static_cast<char>(state >> 24);
  }
  return bytes;
}

inline std::string ReadAll(int fd, uint64_t size) {
  std::string bytes(size, '\0');
  size_t done = 0;
  while (done < size) {
    const ssize_t got = ::pread(fd, bytes.data() + done, size - done, static_cast<off_t>(done));
    if (got <= 0) {
      break;
    }
    done += static_cast<size_t>(got);
  }
  bytes.resize(done);
  return bytes;
}

inline std::string ReadAll(const CachedInstance& found) {
  return found.bytes != nullptr ? *found.bytes : ReadAll(found.fd.get(), found.size);
}
inline std::string ReadAll(const StagedInstance& staged) {
  return staged.bytes() != nullptr ? *staged.bytes() : ReadAll(staged.fd(), staged.size());
}

inline void Put(InstanceCache& cache, const InstanceReference& instance, const std::string& bytes,
                std::string_view archive = "archive") {
  const auto staged = cache.Stage(archive, instance, bytes.size());
  staged->Append(std::as_bytes(std::span(bytes)));
  staged->Commit();
}

inline std::optional<std::string> Get(InstanceCache& cache, const InstanceReference& instance,
                                      std::string_view archive = "archive") {
  const auto found = cache.Find(archive, instance, InstanceCache::Verify::kNow);
  return found ? std::optional(ReadAll(*found)) : std::nullopt;
}

class CacheFixture : public ::testing::Test {
 protected:
  CacheFixture() {
    options.directory = directory.path() / "cache";
    options.min_free = 0;
    options.touch_interval = std::chrono::milliseconds(0);
  }

  InstanceCache& Open() {
    cache.reset();
    cache = std::make_unique<InstanceCache>(options, LmdbEnvironment::Open(options.directory));
    return *cache;
  }
  std::vector<std::filesystem::path> FilesIn(const char* folder) const {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(options.directory / folder)) {
      if (entry.is_regular_file() && entry.path().filename() != "id") {
        files.push_back(entry.path());
      }
    }
    return files;
  }

  TempDirectory directory;
  InstanceCacheOptions options;
  std::unique_ptr<InstanceCache> cache;
};

}  // namespace trolley

#endif  // TROLLEY_TESTS_CACHE_CACHE_FIXTURE_H_
