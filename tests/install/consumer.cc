// Lists the studies of the patients named Doe and downloads them. Usage: consumer ARCHIVE DIRECTORY
#include <trolley/trolley.h>

#include <iostream>
#include <memory>

int main(int argc, char** argv) try {
  const std::string name = argc == 3 ? argv[1] : "hospital";  // a configured name, a URL, or a folder
  trolley::Trolley trolley(trolley::ResolveArchive(name, trolley::LoadConfig({})));
  const auto studies = trolley.FindStudies(
      trolley::Query().Where("PatientName", "Doe*").Include("StudyDate").Include("StudyDescription"));
  for (const trolley::Study& study : *studies) {
    std::cout << study.attributes.Get("StudyDate") << "  " << study.attributes.Get("StudyDescription") << "\n";
  }
  trolley::StorageDir storage({.directory = argc == 3 ? argv[2] : "doe"});  // doe/<study>/<series>/<instance>.dcm
  const trolley::DownloadReport report = trolley.Download(studies, storage);
  std::cout << report.total.done << " of " << report.total.found << " instances\n";
  return report.ok() ? 0 : 1;
} catch (const trolley::Error& error) {  // every failure; the message says what to do
  std::cerr << error.what() << "\n";
  return 1;
}
