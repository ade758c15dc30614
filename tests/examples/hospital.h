#ifndef TROLLEY_TESTS_EXAMPLES_HOSPITAL_H_
#define TROLLEY_TESTS_EXAMPLES_HOSPITAL_H_

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "support/fake_mint.h"
#include "support/fake_rad69.h"
#include "support/orthanc_content.h"

namespace trolley {

// The servers that the examples talk to: an Orthanc, and a MINT and a RAD-69 server with the same instances.
class Hospital {
 public:
  static Hospital& Get() {
    static Hospital hospital;
    return hospital;
  }

  std::string DicomWeb() const { return Content().orthanc().DicomWebUrl(); }
  std::string Wado() const { return "http://127.0.0.1:" + std::to_string(Content().orthanc().http_port()) + "/wado"; }
  uint16_t DicomPort() const { return static_cast<uint16_t>(Content().orthanc().dicom_port()); }
  FakeMint& mint() { return mint_; }
  FakeRad69& rad69() { return rad69_; }

  static OrthancContent& Content() { return OrthancContent::Shared(); }
  static const std::map<InstanceReference, std::string>& Instances() { return Content().instances(); }

 private:
  Hospital() : mint_(FakeMint::Dialect::kVitrea, Rows()), rad69_(Instances()) {}

  static std::vector<Attributes> Rows() {
    std::vector<Attributes> rows;
    for (const auto& [instance, bytes] : Instances()) {
      const bool first = instance.study.str() == OrthancContent::StudyUid("1");
      rows.push_back(Attributes({{tag::kSOPInstanceUID, instance.instance.str()},
                                 {tag::kPatientName, first ? "Contract^Anna" : "Somebody^Else"},
                                 {tag::kStudyInstanceUID, instance.study.str()},
                                 {tag::kSeriesInstanceUID, instance.series.str()}}));
    }
    return rows;
  }

  FakeMint mint_;
  FakeRad69 rad69_;
};

// How many files lie in `directory` and below with exactly the bytes of an instance of the archive.
inline size_t CountStoredInstances(const std::filesystem::path& directory) {
  size_t count = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    const std::string bytes = entry.is_regular_file() ? ReadFile(entry.path()) : "";
    for (const auto& [instance, stored] : Hospital::Instances()) {
      if (stored == bytes) {
        ++count;
        break;
      }
    }
  }
  return count;
}

}  // namespace trolley

#endif  // TROLLEY_TESTS_EXAMPLES_HOSPITAL_H_
