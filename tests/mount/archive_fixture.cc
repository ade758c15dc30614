#include "mount/archive_fixture.h"

#include <algorithm>

#include "dicom/synthetic.h"
#include "support/made_once.h"
#include "support/sockets.h"

namespace trolley {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kSlices = 30;
constexpr int kTiny = 200;
constexpr int kFrames = 20;
#else
constexpr int kSlices = 300;
constexpr int kTiny = 2000;
constexpr int kFrames = 200;
#endif

const char* const kRoot = "1.2.826.0.1.3680043.8.498.1";

StoredSeries Make(SyntheticInstances spec, int study, int series, const std::filesystem::path& directory) {
  spec.study_uid = std::string(kRoot) + "." + std::to_string(study);
  spec.series_uid = spec.study_uid + "." + std::to_string(series);
  spec.series_number = series;
  const std::filesystem::path place = directory / spec.series_uid;
  return {spec.study_uid, spec.series_uid, FilesMadeOnce(place, [&] { return WriteSyntheticSeries(spec, place); })};
}

std::vector<std::filesystem::path> SortedFiles(const std::filesystem::path& directory) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

TestData::TestData(const std::filesystem::path& root) : directory(root) {
  SyntheticInstances spec;
  spec.explicit_lengths = true;
  spec.patient_name = "Doe^John^Q";
  spec.patient_id = "TB-0001";
  spec.study_description = "CT Thorax/Abdomen";
  spec.series_description = "Thorax 1.0 B31f";
  spec.rows = spec.columns = 512;
  spec.instances = kSlices;
  ct = Make(spec, 1, 1, root);

  spec.patient_name = "Müller^Jürgen";
  spec.patient_id = "TB/0002";
  spec.charset = "ISO_IR 100";
  spec.study_description = "Tiny";
  spec.modality = "OT";
  spec.rows = spec.columns = 48;
  spec.instances = kTiny;
  tiny = Make(spec, 2, 1, root);

  spec.patient_name = "Yamada^Tarou=山田^太郎=やまだ^たろう";
  spec.patient_id = "TB-0003";
  spec.charset = "\\ISO 2022 IR 87";
  spec.study_description = "US Echo";
  spec.modality = "US";
  spec.rows = spec.columns = 1024;
  spec.instances = 1;
  spec.frames = kFrames;
  multiframe = Make(spec, 3, 1, root);

  spec.rows = spec.columns = 128;
  spec.frames = 4;
  spec.instances = 3;
  spec.compression = SyntheticInstances::Compression::kJpegBaseline;
  jpeg = Make(spec, 3, 2, root);
  spec.modality = "MR";
  spec.frames = 1;
  spec.instances = 5;
  spec.compression = SyntheticInstances::Compression::kRle;
  rle = Make(spec, 3, 3, root);
  spec.compression = SyntheticInstances::Compression::kNone;
  spec.modality = "SR";
  spec.instances = 1;
  report = Make(spec, 3, 4, root);
}

const TestData& TestData::Get() {
  static const TestData data(MadeOnce("mount-data", {"tests/mount/archive_fixture.cc"}, [](const auto& root) {
    const TestData made(root);
    OrthancServer orthanc;
    for (const StoredSeries* series : made.All()) {
      orthanc.Upload(series->files);
    }
    orthanc.SaveContent(made.Saved());
  }));
  return data;
}

TestArchive::TestArchive()
    : move_port(FreePort()),
      orthanc({.modalities = {{kMoveTitle, move_port}}, .content = TestData::Get().Saved()}),
      proxy(orthanc.http_port()) {}

TestArchive& TestArchive::Get() {
  static TestArchive archive;
  return archive;
}

MountedArchiveTest::MountedArchiveTest() {
  archive().proxy.ForgetRequests();
}

MountedArchiveTest::~MountedArchiveTest() {
  archive().proxy.Pass();
}

void MountedArchiveTest::Mount(const std::vector<std::string>& options) {
  mount_.reset();
  mount_ = std::make_unique<Mounted>(archive().Url(), cache_.path(), options);
}

void MountedArchiveTest::Unmount() {
  EXPECT_TRUE(mount_->Unmount()) << mount_->process().Err();
}

RunResult MountedArchiveTest::Shell(const std::string& line) const {
  RunOptions options;
  options.directory = mount_->path();
  options.environment["OUT"] = out_.path().string();
  options.timeout = std::chrono::minutes(4);
  return RunShell(line, options);
}

size_t MountedArchiveTest::Retrievals() {
  return archive().proxy.Targets().size() - Searches();
}

size_t MountedArchiveTest::Searches() {
  const auto targets = archive().proxy.Targets();
  // The path of a search ends in what it looks for, that of a retrieval in a UID, or in what Orthanc calls a file.
  return static_cast<size_t>(std::count_if(targets.begin(), targets.end(), [](const std::string& target) {
    const std::string path = target.substr(0, target.find('?'));
    return path.ends_with("/studies") || path.ends_with("/series") || path.ends_with("/instances") ||
           path.ends_with("/statistics") || path == "/system" || path == "/plugins/dicom-web" || path == "/tools/find";
  }));
}

testing::AssertionResult SameBytes(const std::filesystem::path& a, const std::filesystem::path& b) {
  return Succeeded(RunProgram({"cmp", a.string(), b.string()}));
}

testing::AssertionResult Succeeded(const RunResult& result) {
  if (result.exit_code != 0) {
    return testing::AssertionFailure() << "exit code " << result.exit_code << ": " << result.err << result.out;
  }
  return testing::AssertionSuccess();
}

testing::AssertionResult HoldsSeries(const std::filesystem::path& directory, const StoredSeries& series) {
  const auto files = SortedFiles(directory);
  if (files.size() != series.files.size()) {
    return testing::AssertionFailure() << directory << " has " << files.size() << " files, not " << series.files.size();
  }
  for (size_t i = 0; i < files.size(); ++i) {
    if (ReadFile(files[i]) != ReadFile(series.files[i])) {
      return testing::AssertionFailure() << files[i] << " differs from " << series.files[i];
    }
  }
  return testing::AssertionSuccess();
}

}  // namespace trolley
