// A server that misbehaves: the right errno, nothing cached, and the next try works.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>

#include "base/unique_fd.h"
#include "mount/fake_archive.h"
#include "support/mounted.h"

namespace trolley {
namespace {

class FaultsTest : public testing::Test {
 protected:
  explicit FaultsTest(size_t instances = 3, size_t listed_rows = 64)
      : archive_(instances, listed_rows), mount_(archive_.Url(), cache_.path(), {"--config", config_.string()}) {}

  std::filesystem::path At(const std::string& path) const { return mount_.path() / path; }

  // The errno of opening and reading a file to its end; 0 when that gave all of the right bytes, -1 for wrong ones.
  int ErrnoOfRead(size_t number) const { return ErrnoOfRead(mount_, number); }
  int ErrnoOfRead(const Mounted& mount, size_t number) const {
    const UniqueFd file(open((mount.path() / archive_.File(number)).c_str(), O_RDONLY));
    if (!file) {
      return errno;
    }
    std::string content;
    char buffer[65536];
    while (true) {
      const ssize_t got = read(file.get(), buffer, sizeof buffer);
      if (got < 0) {
        return errno;
      }
      if (got == 0) {
        return content == archive_.Bytes(number) ? 0 : -1;
      }
      content.append(buffer, static_cast<size_t>(got));
    }
  }

  static int ErrnoOfList(const std::filesystem::path& directory) {
    std::error_code error;
    for (auto entry = std::filesystem::directory_iterator(directory, error);
         !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    }
    return error.value();
  }

  // Reading fails with one of `expected` while the archive responds like this, and works as soon as it is well again.
  void ExpectThenRecovers(const FakeArchive::Handler& handler, const std::vector<int>& expected) {
    archive_.OnRetrieve(handler);
    EXPECT_THAT(expected, testing::Contains(ErrnoOfRead(1)));
    EXPECT_THAT(expected, testing::Contains(ErrnoOfRead(1))) << "at the second try";
    archive_.OnRetrieve(nullptr);
    EXPECT_EQ(ErrnoOfRead(1), 0);
  }

  void ExpectSearchFailsThenRecovers(const FakeArchive::Handler& handler, const std::vector<int>& expected) {
    // Another query each time, because results are cached.
    const auto query_directory = At("search/PatientID=F1,StudyDate=" + std::to_string(++first_year_) + "0101-");
    archive_.OnSearch(handler);
    EXPECT_THAT(expected, testing::Contains(ErrnoOfList(query_directory)));
    archive_.OnSearch(nullptr);
    EXPECT_EQ(ErrnoOfList(query_directory), 0);
  }

  static constexpr const char* kType = "multipart/related; type=\"application/dicom\"; boundary=b";

  int first_year_ = 1990;
  FakeArchive archive_;
  TempDirectory cache_;
  TempDirectory directory_;
  std::filesystem::path config_ = directory_.Write("config.toml", "");
  Mounted mount_;
};

TEST_F(FaultsTest, ReadsWhenAllIsWell) {
  EXPECT_EQ(ErrnoOfRead(1), 0);
  EXPECT_EQ(ErrnoOfRead(2), 0);
  EXPECT_EQ(ErrnoOfList(At("search/PatientID=F1")), 0);
}

TEST_F(FaultsTest, TransferCutInTheMiddle) {
  ExpectThenRecovers(
      [this](const ReceivedRequest&, HttpReply& reply) {
        const std::string body = archive_.Multipart(archive_.Bytes(1));
        reply.Head(200, {{"Content-Type", kType}, {"Content-Length", std::to_string(body.size())}});
        reply.Send(body.substr(0, body.size() / 2));
        reply.Cut();
      },
      {EIO, EHOSTUNREACH, EPROTO});
}

TEST_F(FaultsTest, ConnectionClosedBeforeTheClosingDelimiter) {
  ExpectThenRecovers(
      [this](const ReceivedRequest&, HttpReply& reply) {
        const std::string body = archive_.Multipart(archive_.Bytes(1));
        reply.Head(200, {{"Content-Type", kType}, {"Connection", "close"}});
        reply.Send(body.substr(0, body.size() - 7));
        reply.Close();
      },
      {EIO, EPROTO});
}

// The kernel believes in 1.5 MB until the file is opened, and prefetches pages accordingly.
class EstimateTooLargeTest : public FaultsTest {
 protected:
  EstimateTooLargeTest() : FaultsTest(40, 864) {}
};

TEST_F(EstimateTooLargeTest, AReaderThatNeverGetsTheSizeReadsJustTheBytes) {
  for (size_t number = 1; number <= 40; ++number) {
    EXPECT_EQ(ErrnoOfRead(number), 0) << number;
  }
}

class WrongLengthTest : public FaultsTest, public testing::WithParamInterface<int64_t> {};

TEST_P(WrongLengthTest, IsAnErrorAndIsNotCached) {
  ExpectThenRecovers(
      [this](const ReceivedRequest&, HttpReply& reply) {
        const std::string bytes = archive_.Bytes(1);
        const auto length = static_cast<int64_t>(bytes.size()) + GetParam();
        reply.Respond(200, kType,
                      "--b\r\nContent-Type: application/dicom\r\nContent-Length: " + std::to_string(length) +
                          "\r\n\r\n" + bytes + "\r\n--b--\r\n");
      },
      {EIO, EPROTO});
}

INSTANTIATE_TEST_SUITE_P(Off, WrongLengthTest, testing::Values(-100, -2, -1, 1, 2, 9, 100, 1000000));

TEST_F(FaultsTest, WrongInstance) {
  ExpectThenRecovers([this](const ReceivedRequest&,
                            HttpReply& reply) { reply.Respond(200, kType, archive_.Multipart(archive_.Bytes(2))); },
                     {EIO, EPROTO});
}

TEST_F(FaultsTest, HtmlWithStatus200) {
  const auto html = [](const ReceivedRequest&, HttpReply& reply) {
    reply.Respond(200, "text/html", "<html><body>Please log in</body></html>");
  };
  ExpectThenRecovers(html, {EPROTO});
  ExpectSearchFailsThenRecovers(html, {EPROTO});
}

TEST_F(FaultsTest, Unauthorized) {
  const auto refuse = [](const ReceivedRequest&, HttpReply& reply) { reply.Respond(401, "text/plain", "no"); };
  ExpectThenRecovers(refuse, {EACCES});
  ExpectSearchFailsThenRecovers(refuse, {EACCES});
}

TEST_F(FaultsTest, ServiceUnavailable) {
  const auto busy = [](const ReceivedRequest&, HttpReply& reply) { reply.Respond(503, "text/plain", "busy"); };
  ExpectThenRecovers(busy, {EHOSTUNREACH});
  ExpectSearchFailsThenRecovers(busy, {EHOSTUNREACH});
}

TEST_F(FaultsTest, GarbageJson) {
  ExpectSearchFailsThenRecovers(
      [](const ReceivedRequest&, HttpReply& reply) {
        reply.Respond(200, "application/dicom+json", "[{\"0020000D\":{\"vr\"");
      },
      {EPROTO});
  ExpectSearchFailsThenRecovers(
      [](const ReceivedRequest&, HttpReply& reply) {
        reply.Respond(200, "application/dicom+json", "\x01\x02 nonsense");
      },
      {EPROTO});
}

TEST_F(FaultsTest, ConfiguredTimeoutsHold) {
  TempDirectory cache;
  const auto config =
      directory_.Write("timeouts.toml", "[archive.slow]\nsearcher = { type = \"qido-rs\", url = \"" + archive_.Url() +
                                            "\" }\ntimeouts = { stall = \"1 s\", query = \"1 s\" }\n");
  const Mounted slow("slow", cache.path(), {"--config", config.string()});
  EXPECT_EQ(ReadFile(slow.path() / archive_.File(1)), archive_.Bytes(1));
  EXPECT_EQ(ErrnoOfList(slow.path() / archive_.Directory()), 0);  // from here on its names need no query
  const auto hang = [](const ReceivedRequest&, HttpReply& reply) { reply.Hang(); };
  archive_.OnRetrieve(hang);
  archive_.OnSearch(hang);
  EXPECT_EQ(open((slow.path() / archive_.File(2)).c_str(), O_RDONLY), -1);
  EXPECT_EQ(errno, ETIMEDOUT);
  EXPECT_EQ(ErrnoOfList(slow.path() / "search/PatientID=F2"), ETIMEDOUT);

  archive_.OnRetrieve([this](const ReceivedRequest&, HttpReply& reply) {
    const std::string body = archive_.Multipart(archive_.Bytes(2));
    reply.Head(200, {{"Content-Type", kType}, {"Content-Length", std::to_string(body.size())}});
    reply.Send(body.substr(0, body.size() / 2));
    reply.Hang();
  });
  const UniqueFd file(open((slow.path() / archive_.File(2)).c_str(), O_RDONLY));
  ASSERT_TRUE(file) << "open does not wait for the end; errno " << errno;
  char last[16];
  EXPECT_EQ(pread(file.get(), last, sizeof last, static_cast<off_t>(archive_.Bytes(2).size() - sizeof last)), -1);
  archive_.OnRetrieve(nullptr);
  archive_.OnSearch(nullptr);
  // An open that comes just now may still share a request that hangs.
  int error = -1;
  for (int attempt = 0; attempt < 10 && error != 0; ++attempt) {
    error = ErrnoOfRead(slow, 2);
    EXPECT_THAT(error, testing::AnyOf(0, ETIMEDOUT, EIO));
  }
  EXPECT_EQ(error, 0);
}

TEST_F(FaultsTest, SaysWhatHappenedWithoutPatientData) {
  archive_.OnSearch([](const ReceivedRequest&, HttpReply& reply) { reply.Respond(503, "text/plain", "busy"); });
  ErrnoOfList(At("search/PatientName=Secretname*"));
  const std::string errors = ReadFile(At(".trolleyfs/errors"));
  EXPECT_THAT(errors, testing::HasSubstr("503"));
  EXPECT_THAT(errors, testing::Not(testing::HasSubstr("Secretname")));
  EXPECT_THAT(mount_.process().Err(), testing::Not(testing::HasSubstr("Secretname")));
}

}  // namespace
}  // namespace trolley
