// With an archive that hangs: what is known is served at once, waiting programs can be interrupted, unmounting works.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <list>
#include <thread>

#include "mount/fake_archive.h"
#include "support/mounted.h"

namespace trolley {
namespace {

using namespace std::chrono_literals;

// Far more than anything here takes when nothing waits, far less than the archive's own time-outs.
constexpr auto kSoon = 10s;

class LivelyTest : public testing::Test {
 protected:
  LivelyTest() : mount_(archive_.Url(), cache_.path()) {
    EXPECT_EQ(ReadFile(mount_.path() / archive_.File(1)), archive_.Bytes(1));
    EXPECT_EQ(RunProgram({"ls", "-l", (mount_.path() / archive_.Directory()).string()}).exit_code, 0);
    archive_.OnRetrieve([](const ReceivedRequest&, HttpReply& reply) { reply.Hang(); });
    archive_.OnSearch([](const ReceivedRequest&, HttpReply& reply) { reply.Hang(); });
  }
  ~LivelyTest() override {
    for (Process& reader : readers_) {
      reader.Signal(SIGKILL);
    }
  }

  // Programs that open instances which do not come.
  void StartReaders(size_t count) {
    for (size_t i = 0; i < count; ++i) {
      readers_.emplace_back(std::vector<std::string>{"cat", (mount_.path() / archive_.File(2 + i)).string()});
    }
    for (int i = 0; i < 1200 && Waiting() < count; ++i) {
      std::this_thread::sleep_for(50ms);
    }
    ASSERT_GE(Waiting(), count);
  }

  // Opens that wait for the archive, by the mount's own account.
  size_t Waiting() const {
    const std::string status = ReadFile(mount_.path() / ".trolleyfs/status.json");
    const auto number = [&status](const std::string& key) {
      const size_t at = status.find("\"" + key + "\": ");
      return at == std::string::npos ? 0 : std::stoul(status.substr(at + key.size() + 4));
    };
    return number("running") + number("waiting");
  }

  void ExpectKnownThingsAnswerSoon() {
    const RunResult ls = RunProgram({"ls", "-l", (mount_.path() / archive_.Directory()).string()}, {.timeout = kSoon});
    EXPECT_EQ(ls.exit_code, 0) << ls.err;
    const RunResult cat = RunProgram({"cat", (mount_.path() / archive_.File(1)).string()}, {.timeout = kSoon});
    EXPECT_EQ(cat.out, archive_.Bytes(1));
    const RunResult status =
        RunProgram({"cat", (mount_.path() / ".trolleyfs/status.json").string()}, {.timeout = kSoon});
    EXPECT_EQ(status.exit_code, 0);
    EXPECT_EQ(RunProgram({"df", mount_.path().string()}, {.timeout = kSoon}).exit_code, 0);
  }

  FakeArchive archive_{202};
  TempDirectory cache_;
  Mounted mount_;
  std::list<Process> readers_;
};

TEST_F(LivelyTest, TwoHundredWaitingOpensBlockNothingThatIsKnown) {
  StartReaders(200);
  for (int i = 0; i < 5; ++i) {
    ExpectKnownThingsAnswerSoon();
  }
}

TEST_F(LivelyTest, WaitingSearchesBlockNothingThatIsKnown) {
  for (int i = 0; i < 40; ++i) {
    readers_.emplace_back(
        std::vector<std::string>{"ls", (mount_.path() / ("search/PatientID=" + std::to_string(i))).string()});
  }
  ASSERT_TRUE(archive_.server().WaitForRequests(1, "PatientID="));
  ExpectKnownThingsAnswerSoon();
}

TEST_F(LivelyTest, SignalsFreeAWaiter) {
  for (const int signal : {SIGINT, SIGTERM, SIGKILL}) {
    StartReaders(1);
    readers_.back().Signal(signal);
    EXPECT_EQ(readers_.back().Wait(kSoon), 128 + signal);
    readers_.clear();
  }
}

TEST_F(LivelyTest, SignalsFreeAWaitingSearch) {
  readers_.emplace_back(std::vector<std::string>{"ls", (mount_.path() / "search/PatientID=Z").string()});
  ASSERT_TRUE(archive_.server().WaitForRequests(1, "PatientID=Z"));
  readers_.back().Signal(SIGINT);
  EXPECT_EQ(readers_.back().Wait(kSoon), 128 + SIGINT);
}

TEST_F(LivelyTest, TerminatesWhileReadersWait) {
  StartReaders(20);
  mount_.process().Signal(SIGTERM);
  EXPECT_EQ(mount_.process().Wait(kSoon), 0);
  EXPECT_FALSE(IsMountPoint(mount_.path()));
  for (Process& reader : readers_) {
    const auto exit_code = reader.Wait(kSoon);
    ASSERT_TRUE(exit_code.has_value());
    EXPECT_NE(*exit_code, 0);
  }
}

TEST_F(LivelyTest, ForcedUnmountWhileReadersWaitEndsTheProgram) {
  StartReaders(20);
  ASSERT_EQ(RunProgram({"umount", "-f", "-l", mount_.path().string()}).exit_code, 0);
  EXPECT_TRUE(mount_.process().Wait(kSoon).has_value());
}

TEST_F(LivelyTest, AReadThatWaitsForBytesCanBeInterrupted) {
  archive_.OnRetrieve([this](const ReceivedRequest&, HttpReply& reply) {
    // Large: the kernel prefetches pages, and a request that reaches beyond what has arrived waits.
    const std::string body = archive_.Multipart(archive_.Bytes(2) + std::string(size_t{16} << 20, 'x'));
    reply.Head(200, {{"Content-Type", "multipart/related; type=\"application/dicom\"; boundary=b"},
                     {"Content-Length", std::to_string(body.size())}});
    reply.Send(body.substr(0, body.size() / 2));
    reply.Hang();
  });
  const UniqueFd file(open((mount_.path() / archive_.File(2)).c_str(), O_RDONLY));
  ASSERT_TRUE(file) << "open does not wait for the end";
  char first[64];
  EXPECT_EQ(pread(file.get(), first, sizeof first, 0), 64);
  Process reader({"tail", "-c", "10", (mount_.path() / archive_.File(2)).string()});
  EXPECT_FALSE(reader.Wait(300ms).has_value());
  reader.Signal(SIGKILL);
  EXPECT_EQ(reader.Wait(kSoon), 128 + SIGKILL);
  ExpectKnownThingsAnswerSoon();
}

// Not under sanitizers: they need memory of their own.
using LivelyReleaseTest = LivelyTest;

TEST_F(LivelyReleaseTest, ATwoGigabyteInstanceNeedsLittleMemory) {
  constexpr uint64_t kSize = uint64_t{2} << 30;
  archive_.OnRetrieve([this](const ReceivedRequest&, HttpReply& reply) {
    const std::string head = archive_.Bytes(2);
    const std::string part =
        "--b\r\nContent-Type: application/dicom\r\nContent-Length: " + std::to_string(kSize) + "\r\n\r\n";
    const std::string end = "\r\n--b--\r\n";
    reply.Head(200, {{"Content-Type", "multipart/related; type=\"application/dicom\"; boundary=b"},
                     {"Content-Length", std::to_string(part.size() + kSize + end.size())}});
    reply.Send(part + head);
    const std::string block(size_t{1} << 20, 'x');
    for (uint64_t sent = head.size(); sent < kSize; sent += block.size()) {
      reply.Send(std::string_view(block).substr(0, std::min<uint64_t>(block.size(), kSize - sent)));
    }
    reply.Send(end);
  });
  const RunResult count = RunShell("wc -c < " + (mount_.path() / archive_.File(2)).string(), {.timeout = 4min});
  EXPECT_EQ(count.exit_code, 0) << count.err;
  EXPECT_EQ(std::stoull(count.out), kSize);
  // wc may have called stat only.
  EXPECT_EQ(
      RunShell("cat " + (mount_.path() / archive_.File(2)).string() + " > /dev/null", {.timeout = 4min}).exit_code, 0);
  EXPECT_LT(mount_.PeakMemory(), uint64_t{100} << 20);
}

}  // namespace
}  // namespace trolley
