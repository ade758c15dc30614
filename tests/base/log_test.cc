#include "trolley/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>
#include <utility>
#include <vector>

#include "base/text.h"
#include "trolley/error.h"

namespace trolley {
namespace {

using std::string_view_literals::operator""sv;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class LogTest : public testing::Test {
 protected:
  LogTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "log_test.XXXXXX").string();
    directory_ = mkdtemp(pattern.data());
  }
  ~LogTest() override {
    ConfigureLog({.level = LogLevel::kWarning, .show_patient_data = false, .file = ""});
    std::filesystem::remove_all(directory_);
  }
  void Configure(LogLevel level, bool show_patient_data = false) {
    ConfigureLog({.level = level, .show_patient_data = show_patient_data, .file = file()});
  }
  std::string file() const { return (directory_ / "log").string(); }
  std::string Written() const {
    std::ifstream in(file());
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
  }
  size_t LinesWritten() const {
    const std::string text = Written();
    return static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
  }

  std::filesystem::path directory_;
};

TEST_F(LogTest, WritesWhatReachesTheLevel) {
  Configure(LogLevel::kInfo);
  LogDebug("level debug");
  LogInfo("level info");
  LogWarning("level warning");
  LogError("level error");
  EXPECT_THAT(Written(), AllOf(Not(HasSubstr("level debug")), HasSubstr("info: level info\n"),
                               HasSubstr("warning: level warning\n"), HasSubstr("error: level error\n")));
}

TEST_F(LogTest, OffWritesNothingButProblemsAreRemembered) {
  Configure(LogLevel::kOff);
  LogError("unseen but remembered");
  EXPECT_THAT(Written(), IsEmpty());
  EXPECT_THAT(RecentProblems().back(), EndsWith("error: unseen but remembered"));
}

TEST_F(LogTest, EscapesWhatCouldFakeALineOrDriveATerminal) {
  Configure(LogLevel::kInfo);
  LogInfo("a\nb\rc\td\0e\x1b[31m\x7f"sv);
  EXPECT_THAT(Written(), HasSubstr("info: a\\nb\\rc\\td\\x00e\\x1b[31m\\x7f\n"));
  LogInfo("c1 \xC2\x9B bidi \xE2\x80\xAE separator \xE2\x80\xA8 bad \xFF\xE5\xB1 good \xE5\xB1\xB1 \xC3\xA4");
  EXPECT_THAT(Written(), HasSubstr("c1 \\xc2\\x9b bidi \\xe2\\x80\\xae separator \\xe2\\x80\\xa8 bad \\xff\\xe5\\xb1 "
                                   "good \xE5\xB1\xB1 \xC3\xA4\n"));
  EXPECT_EQ(LinesWritten(), 2U);
}

TEST_F(LogTest, BracesAreNoFormat) {
  Configure(LogLevel::kInfo);
  LogInfo("{} {0} {:x} %v %n");
  EXPECT_THAT(Written(), HasSubstr("{} {0} {:x} %v %n\n"));
}

TEST_F(LogTest, CutsAnEndlessMessage) {
  Configure(LogLevel::kInfo);
  LogInfo(std::string(10'000'000, 'x'));
  EXPECT_LT(Written().size(), 10'000U);
}

TEST_F(LogTest, EqualWarningsWithinASecondAreWrittenOnceWithACount) {
  Configure(LogLevel::kInfo);
  for (int i = 0; i < 1000; ++i) {
    LogWarning("the same again");
    LogWarning("and another");
  }
  // 2000 calls may take longer than a second on a loaded machine, but never nearly as many seconds as calls.
  EXPECT_LT(LinesWritten(), 200U);
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  LogWarning("something else");
  EXPECT_THAT(Written(), AllOf(HasSubstr("the same again ("), HasSubstr(" more times)\n")));
}

TEST_F(LogTest, EqualLinesOfInformationAreAllWritten) {
  Configure(LogLevel::kInfo);
  LogInfo("twice");
  LogInfo("twice");
  EXPECT_EQ(LinesWritten(), 2U);
}

TEST_F(LogTest, SensitiveHidesUnlessAsked) {
  Configure(LogLevel::kInfo);
  EXPECT_EQ(Sensitive("DOE^JANE"), "<redacted>");
  Configure(LogLevel::kInfo, true);
  EXPECT_EQ(Sensitive("DOE^JANE"), "DOE^JANE");
}

TEST_F(LogTest, RemembersTheLatestProblemsOnly) {
  Configure(LogLevel::kError);
  for (int i = 0; i < 500; ++i) {
    LogWarning(StrCat("problem ", i));
  }
  const std::vector<std::string> problems = RecentProblems();
  ASSERT_EQ(problems.size(), 200U);
  EXPECT_THAT(problems.front(), EndsWith("warning: problem 300"));
  EXPECT_THAT(problems.back(), EndsWith("warning: problem 499"));
}

TEST_F(LogTest, RepeatedProblemsTakeOneLineWithTheirCount) {
  Configure(LogLevel::kError);
  for (int i = 0; i < 3; ++i) {
    LogError("thrice");
  }
  EXPECT_THAT(RecentProblems().back(), EndsWith("error: thrice (3 times)"));
}

TEST_F(LogTest, TheFileIsForItsOwnerOnlyAndIsAppendedTo) {
  Configure(LogLevel::kInfo);
  LogInfo("first");
  Configure(LogLevel::kInfo);
  LogInfo("second");
  struct stat status {};
  ASSERT_EQ(stat(file().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  EXPECT_THAT(Written(), AllOf(HasSubstr("first\n"), HasSubstr("second\n")));
}

TEST_F(LogTest, AnUnusableFileIsAnErrorAndLeavesTheLogAsItWas) {
  Configure(LogLevel::kInfo);
  try {
    ConfigureLog({.level = LogLevel::kInfo, .show_patient_data = false, .file = (directory_ / "no" / "log").string()});
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kStorage);
    EXPECT_THAT(error.what(), HasSubstr("Cannot open the log file"));
  }
  LogInfo("still here");
  EXPECT_THAT(Written(), HasSubstr("still here"));
}

TEST_F(LogTest, WritesFromManyThreadsStayWholeLines) {
  Configure(LogLevel::kInfo);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([i] {
      for (int line = 0; line < 250; ++line) {
        Log(line % 2 == 0 ? LogLevel::kInfo : LogLevel::kWarning, StrCat("thread ", i, " line ", line, " end"));
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  size_t whole = 0;  // other tests' repeated warnings may be reported between these lines
  const std::string text = Written();
  for (const std::string_view line : Split(text, '\n')) {
    whole += line.find(": thread ") != std::string_view::npos && line.ends_with(" end") ? 1U : 0U;
  }
  EXPECT_EQ(whole, 1000U);
}

TEST_F(LogTest, LevelsParseByName) {
  EXPECT_EQ(ParseLogLevel("debug"), LogLevel::kDebug);
  EXPECT_EQ(ParseLogLevel("INFO"), LogLevel::kInfo);
  EXPECT_EQ(ParseLogLevel("warning"), LogLevel::kWarning);
  EXPECT_EQ(ParseLogLevel("error"), LogLevel::kError);
  EXPECT_EQ(ParseLogLevel("off"), LogLevel::kOff);
  for (const char* bad : {"", "warn", "verbose", "1"}) {
    EXPECT_THROW(ParseLogLevel(bad), Error) << bad;
  }
}

TEST_F(LogTest, AProgramsOwnSinkTakesTheLines) {
  std::vector<std::pair<LogLevel, std::string>> lines;
  ConfigureLog({.level = LogLevel::kInfo,
                .sink = [&lines](LogLevel level, std::string_view message) { lines.emplace_back(level, message); }});
  LogDebug("below the level");
  LogInfo("first");
  LogWarning("second\nline");
  ConfigureLog({.level = LogLevel::kWarning});
  EXPECT_THAT(lines, testing::ElementsAre(testing::Pair(LogLevel::kInfo, "first"),
                                          testing::Pair(LogLevel::kWarning, "second\\nline")));
}

}  // namespace
}  // namespace trolley
