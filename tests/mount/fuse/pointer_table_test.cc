#include "mount/fuse/pointer_table.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <memory>
#include <random>

namespace trolley {
namespace {

struct Thing {
  uint64_t key = 0;
};

// Few different hashes, so that things stand in each other's way.
uint64_t HashOf(const Thing& thing) {
  return thing.key % 50;
}

TEST(PointerTableTest, AgreesWithAMapWhateverIsDone) {
  PointerTable<Thing> table;
  std::map<uint64_t, std::unique_ptr<Thing>> expected;
  std::mt19937 random(3);
  for (int step = 0; step < 50000; ++step) {
    const uint64_t key = random() % 400;
    Thing* found = table.Find(key % 50, [key](const Thing& thing) { return thing.key == key; });
    const auto known = expected.find(key);
    ASSERT_EQ(found, known == expected.end() ? nullptr : known->second.get()) << step;
    if (found == nullptr) {
      auto thing = std::make_unique<Thing>(Thing{key});
      table.Insert(thing.get(), HashOf(*thing), HashOf);
      expected[key] = std::move(thing);
    } else if (random() % 3 != 0) {
      table.Erase(found, HashOf(*found), HashOf);
      expected.erase(known);
    }
    ASSERT_EQ(table.size(), expected.size());
  }
  size_t visited = 0;
  table.ForEach([&](const Thing& thing) { visited += expected.contains(thing.key) ? 1 : 1000000; });
  EXPECT_EQ(visited, expected.size());
}

}  // namespace
}  // namespace trolley
