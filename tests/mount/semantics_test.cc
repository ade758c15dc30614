// mount/SEMANTICS.md and the tests must agree: every promise names a test, and every test that is named exists.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "support/paths.h"

namespace trolley {
namespace {

namespace fs = std::filesystem;

const fs::path kSources = kSourceDirectory;

// The promises of the page: its list items, with the lines that continue them, and the rows of its tables.
std::vector<std::string> Promises() {
  std::vector<std::string> promises;
  std::ifstream page(kSources / "mount/SEMANTICS.md");
  bool continues = false;
  for (std::string line; std::getline(page, line);) {
    const bool is_row = line.starts_with("| `");
    if (line.starts_with("- ") || is_row) {
      promises.push_back(line);
    } else if (continues && line.starts_with("  ")) {
      promises.back() += line;
    }
    continues = line.starts_with("- ") || (continues && line.starts_with("  "));
  }
  return promises;
}

std::vector<std::string> TestsNamedIn(const std::string& promise) {
  static const std::regex name(R"(`([A-Za-z0-9]+Test\.[A-Za-z0-9]+)`)");
  std::vector<std::string> names;
  for (std::sregex_iterator at(promise.begin(), promise.end(), name); at != std::sregex_iterator(); ++at) {
    names.push_back((*at)[1]);
  }
  return names;
}

std::set<std::string> ExistingTests() {
  static const std::regex test(R"(^(?:TYPED_)?TEST(?:_F|_P)?\(([A-Za-z0-9]+), ([A-Za-z0-9]+)\))");
  std::set<std::string> tests;
  for (const auto& entry : fs::recursive_directory_iterator(kSources / "tests")) {
    if (entry.path().extension() != ".cc") {
      continue;
    }
    std::ifstream source(entry.path());
    for (std::string line; std::getline(source, line);) {
      if (std::smatch match; std::regex_search(line, match, test)) {
        tests.insert(match[1].str() + "." + match[2].str());
      }
    }
  }
  return tests;
}

TEST(SemanticsTest, EveryPromiseNamesATest) {
  EXPECT_GT(Promises().size(), 50u);
  for (const std::string& promise : Promises()) {
    EXPECT_FALSE(TestsNamedIn(promise).empty()) << promise;
  }
}

TEST(SemanticsTest, EveryNamedTestExists) {
  const std::set<std::string> existing = ExistingTests();
  for (const std::string& promise : Promises()) {
    for (const std::string& name : TestsNamedIn(promise)) {
      EXPECT_TRUE(existing.contains(name)) << name << " is named by: " << promise;
    }
  }
}

}  // namespace
}  // namespace trolley
