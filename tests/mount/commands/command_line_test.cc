#include "mount/commands/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "trolley/error.h"

namespace trolley {
namespace {

using testing::HasSubstr;

Command Parse(std::vector<std::string> arguments, const std::string& program = "/usr/bin/trolleyfs") {
  return ParseCommandLine(program, std::move(arguments));
}

MountOptions ParseMount(std::vector<std::string> arguments, const std::string& program = "trolleyfs") {
  const Command command = Parse(std::move(arguments), program);
  if (const auto* printed = std::get_if<Printed>(&command)) {
    ADD_FAILURE() << printed->text;
    return {};
  }
  return std::get<MountOptions>(command);
}

void ExpectUsage(std::vector<std::string> arguments, const std::string& said,
                 const std::string& program = "trolleyfs") {
  const Command command = Parse(std::move(arguments), program);
  const auto* printed = std::get_if<Printed>(&command);
  ASSERT_NE(printed, nullptr);
  EXPECT_EQ(printed->exit_code, kExitUsage);
  EXPECT_THAT(printed->text, HasSubstr(said));
  EXPECT_THAT(printed->text, testing::StartsWith("trolleyfs: "));
  EXPECT_EQ(std::count(printed->text.begin(), printed->text.end(), '\n'), 1) << printed->text;
}

TEST(CommandLineTest, MountsAnArchive) {
  const MountOptions options = ParseMount({"mount", "hospital", "/mnt/pacs"});
  EXPECT_EQ(options.archive, "hospital");
  EXPECT_EQ(options.mount_point, "/mnt/pacs");
  EXPECT_FALSE(options.demo);
  EXPECT_FALSE(options.foreground);
  EXPECT_FALSE(options.allow_other);
  EXPECT_EQ(options.log_level, LogLevel::kInfo);
}

TEST(CommandLineTest, MountsTheDemo) {
  const MountOptions options = ParseMount({"mount", "--demo", "/mnt/pacs"});
  EXPECT_TRUE(options.demo);
  EXPECT_EQ(options.mount_point, "/mnt/pacs");
}

TEST(CommandLineTest, TakesEveryOption) {
  const MountOptions options = ParseMount({"mount", "-f", "-o", "allow_other,uid=7,gid=8", "-o", "umask=027",
                                           "--config", "c.toml", "--cache-dir", "/c", "--cache-size", "2 GiB",
                                           "--log-level", "debug", "--log-file", "l", "--log-patient-data", "a", "m"});
  EXPECT_TRUE(options.foreground);
  EXPECT_TRUE(options.allow_other);
  EXPECT_EQ(options.uid, 7u);
  EXPECT_EQ(options.gid, 8u);
  EXPECT_EQ(options.umask, 027u);
  EXPECT_EQ(options.config, "c.toml");
  EXPECT_EQ(options.cache_directory, "/c");
  EXPECT_EQ(options.cache_size, uint64_t{2} << 30);
  EXPECT_EQ(options.log_level, LogLevel::kDebug);
  EXPECT_EQ(options.log_file, "l");
  EXPECT_TRUE(options.log_patient_data);
  EXPECT_EQ(options.archive, "a");
  EXPECT_EQ(options.mount_point, "m");
}

TEST(CommandLineTest, OptionsMayFollowTheDirectory) {
  const MountOptions options = ParseMount({"mount", "a", "m", "-o", "ro", "-f"});
  EXPECT_TRUE(options.foreground);
  EXPECT_EQ(options.archive, "a");
}

TEST(CommandLineTest, AcceptsWhatChangesNothing) {
  ParseMount({"mount", "a", "m", "-o",
              "ro,default_permissions,nosuid,nodev,noatime,_netdev,noauto,user,x-systemd.automount,x-gvfs-hide"});
}

TEST(CommandLineTest, PassthroughCanBeSwitchedOff) {
  EXPECT_TRUE(ParseMount({"mount", "a", "m"}).passthrough);
  EXPECT_FALSE(ParseMount({"mount", "a", "m", "-o", "ro,no_passthrough"}).passthrough);
}

TEST(CommandLineTest, RefusesWrongUsage) {
  ExpectUsage({}, "subcommand");
  ExpectUsage({"mount"}, "archive and the directory");
  ExpectUsage({"mount", "a"}, "archive and the directory");
  ExpectUsage({"mount", "a", "b", "c"}, "");
  ExpectUsage({"mount", "--demo"}, "just the directory");
  ExpectUsage({"mount", "--demo", "a", "b"}, "just the directory");
  ExpectUsage({"mount", "", "b"}, "archive and the directory");
  ExpectUsage({"finf"}, "'finf' is not a subcommand");
  ExpectUsage({"moutn", "a", "b"}, "use mount, umount");
  ExpectUsage({"mount", "a", "b", "--colour"}, "--colour");
  ExpectUsage({"mount", "a", "b", "--cache-size", "much"}, "much");
  ExpectUsage({"mount", "a", "b", "--log-level", "loud"}, "loud");
  ExpectUsage({"umount"}, "DIR");
  ExpectUsage({"--colour"}, "subcommand");
}

TEST(CommandLineTest, RefusesMountOptions) {
  ExpectUsage({"mount", "a", "b", "-o", "rw"}, "read-only");
  ExpectUsage({"mount", "a", "b", "-o", "big_writes"}, "big_writes");
  ExpectUsage({"mount", "a", "b", "-o", "ro,uid=root"}, "uid=root");
  ExpectUsage({"mount", "a", "b", "-o", "uid="}, "uid=");
  ExpectUsage({"mount", "a", "b", "-o", "uid=4294967295"}, "uid");
  ExpectUsage({"mount", "a", "b", "-o", "umask=8"}, "umask=8");
  ExpectUsage({"mount", "a", "b", "-o", "umask=1777"}, "umask=1777");
  ExpectUsage({"mount", "a", "b", "-o", "dev"}, "dev");
}

TEST(CommandLineTest, PrintsHelpAndVersion) {
  for (const auto& arguments :
       {std::vector<std::string>{"--help"}, {"--version"}, {"mount", "--help"}, {"umount", "--help"}}) {
    const Command command = Parse(arguments);
    const auto* printed = std::get_if<Printed>(&command);
    ASSERT_NE(printed, nullptr);
    EXPECT_EQ(printed->exit_code, kExitOk);
    EXPECT_FALSE(printed->text.empty());
  }
}

TEST(CommandLineTest, HelpSaysWhereItLogs) {
  const Command command = Parse({"mount", "--help"});
  EXPECT_THAT(std::get<Printed>(command).text, HasSubstr("CACHE-DIR/log"));
}

TEST(CommandLineTest, Unmounts) {
  const Command command = Parse({"umount", "/mnt/pacs", "--lazy"});
  const auto* options = std::get_if<UmountOptions>(&command);
  ASSERT_NE(options, nullptr);
  EXPECT_EQ(options->mount_point, "/mnt/pacs");
  EXPECT_TRUE(options->lazy);
}

TEST(CommandLineTest, ServesMountAsItsHelper) {
  // mount -t fuse.trolleyfs, by way of mount.fuse3
  const MountOptions options = ParseMount({"hospital", "/mnt/pacs", "-o", "rw,allow_other,dev,suid,cache_size=1GiB"});
  EXPECT_EQ(options.archive, "hospital");
  EXPECT_EQ(options.mount_point, "/mnt/pacs");
  EXPECT_TRUE(options.allow_other);
  EXPECT_EQ(options.cache_size, uint64_t{1} << 30);
  EXPECT_FALSE(options.foreground);
}

TEST(CommandLineTest, ServesMountUnderTheHelpersName) {
  const MountOptions options =
      ParseMount({"mount", "/mnt/pacs", "-n", "-f", "-t", "fuse.trolleyfs", "-o", "rw"}, "/sbin/mount.trolleyfs");
  EXPECT_EQ(options.archive, "mount");  // an archive may have this name
  EXPECT_TRUE(options.fake);
  EXPECT_FALSE(options.foreground);
  ExpectUsage({"a", "b", "-o"}, "-o", "mount.trolleyfs");
  ExpectUsage({"a"}, "directory", "mount.trolleyfs");
  ExpectUsage({"a", "b", "-o", "bogus"}, "bogus", "mount.trolleyfs");
}

}  // namespace
}  // namespace trolley
