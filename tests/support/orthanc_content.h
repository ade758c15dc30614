#ifndef TROLLEY_TESTS_SUPPORT_ORTHANC_CONTENT_H_
#define TROLLEY_TESTS_SUPPORT_ORTHANC_CONTENT_H_

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "dicom/synthetic.h"
#include "support/made_once.h"
#include "support/orthanc.h"
#include "support/sockets.h"
#include "support/temp_directory.h"
#include "trolley/references.h"

namespace trolley {

// Synthetic series of several kinds, as files and in an Orthanc of this test program's own. The files, and what the
// Orthanc begins with, are made once for all test programs.
class OrthancContent {
 public:
  static OrthancContent& Shared() {
    static OrthancContent content(Made());
    return content;
  }

  OrthancServer& orthanc() { return orthanc_; }
  // Orthanc sends what a C-MOVE to this AE title asks for to this port.
  static constexpr const char* kMoveTitle = "MOVER";
  int move_port() const { return move_port_; }
  const std::vector<std::filesystem::path>& files() const { return files_; }
  // Every instance and its file's bytes.
  const std::map<InstanceReference, std::string>& instances() const { return instances_; }
  // Everything of one series, in the order of its files.
  std::vector<InstanceReference> Series(const std::string& study, int number) const {
    std::vector<InstanceReference> refs;
    for (int i = 1; instances_.contains(Ref(study, number, i)); ++i) {
      refs.push_back(Ref(study, number, i));
    }
    return refs;
  }

  static std::string StudyUid(const std::string& study) { return "1.2.826.0.1.3680043.8.498.5." + study; }
  static InstanceReference Ref(const std::string& study, int series, int instance) {
    const std::string series_uid = StudyUid(study) + "." + std::to_string(series);
    return {Uid(StudyUid(study)), Uid(series_uid), Uid(series_uid + "." + std::to_string(instance))};
  }

 private:
  using Spec = SyntheticInstances;

  explicit OrthancContent(const std::filesystem::path& made) : OrthancContent(made, made / "orthanc") {}

  // Reads what lies in `directory`; what is not there yet is made.
  OrthancContent(const std::filesystem::path& directory, const std::filesystem::path& saved)
      : directory_(directory), orthanc_({.modalities = {{kMoveTitle, move_port_}}, .content = saved}) {
    Add("1", 1, "Contract^Anna", "C/1", [](Spec&) {});
    Add("2", 1, "Contra^Ben", "C 2", [](Spec&) {});
    Add("2", 2, "Contra^Ben", "C 2", [](Spec& spec) {
      spec.modality = "MR";
      spec.instances = 120;
      spec.rows = spec.columns = 16;
    });
    Add("2", 3, "Contra^Ben", "C 2", [](Spec& spec) { spec.modality = "SR"; });
    for (const int series : {1, 2}) {
      Add("3", series, "Müller^Jürgen", "C3", [series](Spec& spec) {
        spec.charset = "ISO_IR 100";
        spec.compression = series == 1 ? Spec::Compression::kJpegBaseline : Spec::Compression::kRle;
      });
    }
    Add("4", 1, "Yamada^Tarou=山田^太郎", "C4", [](Spec& spec) {
      spec.charset = "\\ISO 2022 IR 87";
      spec.frames = 5;
    });
  }

  static std::filesystem::path Made() {
    return MadeOnce("orthanc-content", {"tests/support/orthanc_content.h"}, [](const std::filesystem::path& directory) {
      OrthancContent made(directory, {});
      made.orthanc_.Upload(made.files_);
      made.orthanc_.SaveContent(directory / "orthanc");
    });
  }

  void Add(const std::string& study, int series, const std::string& name, const std::string& patient_id,
           const std::function<void(Spec&)>& change) {
    Spec spec;
    spec.patient_name = name;
    spec.patient_id = patient_id;
    spec.study_uid = StudyUid(study);
    spec.series_uid = spec.study_uid + "." + std::to_string(series);
    spec.series_number = series;
    spec.study_description = study == "2" ? "CT Thorax/Abdomen, m. KM" : "";
    spec.explicit_lengths = true;
    change(spec);
    const std::filesystem::path place = directory_ / (study + "-" + std::to_string(series));
    const auto files = FilesMadeOnce(place, [&] { return WriteSyntheticSeries(spec, place); });
    files_.insert(files_.end(), files.begin(), files.end());
    for (size_t i = 0; i < files.size(); ++i) {
      instances_[Ref(study, series, static_cast<int>(i) + 1)] = ReadFile(files[i]);
    }
  }

  const std::filesystem::path directory_;
  const int move_port_ = FreePort();
  OrthancServer orthanc_;
  std::vector<std::filesystem::path> files_;
  std::map<InstanceReference, std::string> instances_;
};

}  // namespace trolley

#endif  // TROLLEY_TESTS_SUPPORT_ORTHANC_CONTENT_H_
