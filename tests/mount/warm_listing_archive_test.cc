// The cost of listing without a query: few requests of the kernel, however many files there are.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/xattr.h>

#include <algorithm>
#include <cerrno>

#include "mount/fake_archive.h"
#include "support/mounted.h"

namespace trolley {
namespace {

class WarmListingTest : public testing::Test {
 protected:
  int ErrnoOf(const char* attribute) const {
    char value[64];
    const auto file = mount_.path() / archive_.File(1);
    return getxattr(file.c_str(), attribute, value, sizeof value) < 0 ? errno : 0;
  }

  FakeArchive archive_{202};
  TempDirectory cache_;
  Mounted mount_{archive_.Url(), cache_.path()};
};

TEST_F(WarmListingTest, SendsNoQueryForEachFile) {
  const std::vector<std::string> list{"ls", "-l", (mount_.path() / archive_.Directory()).string()};
  ASSERT_EQ(RunProgram(list).exit_code, 0);
  const auto before = mount_.CountReads();
  const RunResult ls = RunProgram(list);
  ASSERT_EQ(std::count(ls.out.begin(), ls.out.end(), '\n'), 203) << ls.out;
  EXPECT_LT(mount_.ReadsSince(before).calls, 30U);
}

TEST_F(WarmListingTest, DistinguishesAttributesThatNoFileHasFromThoseThatThisOneHasNot) {
  EXPECT_EQ(ErrnoOf("security.selinux"), EOPNOTSUPP);
  EXPECT_EQ(ErrnoOf("system.posix_acl_access"), EOPNOTSUPP);
  EXPECT_EQ(ErrnoOf("user.other"), ENODATA);
  EXPECT_EQ(ErrnoOf("user.trolleyfs.size"), 0);
}

}  // namespace
}  // namespace trolley
