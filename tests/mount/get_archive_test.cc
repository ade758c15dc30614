// `trolleyfs get`, the program, against a real Orthanc and against an archive that responds badly.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "dicom/synthetic.h"
#include "mount/archive_fixture.h"
#include "mount/fake_archive.h"
#include "support/paths.h"

namespace trolley {
namespace {

namespace fs = std::filesystem;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr int kInterrupted = 128 + SIGINT;

// Names below `directory`, hidden ones too; also while files are renamed there.
std::set<std::string> FilesBelow(const fs::path& directory) {
  std::set<std::string> files;
  std::error_code error;
  for (auto entry = fs::recursive_directory_iterator(directory, error);
       !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    std::error_code gone;
    if (!entry->is_directory(gone)) {
      files.insert(entry->path().lexically_relative(directory).string());
    }
  }
  return files;
}

// An Orthanc with a few series behind a proxy; made once.
struct GetArchive {
  static GetArchive& Get() {
    static GetArchive archive;
    return archive;
  }
  std::string Url() const { return proxy.Url("/dicom-web"); }

  TempDirectory directory;
  OrthancServer orthanc;
  CountingProxy proxy{orthanc.http_port()};
  StoredSeries ct;  // slices of 525 kB
  StoredSeries jpeg;
  StoredSeries rle;
  StoredSeries report;

 private:
  GetArchive() {
    SyntheticInstances spec;
    spec.patient_id = "TB-0001";
    spec.rows = spec.columns = 512;
    spec.instances = 30;
    ct = Make(spec, 1, 1);
    spec.patient_id = "TB-0003";
    spec.study_description = "US Echo";
    spec.rows = spec.columns = 64;
    spec.modality = "US";
    spec.instances = 3;
    spec.compression = SyntheticInstances::Compression::kJpegBaseline;
    jpeg = Make(spec, 3, 1);
    spec.modality = "MR";
    spec.instances = 5;
    spec.compression = SyntheticInstances::Compression::kRle;
    rle = Make(spec, 3, 2);
    spec.modality = "SR";
    spec.instances = 1;
    spec.compression = SyntheticInstances::Compression::kNone;
    report = Make(spec, 3, 3);
  }

  StoredSeries Make(SyntheticInstances spec, int study, int series) {
    spec.study_uid = "1.2.826.0.1.3680043.8.498.2." + std::to_string(study);
    spec.series_uid = spec.study_uid + "." + std::to_string(series);
    spec.series_number = series;
    StoredSeries stored{spec.study_uid, spec.series_uid, WriteSyntheticSeries(spec, directory / spec.series_uid)};
    orthanc.Upload(stored.files);
    return stored;
  }
};

class GetTest : public testing::Test {
 protected:
  GetTest() { archive().proxy.ForgetRequests(); }
  ~GetTest() override { archive().proxy.Pass(); }

  static GetArchive& archive() { return GetArchive::Get(); }
  static const GetArchive& data() { return GetArchive::Get(); }

  std::vector<std::string> Command(const std::string& from, const std::vector<std::string>& arguments) const {
    std::vector<std::string> command = {
        kTrolleyfsProgram, "get", from, "--output", out_.string(), "--cache-dir", (directory_ / "cache").string()};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return command;
  }
  RunResult Get(const std::vector<std::string>& arguments, const RunOptions& options = {}) const {
    return RunProgram(Command(archive().Url(), arguments), options);
  }
  RunResult GetFrom(const std::string& from, const std::vector<std::string>& arguments) const {
    return RunProgram(Command(from, arguments));
  }
  fs::path TreeOf(const StoredSeries& series) const { return out_ / series.study / series.series; }
  // Every instance of the series lies in the tree, and nothing else beside them.
  testing::AssertionResult HasTree(const StoredSeries& series) const {
    for (size_t number = 1; number <= series.files.size(); ++number) {
      const auto same = SameBytes(TreeOf(series) / (series.InstanceUid(number) + ".dcm"), series.files[number - 1]);
      if (!same) {
        return same;
      }
    }
    const size_t count = FilesBelow(TreeOf(series)).size();
    return count == series.files.size() ? testing::AssertionSuccess()
                                        : testing::AssertionFailure() << count << " files are there";
  }

  TempDirectory directory_;
  const fs::path out_ = directory_ / "out";
};

TEST_F(GetTest, GetsWhatMatchesByteForByte) {
  const RunResult result = Get({"PatientID=TB-0003"});
  ASSERT_TRUE(Succeeded(result));
  for (const StoredSeries* series : {&data().jpeg, &data().rle, &data().report}) {
    EXPECT_TRUE(HasTree(*series));
  }
  EXPECT_THAT(result.out, HasSubstr("9 instances, "));
  EXPECT_THAT(result.err, IsEmpty());
  EXPECT_THAT(result.out, Not(HasSubstr("\r"))) << "plain lines where there is no terminal";
}

TEST_F(GetTest, GetsSeriesAndInstancesByTheirUids) {
  const StoredSeries& ct = data().ct;
  const RunResult result =
      Get({ct.study + "/" + ct.series, data().rle.study + "/" + data().rle.series + "/" + data().rle.InstanceUid(2)});
  ASSERT_TRUE(Succeeded(result));
  EXPECT_TRUE(HasTree(ct));
  EXPECT_EQ(FilesBelow(out_).size(), ct.files.size() + 1);
  EXPECT_EQ(archive().proxy.CountRequests(ct.series + "/instances"), 0U) << "the series comes as a whole, unlisted";
}

TEST_F(GetTest, ACriterionOfSeriesGetsJustThose) {
  ASSERT_TRUE(Succeeded(Get({"PatientID=TB-0003", "Modality=SR"})));
  EXPECT_TRUE(HasTree(data().report));
  EXPECT_EQ(FilesBelow(out_).size(), 1U);
}

TEST_F(GetTest, HasTheNamesOfAMount) {
  ASSERT_TRUE(Succeeded(Get({data().rle.study, "--layout", "readable"})));
  const Mounted mounted(archive().Url(), directory_ / "mount-cache");
  const fs::path studies = mounted.path() / "search/PatientID=TB-0003";
  for (const std::string& file : FilesBelow(out_)) {
    EXPECT_TRUE(SameBytes(studies / file, out_ / file)) << file;
  }
  EXPECT_EQ(FilesBelow(out_).size(), 9U);
}

TEST_F(GetTest, HasFlatNamesAndDicomtrolleys) {
  const StoredSeries& rle = data().rle;
  ASSERT_TRUE(Succeeded(Get({rle.study + "/" + rle.series, "--layout", "flat"})));
  EXPECT_TRUE(SameBytes(out_ / (rle.InstanceUid(1) + ".dcm"), rle.files[0]));
  fs::remove_all(out_);
  ASSERT_TRUE(Succeeded(Get({rle.study + "/" + rle.series, "--dicomtrolley-names"})));
  std::string name = rle.study + "/" + rle.series + "/" + rle.InstanceUid(1);
  std::replace(name.begin(), name.end(), '.', '_');
  EXPECT_TRUE(SameBytes(out_ / name, rle.files[0]));
}

TEST_F(GetTest, GoesOnAfterKill9) {
  const StoredSeries& ct = data().ct;
  archive().proxy.Hang("/series/" + ct.series, 5000000);
  {
    Process process(Command(archive().Url(), {ct.study}));
    while (process.Running() && FilesBelow(TreeOf(ct)).size() < 5) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    process.Signal(SIGKILL);
    ASSERT_EQ(process.Wait(std::chrono::seconds(60)), 128 + SIGKILL) << process.Err();
  }
  size_t whole = 0;
  for (size_t number = 1; number <= ct.files.size(); ++number) {
    const fs::path file = TreeOf(ct) / (ct.InstanceUid(number) + ".dcm");
    if (fs::exists(file)) {
      ++whole;
      EXPECT_TRUE(SameBytes(file, ct.files[number - 1])) << "what has its name is whole";
    }
  }
  ASSERT_GE(whole, 4U);
  ASSERT_LT(whole, ct.files.size());
  archive().proxy.Pass();

  const RunResult again = Get({ct.study});
  ASSERT_TRUE(Succeeded(again));
  EXPECT_TRUE(HasTree(ct)) << "and the killed one's temporary file is gone";
  EXPECT_THAT(again.out, HasSubstr(std::to_string(whole) + " were there already"));

  archive().proxy.ForgetRequests();
  EXPECT_THAT(Get({ct.study}).out, HasSubstr("0 instances"));
  EXPECT_EQ(archive().proxy.CountRequests("/series/" + ct.series, "/instances"), 0U)
      << "what is complete is not fetched again";
  EXPECT_THAT(Get({data().rle.study + "/" + data().rle.series, "--overwrite"}).out, HasSubstr("5 instances"));
  EXPECT_THAT(Get({data().rle.study + "/" + data().rle.series, "--overwrite"}).out, HasSubstr("5 instances"));
}

TEST_F(GetTest, StopsInGoodOrderWhenInterrupted) {
  const StoredSeries& ct = data().ct;
  archive().proxy.Hang("/series/" + ct.series, 5000000);
  Process process(Command(archive().Url(), {ct.study}));
  while (process.Running() && FilesBelow(TreeOf(ct)).size() < 5) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  process.Signal(SIGINT);
  EXPECT_EQ(process.Wait(std::chrono::seconds(60)), kInterrupted);
  EXPECT_THAT(process.Err(), HasSubstr("goes on from here"));
  for (const std::string& file : FilesBelow(out_)) {
    EXPECT_THAT(file, Not(HasSubstr(".part")));
  }
}

TEST_F(GetTest, ASeriesThatIsCutOffIsFetchedAgainForTheRest) {
  archive().proxy.Cut(3000000, "/series/" + data().ct.series, 1);
  ASSERT_TRUE(Succeeded(Get({data().ct.study})));
  EXPECT_TRUE(HasTree(data().ct));
}

TEST_F(GetTest, ReadsACohortFromStandardInput) {
  RunOptions options;
  options.input = "1.2.3.99\n# none\nNO-SUCH-NUMBER\n" + data().rle.study + "/" + data().rle.series +
                  "\nX*\nPatientID=TB-0003,Modality=SR\n";
  const RunResult result = Get({"-"}, options);
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_TRUE(HasTree(data().rle));
  EXPECT_TRUE(HasTree(data().report));
  EXPECT_THAT(result.err, HasSubstr("line 1: 1.2.3.99: the archive has none"));
  EXPECT_THAT(result.err, HasSubstr("line 3: nothing matches"));
  EXPECT_THAT(result.err, HasSubstr("line 5: an accession number has no"));
  EXPECT_THAT(result.err, Not(HasSubstr("NO-SUCH-NUMBER"))) << "accession numbers are the patient's";
  EXPECT_THAT(result.out, HasSubstr("6 instances, "));
}

TEST_F(GetTest, DrawsABarOnATerminal) {
  std::string command;
  for (const std::string& word : Command(archive().Url(), {data().ct.study})) {
    command += "'" + word + "' ";
  }
  RunOptions options;
  options.environment["TERM"] = "xterm";
  const RunResult result = RunProgram({"script", "-qec", command, "/dev/null"}, options);
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.out, ContainsRegex("\r[^\n]* of [0-9]+[^\n]*MB/s"));
  EXPECT_THAT(result.out, HasSubstr("\x1b[K"));
}

TEST_F(GetTest, NothingFoundIsAFailure) {
  const RunResult nobody = Get({"PatientID=NOBODY"});
  EXPECT_EQ(nobody.exit_code, 1);
  EXPECT_THAT(nobody.err, HasSubstr("nothing matches"));
  EXPECT_EQ(Get({"1.2.3.99/1.2"}).exit_code, 1);
}

TEST_F(GetTest, SaysHowItIsUsed) {
  const std::string url = archive().Url();
  EXPECT_EQ(Get({}).exit_code, 2);
  EXPECT_EQ(Get({"nonsense"}).exit_code, 2);
  EXPECT_EQ(Get({"1.2", "PatientID=1"}).exit_code, 2);
  EXPECT_EQ(Get({"1.2", "--jobs", "0"}).exit_code, 2);
  EXPECT_EQ(Get({"1.2", "--layout", "round"}).exit_code, 2);
  EXPECT_EQ(RunProgram({kTrolleyfsProgram, "get", url, "1.2"}).exit_code, 2) << "without --output";
  EXPECT_THAT(RunProgram({kTrolleyfsProgram, "get", "--help"}).out, HasSubstr("cohort"));
}

TEST_F(GetTest, GetsFromAFolderButNotIntoIt) {
  const std::string folder = data().rle.files[0].parent_path().string();
  ASSERT_TRUE(Succeeded(GetFrom(folder, {data().rle.study})));
  EXPECT_TRUE(HasTree(data().rle));
  const RunResult inside = RunProgram({kTrolleyfsProgram, "get", folder, data().rle.study, "--output", folder + "/out",
                                       "--cache-dir", (directory_ / "cache").string()});
  EXPECT_EQ(inside.exit_code, 1);
  EXPECT_THAT(inside.err, HasSubstr("inside the archive's folder"));
}

TEST_F(GetTest, ListsWhatFailedAndGetsTheOthers) {
  FakeArchive fake(5);
  fake.OnRetrieve([&](const ReceivedRequest& request, HttpReply& reply) {
    if (request.target.ends_with(fake.InstanceUid(2))) {
      reply.Respond(403, "text/plain", "no");
    } else if (request.target.ends_with(fake.InstanceUid(4))) {
      reply.Respond(404, "text/plain", "gone");
    } else {
      fake.Respond(request, reply);
    }
  });
  const RunResult result = GetFrom(fake.Url(), {FakeArchive::Study()});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr(fake.InstanceUid(2) + ": Cannot"));
  EXPECT_THAT(result.err, HasSubstr(fake.InstanceUid(4) + ": the archive has none"));
  EXPECT_THAT(result.out, HasSubstr("3 instances, "));
  EXPECT_THAT(result.out, HasSubstr("2 failed"));
  EXPECT_EQ(ReadFile(out_ / "1.2.3/1.2.3.4" / (fake.InstanceUid(5) + ".dcm")), fake.Bytes(5));
  EXPECT_EQ(FilesBelow(out_).size(), 3U);
}

// The seed's bug 12, from end to end.
TEST_F(GetTest, HostileUidsStayInTheOutputDirectory) {
  FakeArchive fake(1);
  for (const char* uid : {"../../escaped", "/tmp/escaped", "..", "1.2\\u0000.3"}) {
    fake.OnSearch([uid](const ReceivedRequest&, HttpReply& reply) {
      const std::string value = "{\"vr\":\"UI\",\"Value\":[\"" + std::string(uid) + "\"]}";
      reply.Respond(200, "application/dicom+json",
                    "[{\"0020000D\":" + value + ",\"0020000E\":" + value + ",\"00080018\":" + value + "}]");
    });
    const RunResult result = GetFrom(fake.Url(), {"PatientID=1"});
    EXPECT_EQ(result.exit_code, 1) << uid;
    EXPECT_THAT(result.err, HasSubstr("trolleyfs: "));
  }
  EXPECT_THAT(FilesBelow(out_), IsEmpty());
  EXPECT_FALSE(fs::exists(directory_ / "escaped"));
}

TEST_F(GetTest, SaysThatTheDiskIsFull) {
  fs::create_directory(out_);
  ASSERT_EQ(RunShell("mount -t tmpfs -o size=3m tmpfs " + out_.string()).exit_code, 0) << "this test needs root";
  const RunResult result = Get({data().ct.study});
  const std::set<std::string> files = FilesBelow(out_);
  EXPECT_EQ(RunShell("umount -l " + out_.string()).exit_code, 0);
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("No space left on device"));
  EXPECT_GE(files.size(), 3U);
  EXPECT_THAT(files, testing::Each(testing::EndsWith(".dcm")));
}

TEST_F(GetTest, SaysWhatIsWrongWithTheArchive) {
  const RunResult refused = GetFrom("http://127.0.0.1:1/dicom-web", {"PatientID=1"});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.err, HasSubstr("refused"));
  EXPECT_EQ(GetFrom("no-such-archive", {"PatientID=1"}).exit_code, 1);
}

}  // namespace
}  // namespace trolley
