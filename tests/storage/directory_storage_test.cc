#include "trolley/directory_storage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "dicom/synthetic.h"
#include "download/recording_sink.h"
#include "download/wado/fake_wado.h"
#include "support/temp_directory.h"
#include "trolley/error.h"

namespace trolley {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

// Paths below `directory`, hidden files too; directories are not listed.
std::vector<std::string> FilesBelow(const fs::path& directory) {
  std::vector<std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (!entry.is_directory()) {
      files.push_back(fs::relative(entry.path(), directory).string());
    }
  }
  return files;
}

InstanceReference Ref(const std::string& study, const std::string& series, const std::string& instance) {
  return {Uid(study), Uid(series), Uid(instance)};
}

std::span<const std::byte> Bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

void Store(Storage& storage, const InstanceReference& instance, std::string_view bytes) {
  const auto writer = storage.Begin(instance, std::nullopt);
  writer->Append(Bytes(bytes));
  writer->Commit();
}

// Names that are the test's.
class OddStorage : public DirectoryStorage {
 public:
  OddStorage(const fs::path& directory, fs::path name)
      : DirectoryStorage({.directory = directory}), name_(std::move(name)) {}

 protected:
  fs::path PathOf(const InstanceReference& /*instance*/) override { return name_; }

 private:
  const fs::path name_;
};

class DirectoryStorageTest : public testing::Test {
 protected:
  TempDirectory directory_;
  const fs::path out_ = directory_ / "a/b/out";
  StorageDir storage_{{.directory = out_}};
  const InstanceReference instance_ = Ref("1.2", "3.4", "5.6");
  const std::string file_ = FakePart10("5.6", "data");
};

TEST_F(DirectoryStorageTest, KeepsWhatArrivedUnderItsUids) {
  Store(storage_, instance_, file_);
  EXPECT_THAT(FilesBelow(out_), ElementsAre("1.2/3.4/5.6.dcm"));
  EXPECT_EQ(ReadFile(out_ / "1.2/3.4/5.6.dcm"), file_);
}

TEST_F(DirectoryStorageTest, HasDicomtrolleysNamesAndFlatOnes) {
  StorageDir tree({.directory = directory_ / "tree"}, UidNames::kDicomtrolley);
  Store(tree, instance_, file_);
  EXPECT_THAT(FilesBelow(directory_ / "tree"), ElementsAre("1_2/3_4/5_6"));
  FlatStorageDir flat({.directory = directory_ / "flat"});
  Store(flat, instance_, file_);
  EXPECT_THAT(FilesBelow(directory_ / "flat"), ElementsAre("5.6.dcm"));
  FlatStorageDir seed({.directory = directory_ / "seed"}, UidNames::kDicomtrolley);
  Store(seed, instance_, file_);
  EXPECT_THAT(FilesBelow(directory_ / "seed"), ElementsAre("5_6"));
}

TEST_F(DirectoryStorageTest, BytesOfAnySizeArriveInOrder) {
  std::string expected;
  const auto writer = storage_.Begin(instance_, std::nullopt);
  for (const size_t size : {1U, 300000U, 0U, 7U, 262144U, 262143U, 100U}) {
    const std::string piece(size, static_cast<char>('a' + expected.size() % 26));
    expected += piece;
    writer->Append(Bytes(piece));
  }
  writer->Commit();
  EXPECT_EQ(ReadFile(out_ / "1.2/3.4/5.6.dcm"), expected);
}

TEST_F(DirectoryStorageTest, AFileIsSeenOnlyWhenItIsWhole) {
  auto writer = storage_.Begin(instance_, std::nullopt);
  writer->Append(Bytes(std::string(1000000, 'x')));
  EXPECT_FALSE(fs::exists(out_ / "1.2/3.4/5.6.dcm"));
  writer.reset();  // given up
  EXPECT_THAT(FilesBelow(out_), IsEmpty());
}

TEST_F(DirectoryStorageTest, ReplacesWhatIsThereOnlyAtTheEnd) {
  Store(storage_, instance_, "old");
  const auto writer = storage_.Begin(instance_, std::nullopt);
  writer->Append(Bytes(file_));
  EXPECT_EQ(ReadFile(out_ / "1.2/3.4/5.6.dcm"), "old");
  writer->Commit();
  EXPECT_EQ(ReadFile(out_ / "1.2/3.4/5.6.dcm"), file_);
}

TEST_F(DirectoryStorageTest, KnowsWhatIsComplete) {
  EXPECT_FALSE(storage_.IsComplete(instance_, std::nullopt)) << "not even the directory is there";
  EXPECT_FALSE(fs::exists(out_)) << "a query makes nothing";
  Store(storage_, instance_, file_);
  EXPECT_TRUE(storage_.IsComplete(instance_, std::nullopt));
  EXPECT_TRUE(storage_.IsComplete(instance_, file_.size()));
  EXPECT_FALSE(storage_.IsComplete(instance_, file_.size() + 1));
  Store(storage_, instance_, FakePart10("5.7", "data"));
  EXPECT_FALSE(storage_.IsComplete(instance_, std::nullopt)) << "another instance";
  Store(storage_, instance_, "");
  EXPECT_FALSE(storage_.IsComplete(instance_, std::nullopt)) << "not DICOM";
}

TEST_F(DirectoryStorageTest, KnowsACompleteFileWithoutMetaGroup) {
  SyntheticInstances spec;
  spec.study_uid = "1.2";
  spec.series_uid = "1.2.3";
  const std::string whole = ReadFile(WriteSyntheticSeries(spec, directory_ / "made").front());
  // The meta group ends where its group length says.
  const size_t length = static_cast<unsigned char>(whole[140]) + 256U * static_cast<unsigned char>(whole[141]);
  const auto instance = Ref("1.2", "1.2.3", "1.2.3.1");
  Store(storage_, instance, whole.substr(144 + length));
  EXPECT_TRUE(storage_.IsComplete(instance, std::nullopt));
  EXPECT_FALSE(storage_.IsComplete(Ref("1.2", "1.2.3", "1.2.3.2"), std::nullopt));
}

// The seed's bug 12: a "/" in a UID escaped the output directory.
TEST_F(DirectoryStorageTest, NoNameLeadsOutOfTheDirectory) {
  EXPECT_THROW(Uid("../../etc/passwd"), Error);
  EXPECT_THROW(Uid("/etc/passwd"), Error);
  for (const char* name :
       {"../escaped", "/tmp/escaped", "a/../../escaped", "a/..", "", ".", "a/", "a//../../escaped"}) {
    OddStorage storage(out_, name);
    EXPECT_EQ(CodeOf([&] { Store(storage, instance_, file_); }), ErrorCode::kInvalidArgument) << name;
    EXPECT_EQ(CodeOf([&] { storage.IsComplete(instance_, {}); }), ErrorCode::kInvalidArgument) << name;
  }
  OddStorage with_nul(out_, fs::path(std::string("a\0b", 3)));
  EXPECT_EQ(CodeOf([&] { Store(with_nul, instance_, file_); }), ErrorCode::kInvalidArgument);
  EXPECT_THAT(FilesBelow(directory_.path()), IsEmpty());
}

TEST_F(DirectoryStorageTest, NoSymbolicLinkLeadsOutOfTheDirectory) {
  const fs::path outside = directory_ / "outside";
  fs::create_directories(outside / "3.4");
  fs::create_directories(out_);
  fs::create_directory_symlink(outside, out_ / "1.2");
  EXPECT_EQ(CodeOf([&] { Store(storage_, instance_, file_); }), ErrorCode::kStorage);
  EXPECT_THAT(FilesBelow(outside), IsEmpty());

  // A link in a file's place is replaced, not followed; what it points to is no complete instance.
  const auto victim = directory_.Write("victim", file_);
  const auto other = Ref("2.2", "3.4", "5.6");
  fs::create_directories(out_ / "2.2/3.4");
  fs::create_symlink(victim, out_ / "2.2/3.4/5.6.dcm");
  EXPECT_FALSE(storage_.IsComplete(other, std::nullopt));
  Store(storage_, other, "new");
  EXPECT_EQ(ReadFile(victim), file_);
  EXPECT_FALSE(fs::is_symlink(out_ / "2.2/3.4/5.6.dcm"));
}

TEST_F(DirectoryStorageTest, TheDirectoryItselfMayBeALink) {
  fs::create_directory(directory_ / "real");
  fs::create_directory_symlink(directory_ / "real", directory_ / "link");
  StorageDir storage({.directory = directory_ / "link"});
  Store(storage, instance_, file_);
  EXPECT_THAT(FilesBelow(directory_ / "real"), ElementsAre("1.2/3.4/5.6.dcm"));
}

TEST_F(DirectoryStorageTest, AFlatDirectoryRefusesTheSameInstanceOfAnotherSeries) {
  FlatStorageDir flat({.directory = out_});
  Store(flat, instance_, file_);
  EXPECT_EQ(CodeOf([&] { Store(flat, Ref("1.2", "3.5", "5.6"), FakePart10("5.6", "other")); }), ErrorCode::kStorage);
  EXPECT_EQ(ReadFile(out_ / "5.6.dcm"), file_);
}

TEST_F(DirectoryStorageTest, SaysThatTheDiskIsFull) {
  const auto tiny = directory_ / "tiny";
  fs::create_directory(tiny);
  const std::string mount = "mount -t tmpfs -o size=64k tmpfs " + tiny.string();
  if (std::system(mount.c_str()) != 0) {
    FAIL() << "this test mounts a small disk: run it as root";
  }
  {
    StorageDir storage({.directory = tiny});
    EXPECT_EQ(CodeOf([&] { Store(storage, instance_, std::string(1000000, 'x')); }), ErrorCode::kNoSpace);
    EXPECT_THAT(FilesBelow(tiny), IsEmpty()) << "and what was written of it is gone";
    Store(storage, instance_, file_);
    EXPECT_EQ(ReadFile(tiny / "1.2/3.4/5.6.dcm"), file_);
  }
  EXPECT_EQ(std::system(("umount -l " + tiny.string()).c_str()), 0);
}

TEST_F(DirectoryStorageTest, AKilledProcessLeavesNoFileAndItsLeftOversAreRemoved) {
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto writer = storage_.Begin(instance_, std::nullopt);
    writer->Append(Bytes(std::string(1000000, 'x')));
    [[maybe_unused]] const ssize_t told = ::write(ready[1], "x", 1);
    ::pause();
    ::_exit(0);
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  ::close(ready[0]);
  ::close(ready[1]);
  {
    // While it lives, its temporary file is left alone.
    StorageDir neighbour({.directory = out_});
    Store(neighbour, Ref("1.2", "3.4", "5.7"), file_);
    EXPECT_EQ(FilesBelow(out_).size(), 2U);
  }
  ::kill(child, SIGKILL);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_FALSE(fs::exists(out_ / "1.2/3.4/5.6.dcm"));
  StorageDir next({.directory = out_});
  Store(next, instance_, file_);
  EXPECT_THAT(FilesBelow(out_), UnorderedElementsAre("1.2/3.4/5.6.dcm", "1.2/3.4/5.7.dcm"));
}

TEST_F(DirectoryStorageTest, ManyThreadsWriteIntoManyDirectories) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      StorageDir synced({.directory = out_, .sync = t == 0});
      for (int i = 0; i < 100; ++i) {
        const std::string uid = "5." + std::to_string(t) + "." + std::to_string(i);
        Store(t == 0 && i < 5 ? synced : storage_, Ref("1.2", "3." + std::to_string(i), uid), FakePart10(uid, "data"));
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(FilesBelow(out_).size(), 400U);
  EXPECT_TRUE(storage_.IsComplete(Ref("1.2", "3.99", "5.3.99"), std::nullopt));
}

TEST_F(DirectoryStorageTest, SaysWhatIsInTheWay) {
  directory_.Write("a/b/out/1.2", "a file where a directory should be");
  EXPECT_EQ(CodeOf([&] { Store(storage_, instance_, file_); }), ErrorCode::kStorage);
  fs::create_directories(out_ / "2.2/3.4/5.6.dcm/x");
  EXPECT_EQ(CodeOf([&] { Store(storage_, Ref("2.2", "3.4", "5.6"), file_); }), ErrorCode::kStorage);
  EXPECT_FALSE(storage_.IsComplete(Ref("2.2", "3.4", "5.6"), std::nullopt));
}

}  // namespace
}  // namespace trolley
