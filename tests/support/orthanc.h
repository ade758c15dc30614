#ifndef TROLLEY_TESTS_SUPPORT_ORTHANC_H_
#define TROLLEY_TESTS_SUPPORT_ORTHANC_H_

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "support/process.h"
#include "support/temp_directory.h"

namespace trolley {

struct OrthancOptions {
  std::map<std::string, std::string> users{};  // name -> password; none: no authentication
  std::map<std::string, int> modalities{};     // AE title -> port of 127.0.0.1: where C-MOVE can send to
  std::filesystem::path content{};             // what SaveContent has written; this Orthanc begins with a copy
};

// An Orthanc with its DICOMweb plugin of this test's own, on free ports of 127.0.0.1, empty at first or with what was
// saved. Everything throws std::runtime_error (with the end of Orthanc's log) when it does not work.
class OrthancServer {
 public:
  explicit OrthancServer(OrthancOptions options = {});
  ~OrthancServer();

  static bool Installed();

  int http_port() const { return http_port_; }
  int dicom_port() const { return dicom_port_; }
  std::string DicomWebUrl() const;  // http://127.0.0.1:PORT/dicom-web

  // One DICOM file; returns when it can be found and fetched.
  void Upload(const std::filesystem::path& file);
  void Upload(const std::vector<std::filesystem::path>& files);
  // Every regular file below it.
  void UploadDirectory(const std::filesystem::path& directory);

  // Ends it in good order, and writes what it holds into `directory`.
  void SaveContent(const std::filesystem::path& directory);
  // As a crash would end it, then again on the same ports with the same content.
  void Kill();
  void Start();

 private:
  void WriteConfiguration() const;
  bool Responds() const;
  std::string EndOfLog() const;

  OrthancOptions options_;
  TempDirectory directory_;
  int http_port_ = 0;
  int dicom_port_ = 0;
  std::unique_ptr<Process> process_;
};

}  // namespace trolley

#endif  // TROLLEY_TESTS_SUPPORT_ORTHANC_H_
