#include "support/process.h"

#include <gtest/gtest.h>

#include <csignal>
#include <stdexcept>

#include "support/temp_directory.h"

namespace trolley {
namespace {

TEST(ProcessTest, TellsOutputErrorAndExitCode) {
  const RunResult result = RunShell("cat; echo $WORD >&2; pwd; exit 3",
                                    {.environment = {{"WORD", "hello"}}, .input = "in\n", .directory = "/"});
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_EQ(result.out, "in\n/\n");
  EXPECT_EQ(result.err, "hello\n");
  EXPECT_FALSE(result.timed_out);
}

TEST(ProcessTest, KillsWhatTakesTooLongWithItsChildren) {
  const RunResult result = RunShell("sleep 1000 & sleep 1000", {.timeout = std::chrono::milliseconds(200)});
  EXPECT_TRUE(result.timed_out);
  EXPECT_EQ(result.exit_code, 128 + SIGKILL);
}

TEST(ProcessTest, DoesNotWaitForADaemonThatKeepsTheOutputOpen) {
  const RunResult result = RunShell("setsid sleep 20 & echo done");
  EXPECT_EQ(result.out, "done\n");
  EXPECT_LT(result.took, std::chrono::seconds(15));
}

TEST(ProcessTest, ThrowsWhenThereIsNoSuchProgram) {
  EXPECT_THROW(RunProgram({"no-such-program-anywhere"}), std::runtime_error);
  EXPECT_FALSE(HasProgram("no-such-program-anywhere"));
  EXPECT_TRUE(HasProgram("sh"));
}

TEST(ProcessTest, SignalsAndWaits) {
  Process process({"sleep", "1000"});
  EXPECT_TRUE(process.Running());
  process.Signal(SIGTERM);
  EXPECT_EQ(process.Wait(std::chrono::seconds(60)), 128 + SIGTERM);
}

TEST(TempDirectoryTest, IsGoneAfterwards) {
  std::filesystem::path path;
  {
    const TempDirectory directory;
    path = directory.Write("a/b.txt", "text");
    EXPECT_EQ(ReadFile(path), "text");
  }
  EXPECT_FALSE(std::filesystem::exists(path.parent_path().parent_path()));
}

}  // namespace
}  // namespace trolley
