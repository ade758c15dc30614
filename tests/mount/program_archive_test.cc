// The program as its user types it: folders, the demo, what it refuses and how it says so.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "dicom/synthetic.h"
#include "mount/fake_archive.h"
#include "support/mounted.h"
#include "support/orthanc.h"
#include "support/paths.h"

namespace trolley {
namespace {

using testing::HasSubstr;
using testing::Not;

class ProgramTest : public testing::Test {
 protected:
  ProgramTest() { std::filesystem::create_directory(mount_point_); }
  ~ProgramTest() override {
    if (IsMountPoint(mount_point_)) {
      RunProgram({"fusermount3", "-u", "-z", mount_point_.string()});
    }
  }

  RunResult Run(const std::vector<std::string>& arguments, const RunOptions& options = {}) const {
    std::vector<std::string> argv{kTrolleyfsProgram};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    return RunProgram(argv, options);
  }
  RunResult Mount(const std::string& archive, std::vector<std::string> more = {}) const {
    more.insert(more.begin(),
                {"mount", archive, mount_point_.string(), "--cache-dir", (directory_ / "cache").string()});
    return Run(more);
  }

  // Exit code 1, one line, nothing mounted.
  static void ExpectRefused(const RunResult& result, const std::string& because) {
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_THAT(result.err, HasSubstr(because));
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
  }

  std::filesystem::path MakeFolder() const {
    const auto folder = directory_ / "folder";
    SyntheticInstances spec;
    spec.study_uid = "1.2.3";
    spec.series_uid = "1.2.3.4";
    spec.instances = 5;
    WriteSyntheticSeries(spec, folder / "deep" / "down");
    WriteFile(folder / "notes.txt", "no DICOM");
    return folder;
  }

  TempDirectory directory_;
  std::filesystem::path mount_point_ = directory_ / "mount";
};

TEST_F(ProgramTest, ReturnsWhenTheMountIsUsableAndUmountEndsIt) {
  const auto folder = MakeFolder();
  const RunResult mount = Mount(folder.string());
  ASSERT_EQ(mount.exit_code, 0) << mount.err;
  EXPECT_TRUE(IsMountPoint(mount_point_));
  for (int number = 1; number <= 5; ++number) {
    const std::string n = std::to_string(number);
    EXPECT_EQ(ReadFile(mount_point_ / "studies/1.2.3/1.2.3.4" / ("1.2.3.4." + n + ".dcm")),
              ReadFile(folder / "deep/down" / ("0000" + n + ".dcm")));
  }
  const RunResult umount = Run({"umount", mount_point_.string()});
  EXPECT_EQ(umount.exit_code, 0) << umount.err;
  EXPECT_FALSE(IsMountPoint(mount_point_));
}

TEST_F(ProgramTest, AFolderHasExactSizesWhileListing) {
  const auto folder = MakeFolder();
  ASSERT_EQ(Mount(folder.string()).exit_code, 0);
  EXPECT_EQ(std::filesystem::file_size(mount_point_ / "studies/1.2.3/1.2.3.4/1.2.3.4.2.dcm"),
            std::filesystem::file_size(folder / "deep/down/00002.dcm"));
}

TEST_F(ProgramTest, ShowsTheNewBytesOfAFileThatWasWrittenAnew) {
  const auto folder = MakeFolder();
  const auto file = folder / "deep/down/00001.dcm";
  const auto mounted = mount_point_ / "studies/1.2.3/1.2.3.4/1.2.3.4.1.dcm";
  ASSERT_EQ(Mount(folder.string()).exit_code, 0);
  std::string content = ReadFile(file);
  EXPECT_EQ(ReadFile(mounted), content);
  content.back() = static_cast<char>(content.back() ^ 1);
  WriteFile(file, content);
  EXPECT_EQ(ReadFile(mounted), content);
}

TEST_F(ProgramTest, MountsTheDemoArchive) {
  RunOptions options;
  options.environment["XDG_DATA_HOME"] = (directory_ / "data").string();
  options.environment["XDG_CACHE_HOME"] = (directory_ / "cache").string();
  const RunResult mount = Run({"mount", "--demo", mount_point_.string()}, options);
  ASSERT_EQ(mount.exit_code, 0) << mount.err;
  const RunResult find =
      RunShell("find " + (mount_point_ / "patients").string() + " -name '*.dcm' -exec cat {} + | wc -c");
  EXPECT_GT(std::stoull(find.out), 1000000U);
  EXPECT_THAT(RunProgram({"ls", (mount_point_ / "patients").string()}).out, HasSubstr("Müller"));
}

TEST_F(ProgramTest, RefusesAMountPointThatIsMissingFullOrTaken) {
  const auto folder = MakeFolder().string();
  ExpectRefused(Run({"mount", folder, (directory_ / "nowhere").string()}), "nowhere");
  WriteFile(mount_point_ / "file", "");
  ExpectRefused(Mount(folder), "not empty");
  std::filesystem::remove(mount_point_ / "file");
  ASSERT_EQ(Mount(folder).exit_code, 0);
  ExpectRefused(Mount(folder), "already");
}

TEST_F(ProgramTest, RefusesAnArchiveThatCannotBeReached) {
  int port = 0;
  {
    const FakeHttpServer server;
    port = server.port();
  }
  ExpectRefused(Mount("http://127.0.0.1:" + std::to_string(port) + "/dicom-web"), "refused");
  ExpectRefused(Mount((directory_ / "no-such-folder").string()), "no-such-folder");
  FakeHttpServer website(
      [](const ReceivedRequest&, HttpReply& reply) { reply.Respond(200, "text/html", "<html>hello</html>"); });
  ExpectRefused(Mount(website.Url("/dicom-web")), "text/html instead of DICOM JSON");
  EXPECT_FALSE(IsMountPoint(mount_point_));
}

TEST_F(ProgramTest, RefusesAMistakeInTheConfigurationWithItsLine) {
  const auto config = directory_.Write("config.toml", "[archive.hospital]\nsercher = { type = \"qido-rs\" }\n");
  const RunResult result = Mount("hospital", {"--config", config.string()});
  ExpectRefused(result, "config.toml:2");
  EXPECT_THAT(result.err, HasSubstr("searcher"));
}

TEST_F(ProgramTest, RefusesSecretsInArguments) {
  const RunResult result = Mount("http://reader:verysecret@127.0.0.1:1/dicom-web");
  EXPECT_NE(result.exit_code, 0);
  EXPECT_THAT(result.err, Not(HasSubstr("verysecret")));
}

TEST_F(ProgramTest, SaysHowItIsUsed) {
  EXPECT_THAT(Run({"--help"}).out, HasSubstr("mount"));
  EXPECT_EQ(Run({"--help"}).exit_code, 0);
  EXPECT_THAT(Run({"--version"}).out, HasSubstr("trolleyfs"));
  EXPECT_EQ(Run({"mount"}).exit_code, 2);
  EXPECT_EQ(Run({"mount", "--no-such-option", "a", "b"}).exit_code, 2);
  EXPECT_EQ(Run({"frobnicate"}).exit_code, 2);
}

TEST_F(ProgramTest, LogsInWithASecretFromAFileOrTheEnvironment) {
  OrthancServer orthanc({.users = {{"reader", "s3cret"}}});
  const auto folder = MakeFolder();
  orthanc.UploadDirectory(folder / "deep");
  const auto password = directory_.Write("password", "s3cret\n");
  std::filesystem::permissions(password, std::filesystem::perms::owner_read);
  const auto wrong = directory_.Write("wrong", "guess\n");
  std::filesystem::permissions(wrong, std::filesystem::perms::owner_read);
  const auto archive = [&](const std::string& name, const std::string& secret) {
    return "[archive." + name + "]\nsearcher = { type = \"qido-rs\", url = \"" + orthanc.DicomWebUrl() +
           "\" }\nauth = { type = \"basic\", user = \"reader\", " + secret + " }\n";
  };
  const auto config =
      directory_.Write("config.toml", archive("file", "password_file = \"" + password.string() + "\"") +
                                          archive("wrong", "password_file = \"" + wrong.string() + "\"") +
                                          archive("environment", "password_env = \"PACS_PASSWORD\""));
  const RunResult refused = Mount("wrong", {"--config", config.string()});
  ExpectRefused(refused, "401");
  EXPECT_THAT(refused.err, Not(HasSubstr("guess")));

  const auto instance = mount_point_ / "studies/1.2.3/1.2.3.4/1.2.3.4.1.dcm";
  ASSERT_EQ(Mount("file", {"--config", config.string()}).exit_code, 0);
  EXPECT_EQ(ReadFile(instance), ReadFile(folder / "deep/down/00001.dcm"));
  ASSERT_EQ(Run({"umount", mount_point_.string()}).exit_code, 0);

  RunOptions options;
  options.environment["PACS_PASSWORD"] = "s3cret";
  ASSERT_EQ(Run({"mount", "environment", mount_point_.string(), "--config", config.string(), "--cache-dir",
                 (directory_ / "cache2").string()},
                options)
                .exit_code,
            0);
  EXPECT_EQ(ReadFile(instance), ReadFile(folder / "deep/down/00001.dcm"));
}

TEST_F(ProgramTest, OthersReadOnlyWhenTheyAreAllowedTo) {
  if (getuid() != 0) {
    SUCCEED();  // needs another user
    return;
  }
  const auto folder = MakeFolder();
  std::filesystem::permissions(directory_.path(), std::filesystem::perms(0755));
  RunOptions other;
  other.user = getpwnam("nobody")->pw_uid;
  const std::string instance = (mount_point_ / "studies/1.2.3/1.2.3.4/1.2.3.4.1.dcm").string();
  ASSERT_EQ(Mount(folder.string()).exit_code, 0);
  EXPECT_NE(RunProgram({"cat", instance}, other).exit_code, 0);
  ASSERT_EQ(Run({"umount", mount_point_.string()}).exit_code, 0);
  ASSERT_EQ(Mount(folder.string(), {"-o", "allow_other"}).exit_code, 0);
  EXPECT_EQ(RunProgram({"cat", instance}, other).out, ReadFile(folder / "deep/down/00001.dcm"));
}

TEST_F(ProgramTest, WorksForAnOrdinaryUser) {
  if (getuid() != 0) {
    // Every other test of this suite has shown it.
    SUCCEED();
    return;
  }
  const struct passwd* nobody = getpwnam("nobody");
  ASSERT_NE(nobody, nullptr);
  const auto folder = MakeFolder();
  const auto home = directory_ / "home";
  std::filesystem::create_directory(home);
  for (const auto& path : {home, mount_point_}) {
    ASSERT_EQ(chown(path.c_str(), nobody->pw_uid, nobody->pw_gid), 0);
  }
  std::filesystem::permissions(directory_.path(), std::filesystem::perms(0755));
  RunOptions options;
  options.user = nobody->pw_uid;
  options.environment["HOME"] = home.string();
  // The build's own folder may be closed to others.
  const auto program = directory_ / "trolleyfs";
  std::filesystem::copy_file(kTrolleyfsProgram, program);
  const RunResult mount = RunProgram({program.string(), "mount", folder.string(), mount_point_.string()}, options);
  ASSERT_EQ(mount.exit_code, 0) << mount.err;
  const RunResult cat = RunProgram({"cat", (mount_point_ / "studies/1.2.3/1.2.3.4/1.2.3.4.1.dcm").string()}, options);
  EXPECT_EQ(cat.out, ReadFile(folder / "deep/down/00001.dcm"));
  EXPECT_EQ(RunProgram({program.string(), "umount", mount_point_.string()}, options).exit_code, 0);
}

}  // namespace
}  // namespace trolley
