#include "trolley/version.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

#include "base/text.h"
#include "support/paths.h"

namespace trolley {
namespace {

TEST(VersionTest, TheHeadersSayWhatTheBuildSays) {
  std::ifstream in(std::string(kSourceDirectory) + "/CMakeLists.txt");
  const std::string build((std::istreambuf_iterator<char>(in)), {});
  const std::string version =
      StrCat("VERSION ", TROLLEY_VERSION_MAJOR, ".", TROLLEY_VERSION_MINOR, ".", TROLLEY_VERSION_PATCH, " ");
  EXPECT_NE(build.find(version), std::string::npos) << version;
}

}  // namespace
}  // namespace trolley
