// Mounts over MINT and RAD-69, strict servers and sloppy ones.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "dicom/synthetic.h"
#include "support/fake_mint.h"
#include "support/fake_rad69.h"
#include "support/mounted.h"
#include "support/paths.h"
#include "support/process.h"
#include "support/temp_directory.h"
#include "trolley/file_header.h"
#include "trolley/references.h"

namespace trolley {
namespace {

using testing::HasSubstr;
using testing::Not;

// Several series, made once.
struct IheContent {
  static const IheContent& Get() {
    static const IheContent content;
    return content;
  }

  std::vector<Attributes> rows;
  std::map<InstanceReference, std::string> files;

 private:
  IheContent() {
    SyntheticInstances spec;
    spec.patient_name = "M\xC3\xBCller^J\xC3\xBCrgen & <S\xC3\xB6hne>";
    spec.charset = "ISO_IR 100";
    spec.study_description = "\"Thorax\"";
    spec.instances = 12;
    Add(spec, 1, 1);
    spec.compression = SyntheticInstances::Compression::kJpegBaseline;
    spec.modality = "US";
    spec.frames = 3;
    spec.instances = 2;
    Add(spec, 1, 2);
    spec = {};
    spec.modality = "SR";
    Add(spec, 2, 1);
  }

  void Add(SyntheticInstances spec, int study, int series) {
    const TempDirectory directory;
    spec.study_uid = "1.2.826.0.1.3680043.8.498.69." + std::to_string(study);
    spec.series_uid = spec.study_uid + "." + std::to_string(series);
    spec.series_number = series;
    for (const std::filesystem::path& file : WriteSyntheticSeries(spec, directory.path())) {
      rows.push_back(ReadFileHeader(file).value().attributes);
      const Attributes& row = rows.back();
      files[{Uid(row.Get(tag::kStudyInstanceUID)), Uid(row.Get(tag::kSeriesInstanceUID)),
             Uid(row.Get(tag::kSOPInstanceUID))}] = ReadFile(file);
    }
  }
};

struct IheServers {
  std::string name;
  FakeMint::Dialect dialect;
  FakeMint::Habits mint;
  FakeRad69::Habits rad69;
  std::string searcher;  // more of the configuration
  std::string downloader;
};

class IheArchiveTest : public testing::TestWithParam<IheServers> {
 protected:
  IheArchiveTest() : mint_(GetParam().dialect, IheContent::Get().rows), rad69_(IheContent::Get().files) {
    mint_.SetHabits(GetParam().mint);
    rad69_.SetHabits(GetParam().rad69);
    std::ofstream(config_) << "[archive.ihe]\nbrowse = \"all\"\nsearcher = { type = \"mint\", url = \"" << mint_.url()
                           << "\"" << GetParam().searcher << " }\ndownloader = { type = \"rad69\", url = \""
                           << rad69_.url() << "\"" << GetParam().downloader << " }\n";
  }
  ~IheArchiveTest() override { EXPECT_THAT(rad69_.Complaints(), testing::ElementsAre()); }

  void Mount() {
    mount_ = std::make_unique<Mounted>("ihe", directory_.path() / "cache",
                                       std::vector<std::string>{"--config", config_.string()});
  }
  static std::string PathOf(const InstanceReference& instance) {
    return "studies/" + instance.study.str() + "/" + instance.series.str() + "/" + instance.instance.str() + ".dcm";
  }
  static InstanceReference Instance(size_t number) {
    return std::next(IheContent::Get().files.begin(), static_cast<std::ptrdiff_t>(number))->first;
  }
  RunResult Shell(const std::string& line) const {
    RunOptions options;
    options.directory = mount_->path();
    options.environment["OUT"] = out_.path().string();
    return RunShell(line, options);
  }
  // The bytes of every file below `directory`, sorted.
  static std::multiset<std::string> FilesBelow(const std::filesystem::path& directory) {
    std::multiset<std::string> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
      if (entry.is_regular_file()) {
        files.insert(ReadFile(entry.path()));
      }
    }
    return files;
  }
  static std::multiset<std::string> Stored() {
    std::multiset<std::string> files;
    for (const auto& [instance, bytes] : IheContent::Get().files) {
      files.insert(bytes);
    }
    return files;
  }
  // Some instances fail, each in its own way.
  void Spoil(const InstanceReference& missing, const InstanceReference& failing) {
    FakeRad69::Habits habits = GetParam().rad69;
    habits.errors[missing.instance.str()] = "XDSMissingDocument";
    habits.errors[failing.instance.str()] = "XDSRepositoryError";
    rad69_.SetHabits(habits);
  }

  TempDirectory directory_;
  TempDirectory out_;
  const std::filesystem::path config_ = directory_.path() / "config.toml";
  FakeMint mint_;
  FakeRad69 rad69_;
  std::unique_ptr<Mounted> mount_;
};

TEST_P(IheArchiveTest, CopiesTheExactBytesOfEverything) {
  Mount();
  const RunResult copy = Shell("cp -r studies $OUT/");
  EXPECT_EQ(copy.exit_code, 0) << copy.err;
  EXPECT_TRUE(FilesBelow(out_.path()) == Stored());
  EXPECT_THAT(Shell("ls patients").out, HasSubstr("DEMO1"));
  EXPECT_TRUE(mount_->Unmount()) << mount_->process().Err();
}

TEST_P(IheArchiveTest, ReportsTheOutcomeOfEachInstanceOfASeries) {
  const InstanceReference missing = Instance(3);
  const InstanceReference failing = Instance(5);
  Spoil(missing, failing);
  Mount();
  EXPECT_THAT(Shell("cat " + PathOf(missing)).err, HasSubstr("No such file"));
  const RunResult failed = Shell("cat " + PathOf(failing));
  EXPECT_NE(failed.exit_code, 0);
  EXPECT_THAT(failed.err, testing::AnyOf(HasSubstr("Input/output error"), HasSubstr("Protocol error")));
  EXPECT_NE(Shell("cp -r studies $OUT/").exit_code, 0);
  std::multiset<std::string> expected = Stored();
  expected.erase(IheContent::Get().files.at(missing));
  expected.erase(IheContent::Get().files.at(failing));
  std::multiset<std::string> copied = FilesBelow(out_.path());
  copied.erase("");  // what cp makes before it reads
  EXPECT_TRUE(copied == expected) << copied.size() << " of " << expected.size();
}

TEST_P(IheArchiveTest, GetsEverything) {
  const RunResult get = RunProgram({kTrolleyfsProgram, "get", "ihe", "PatientID=DEMO1", "--output",
                                    (out_.path() / "all").string(), "--config", config_.string()});
  EXPECT_EQ(get.exit_code, 0) << get.err;
  EXPECT_TRUE(FilesBelow(out_.path() / "all") == Stored());
}

TEST_P(IheArchiveTest, GetsWhatItCanAndSaysWhatFailed) {
  const InstanceReference missing = Instance(3);
  const InstanceReference failing = Instance(5);
  Spoil(missing, failing);
  const RunResult get = RunProgram({kTrolleyfsProgram, "get", "ihe", missing.study.str(), "--output",
                                    (out_.path() / "all").string(), "--config", config_.string()});
  EXPECT_EQ(get.exit_code, 1);
  EXPECT_THAT(get.err, HasSubstr(missing.instance.str()));
  EXPECT_THAT(get.err, HasSubstr(failing.instance.str()));
  EXPECT_THAT(get.err, HasSubstr("XDSRepositoryError"));
  EXPECT_EQ(FilesBelow(out_.path() / "all").size(), 12u);  // of 14
}

INSTANTIATE_TEST_SUITE_P(Servers, IheArchiveTest,
                         testing::Values(IheServers{"Strict", FakeMint::Dialect::kVitrea, {}, {}, "", ""},
                                         IheServers{"Sloppy",
                                                    FakeMint::Dialect::kVitrea,
                                                    {.sloppy = true, .own_limit = 1, .ignores_keys = true},
                                                    {.sloppy = true},
                                                    ", date_parameters = \"min_study_date\"",
                                                    ", bare_soap = true, request_per_series = false"},
                                         IheServers{"Reference",
                                                    FakeMint::Dialect::kReference,
                                                    {.cap = 1, .tells_limit = false, .old_capitals = true},
                                                    {.root = FakeRad69::Root::kLast},
                                                    ", dialect = \"reference\"",
                                                    ""}),
                         [](const auto& servers) { return servers.param.name; });

}  // namespace
}  // namespace trolley
