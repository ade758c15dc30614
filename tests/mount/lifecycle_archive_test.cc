// From the command line to the end: what the program says and returns, how it goes into the background, and how it
// ends.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/xattr.h>

#include <csignal>
#include <future>
#include <thread>

#include "base/text.h"
#include "base/unique_fd.h"
#include "mount/fake_archive.h"
#include "support/mounted.h"
#include "support/paths.h"

namespace trolley {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr auto kSoon = 20s;

// Whoever adopts a daemon may take its time to reap it.
bool HasEnded(pid_t pid) {
  try {
    return ReadFile(StrCat("/proc/", pid, "/stat")).find(") Z ") != std::string::npos;
  } catch (const std::runtime_error&) {
    return true;
  }
}

class LifecycleTest : public testing::Test {
 protected:
  LifecycleTest() { std::filesystem::create_directory(point_); }
  ~LifecycleTest() override {
    if (IsMountPoint(point_)) {
      RunProgram({kTrolleyfsProgram, "umount", "--lazy", point_.string()});
    }
  }

  std::vector<std::string> Command(const std::string& archive, const std::vector<std::string>& more = {}) const {
    std::vector<std::string> command{kTrolleyfsProgram, "mount",         archive,
                                     point_.string(),   "--cache-dir",   (directory_ / "cache").string(),
                                     "--config",        config_.string()};
    command.insert(command.end(), more.begin(), more.end());
    return command;
  }
  RunResult MountInBackground(const std::vector<std::string>& more = {}) {
    return RunProgram(Command(archive_.Url(), more));
  }
  RunResult Umount(const std::vector<std::string>& more = {}) {
    std::vector<std::string> command{kTrolleyfsProgram, "umount", point_.string()};
    command.insert(command.end(), more.begin(), more.end());
    return RunProgram(command);
  }
  std::string Attribute(const std::filesystem::path& path, const char* name) const {
    char value[256];
    const ssize_t length = getxattr(path.c_str(), name, value, sizeof value);
    return length < 0 ? "" : std::string(value, static_cast<size_t>(length));
  }
  pid_t Server() const {
    const auto pid = ParseUint(Attribute(point_, "user.trolleyfs.pid"));
    return pid ? static_cast<pid_t>(*pid) : -1;
  }

  FakeArchive archive_;
  TempDirectory directory_;
  const std::filesystem::path point_ = std::filesystem::canonical(directory_.path()) / "point";
  const std::filesystem::path config_ = directory_.Write("config.toml", "");
};

TEST_F(LifecycleTest, ReturnsWhenTheMountIsUsableAndUmountWhenTheProgramHasEnded) {
  ASSERT_EQ(MountInBackground().exit_code, 0);
  EXPECT_EQ(ReadFile(point_ / archive_.File(1)), archive_.Bytes(1));
  const pid_t server = Server();
  ASSERT_GT(server, 0);
  ASSERT_FALSE(HasEnded(server));
  EXPECT_EQ(Umount().exit_code, 0);
  EXPECT_FALSE(IsMountPoint(point_));
  EXPECT_TRUE(HasEnded(server));
}

TEST_F(LifecycleTest, LogsToAFileOfItsOwnWhenInTheBackground) {
  ASSERT_EQ(MountInBackground().exit_code, 0);
  Umount();
  size_t logs = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory_ / "cache" / "log")) {
    ++logs;
    EXPECT_THAT(ReadFile(entry.path()), HasSubstr("Mounted"));
    EXPECT_EQ(entry.status().permissions(), std::filesystem::perms(0600));
  }
  EXPECT_EQ(logs, 1u);
}

TEST_F(LifecycleTest, SaysThatAnEarlierMountIsDead) {
  ASSERT_EQ(MountInBackground().exit_code, 0);
  const pid_t server = Server();
  ASSERT_GT(server, 0);
  kill(server, SIGKILL);
  RunResult again;
  for (int i = 0; i < 500 && again.err.find("dead") == std::string::npos; ++i) {
    again = MountInBackground();  // the kernel takes a moment to end the process
    std::this_thread::sleep_for(10ms);
  }
  EXPECT_EQ(again.exit_code, 1);
  EXPECT_THAT(again.err, HasSubstr("dead"));
  EXPECT_THAT(again.err, HasSubstr("trolleyfs umount"));
  EXPECT_EQ(Umount().exit_code, 0);
  EXPECT_EQ(MountInBackground().exit_code, 0);
}

TEST_F(LifecycleTest, ABusyMountNamesItsHolderAndCanBeUnmountedLazily) {
  ASSERT_EQ(MountInBackground().exit_code, 0);
  const UniqueFd held(open((point_ / archive_.File(1)).c_str(), O_RDONLY));
  ASSERT_TRUE(held);
  const RunResult busy = Umount();
  EXPECT_EQ(busy.exit_code, 1);
  EXPECT_THAT(busy.err, HasSubstr("in use"));
  EXPECT_THAT(busy.err, HasSubstr(StrCat("(", getpid(), ")")));
  EXPECT_EQ(Umount({"--lazy"}).exit_code, 0);
  EXPECT_FALSE(IsMountPoint(point_));
  char byte = 0;
  EXPECT_EQ(pread(held.get(), &byte, 1, 0), 1) << "who has it open can go on";
}

TEST_F(LifecycleTest, UmountRefusesWhatIsNotOurs) {
  EXPECT_EQ(Umount().exit_code, 1);
  const RunResult proc = RunProgram({kTrolleyfsProgram, "umount", "/proc"});
  EXPECT_EQ(proc.exit_code, 1);
  EXPECT_THAT(proc.err, HasSubstr("not trolleyfs"));
}

TEST_F(LifecycleTest, CtrlCEndsAMountThatWaitsForTheArchive) {
  archive_.OnSearch([](const ReceivedRequest&, HttpReply& reply) { reply.Hang(); });
  Process starting(Command(archive_.Url()));
  ASSERT_TRUE(archive_.server().WaitForRequests(1));
  kill(-starting.pid(), SIGINT);  // as a terminal does: to the whole process group
  EXPECT_TRUE(starting.Wait(kSoon).has_value());
  EXPECT_FALSE(IsMountPoint(point_));
}

TEST_F(LifecycleTest, SigtermTwiceUnmountsOnce) {
  ASSERT_EQ(MountInBackground().exit_code, 0);
  const pid_t server = Server();
  ASSERT_GT(server, 0);
  kill(server, SIGTERM);
  kill(server, SIGTERM);
  for (int i = 0; i < 2000 && !HasEnded(server); ++i) {
    std::this_thread::sleep_for(10ms);
  }
  EXPECT_TRUE(HasEnded(server));
  EXPECT_FALSE(IsMountPoint(point_));
}

TEST_F(LifecycleTest, NotifiesSystemdWhenItIsReady) {
  const std::string address = (directory_ / "notify").string();
  const UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  ASSERT_LT(address.size(), sizeof name.sun_path);
  address.copy(name.sun_path, address.size());
  ASSERT_EQ(bind(socket.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name), 0);
  const timeval limit{60, 0};
  setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  Process program(Command(archive_.Url(), {"-f"}), {.environment = {{"NOTIFY_SOCKET", address}}});
  char message[256];
  const ssize_t length = recv(socket.get(), message, sizeof message, 0);
  ASSERT_GT(length, 0);
  EXPECT_EQ(std::string(message, static_cast<size_t>(length)), "READY=1");
  EXPECT_TRUE(IsMountPoint(point_));
  program.Signal(SIGTERM);
  EXPECT_EQ(program.Wait(kSoon), 0);
}

TEST_F(LifecycleTest, WorksAsMountsHelper) {
  const RunResult result =
      RunProgram({kTrolleyfsProgram, archive_.Url(), point_.string(), "-o",
                  "rw,dev,suid,_netdev,cache_dir=" + (directory_ / "cache").string() + ",config=" + config_.string()});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(ReadFile(point_ / archive_.File(1)), archive_.Bytes(1));
  EXPECT_EQ(open((point_ / "new").c_str(), O_WRONLY | O_CREAT, 0600), -1);
  EXPECT_EQ(errno, EROFS);
  EXPECT_EQ(Umount().exit_code, 0);
}

TEST_F(LifecycleTest, ShowsOwnerAndModeAsConfigured) {
  ASSERT_EQ(MountInBackground({"-o", "uid=1234,gid=5678,umask=027"}).exit_code, 0);
  struct stat file {};
  ASSERT_EQ(stat((point_ / archive_.File(1)).c_str(), &file), 0);
  EXPECT_EQ(file.st_uid, 1234u);
  EXPECT_EQ(file.st_gid, 5678u);
  EXPECT_EQ(file.st_mode, static_cast<mode_t>(S_IFREG | 0440));
  EXPECT_EQ(file.st_nlink, 1u);
  struct stat directory {};
  ASSERT_EQ(stat((point_ / archive_.Directory()).c_str(), &directory), 0);
  EXPECT_EQ(directory.st_mode, static_cast<mode_t>(S_IFDIR | 0550));
}

TEST_F(LifecycleTest, AnInstanceIsOneInodeByWhateverPath) {
  ASSERT_EQ(MountInBackground().exit_code, 0);
  struct stat by_uid {};
  ASSERT_EQ(stat((point_ / archive_.File(1)).c_str(), &by_uid), 0);
  const auto listed = std::filesystem::directory_iterator(point_ / archive_.Directory());
  struct stat by_name {};
  ASSERT_EQ(stat(listed->path().c_str(), &by_name), 0);
  EXPECT_EQ(by_uid.st_ino, by_name.st_ino);
}

TEST_F(LifecycleTest, AttributesShowUidsSizesAndAges) {
  ASSERT_EQ(MountInBackground().exit_code, 0);
  const auto file = point_ / archive_.File(1);
  EXPECT_EQ(Attribute(file, "user.trolleyfs.size"), "estimate");
  EXPECT_EQ(Attribute(file, "user.trolleyfs.cached"), "no");
  EXPECT_EQ(Attribute(file, "user.trolleyfs.uid"), archive_.InstanceUid(1));
  EXPECT_EQ(Attribute(file, "user.other"), "");
  EXPECT_EQ(errno, ENODATA);
  ReadFile(file);
  EXPECT_EQ(Attribute(file, "user.trolleyfs.size"), "exact");
  EXPECT_EQ(Attribute(file, "user.trolleyfs.cached"), "yes");
  const auto series = point_ / archive_.Directory();
  EXPECT_EQ(RunProgram({"ls", series.string()}).exit_code, 0);
  EXPECT_EQ(Attribute(series, "user.trolleyfs.uid"), archive_.Series());
  EXPECT_TRUE(ParseUint(Attribute(series, "user.trolleyfs.age")));
  EXPECT_EQ(Attribute(series, "user.trolleyfs.stale"), "no");
}

TEST_F(LifecycleTest, RuntimesSignalsDoNotEndAnOpenButOthersDo) {
  std::promise<void> go_on;
  const auto gate = go_on.get_future().share();
  archive_.OnRetrieve([this, gate](const ReceivedRequest& request, HttpReply& reply) {
    gate.wait();
    archive_.Respond(request, reply);
  });
  ASSERT_EQ(MountInBackground().exit_code, 0);
  struct sigaction nothing {};
  nothing.sa_handler = [](int) {};
  sigaction(SIGURG, &nothing, nullptr);
  sigaction(SIGUSR1, &nothing, nullptr);
  struct Opened {
    bool worked = false;
    int error = 0;
  };
  const auto open_in_thread = [&](size_t number, std::promise<pthread_t>& started) {
    return std::async(std::launch::async, [this, number, &started] {
      started.set_value(pthread_self());
      const UniqueFd file(open((point_ / archive_.File(number)).c_str(), O_RDONLY));
      return Opened{static_cast<bool>(file), errno};
    });
  };
  std::promise<pthread_t> go_runtime;
  auto patient = open_in_thread(1, go_runtime);
  const pthread_t patient_thread = go_runtime.get_future().get();
  ASSERT_TRUE(archive_.server().WaitForRequests(1, archive_.InstanceUid(1)));
  std::promise<pthread_t> script;
  auto interrupted = open_in_thread(2, script);
  const pthread_t interrupted_thread = script.get_future().get();
  ASSERT_TRUE(archive_.server().WaitForRequests(1, archive_.InstanceUid(2)));
  for (int i = 0; i < 20; ++i) {
    pthread_kill(patient_thread, SIGURG);
    pthread_kill(interrupted_thread, SIGURG);
    std::this_thread::sleep_for(5ms);
  }
  EXPECT_EQ(patient.wait_for(0s), std::future_status::timeout);
  pthread_kill(interrupted_thread, SIGUSR1);
  const Opened ended = interrupted.get();
  EXPECT_FALSE(ended.worked);
  EXPECT_EQ(ended.error, EINTR);
  go_on.set_value();
  EXPECT_TRUE(patient.get().worked);
}

}  // namespace
}  // namespace trolley
