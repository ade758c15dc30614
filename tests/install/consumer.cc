// A program that knows the installed library only: it gets a study out of a folder. Usage: consumer EMPTY-DIRECTORY
#include <cstdio>
#include <filesystem>
#include <memory>

#include "dicom/synthetic.h"
#include "trolley/client.h"
#include "trolley/directory_storage.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    return 2;
  }
  const std::filesystem::path directory = argv[1];
  trolley::SyntheticInstances spec;
  spec.study_uid = "1.2.3";
  spec.series_uid = "1.2.3.4";
  spec.instances = 3;
  trolley::WriteSyntheticSeries(spec, directory / "archive");

  const auto archive = trolley::ResolveArchive((directory / "archive").string(), trolley::Config{});
  trolley::Trolley trolley(
      archive, std::make_shared<trolley::StorageDir>(trolley::DirectoryStorageOptions{.directory = directory / "out"}));
  const auto studies = trolley.FindStudies(trolley::Query().Where("PatientName", "Doe*"));
  const trolley::DownloadReport report = trolley.Download(studies);
  std::printf("%u of %u\n", static_cast<unsigned>(report.total.done), static_cast<unsigned>(report.total.found));
  return report.ok() && std::filesystem::exists(directory / "out/1.2.3/1.2.3.4/1.2.3.4.3.dcm") ? 0 : 1;
}
