#include "base/index_set.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

namespace trolley {
namespace {

TEST(IndexSetTest, FindsWhatIsThereAlready) {
  std::vector<std::string> texts;
  IndexSet set;
  const auto hash_of = [&](uint32_t index) { return std::hash<std::string>()(texts[index]); };
  for (uint32_t i = 0; i < 20000; ++i) {
    texts.push_back("1.2.3." + std::to_string(i % 5000));
    const auto equals = [&](uint32_t other) { return texts[other] == texts[i]; };
    const auto [index, is_new] = set.Insert(i, hash_of(i), equals, hash_of);
    ASSERT_EQ(is_new, i < 5000);
    ASSERT_EQ(index, i % 5000);
  }
  EXPECT_EQ(set.size(), 5000u);
}

TEST(IndexSetTest, StandsEqualHashes) {
  IndexSet set;
  for (uint32_t i = 0; i < 200; ++i) {
    const auto [index, is_new] = set.Insert(
        i, 7, [&](uint32_t other) { return other == i - 100; }, [](uint32_t) { return size_t{7}; });
    ASSERT_EQ(is_new, i < 100);
    ASSERT_EQ(index, i % 100);
  }
}

}  // namespace
}  // namespace trolley
