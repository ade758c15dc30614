#ifndef TROLLEY_TESTS_DOWNLOAD_DIMSE_CONTENT_H_
#define TROLLEY_TESTS_DOWNLOAD_DIMSE_CONTENT_H_

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "dicom/file_meta.h"
#include "dicom/file_meta_writer.h"
#include "dicom/synthetic.h"
#include "support/dcmqrscp.h"
#include "support/orthanc_content.h"
#include "support/process.h"
#include "support/temp_directory.h"
#include "trolley/references.h"

namespace trolley {

inline FileMeta MetaOf(const std::string& file) {
  return PeekFileMeta(std::as_bytes(std::span(file))).meta.value();
}

// What lies behind the File Meta Information.
inline std::string DataSetOf(const std::string& file) {
  size_t length = 0;  // (0002,0000), the group's first element
  for (size_t i = 4; i-- > 0;) {
    length = length << 8 | static_cast<unsigned char>(file.at(140 + i));
  }
  return file.substr(144 + length);
}

// A file as it comes over an association: its data set, byte for byte, behind a File Meta Information of ours.
inline std::string Wrapped(const std::string& file) {
  const std::vector<std::byte> prefix = Part10Prefix(MetaOf(file));
  return std::string(reinterpret_cast<const char*>(prefix.data()), prefix.size()) + DataSetOf(file);
}

inline bool IsCompressed(const std::string& file) {
  return MetaOf(file).transfer_syntax_uid.starts_with("1.2.840.10008.1.2.4") ||
         MetaOf(file).transfer_syntax_uid == "1.2.840.10008.1.2.5";
}

using Content = std::map<InstanceReference, std::string>;

inline Content WrappedContent(const Content& files, bool with_compressed) {
  Content content;
  for (const auto& [instance, file] : files) {
    if (with_compressed || !IsCompressed(file)) {
      content[instance] = Wrapped(file);
    }
  }
  return content;
}

// A series in JPEG-LS and one that is not compressed, both of the same storage class.
struct JpegLsContent {
  static const JpegLsContent& Shared() {
    static const JpegLsContent content;
    return content;
  }

  std::vector<std::filesystem::path> files;
  Content compressed;
  Content uncompressed;

 private:
  JpegLsContent() {
    for (const bool compress : {true, false}) {
      SyntheticInstances spec;
      spec.study_uid = OrthancContent::StudyUid("9");
      spec.series_uid = spec.study_uid + (compress ? ".1" : ".2");
      spec.series_number = compress ? 1 : 2;
      spec.patient_id = "LS";
      spec.instances = 3;
      auto written = WriteSyntheticSeries(spec, directory_ / spec.series_uid);
      for (size_t i = 0; i < written.size(); ++i) {
        if (compress) {
          const std::filesystem::path plain = written[i];
          written[i] += ".jls";
          if (RunProgram({"dcmcjpls", "+un", plain.string(), written[i].string()}).exit_code != 0) {
            throw std::runtime_error("Cannot compress a file with dcmcjpls");
          }
        }
        files.push_back(written[i]);
        (compress ? compressed : uncompressed)[OrthancContent::Ref("9", spec.series_number, static_cast<int>(i) + 1)] =
            Wrapped(ReadFile(written[i]));
      }
    }
  }

  TempDirectory directory_;
};

inline std::vector<InstanceReference> Keys(const Content& content) {
  std::vector<InstanceReference> keys;
  for (const auto& [instance, bytes] : content) {
    keys.push_back(instance);
  }
  return keys;
}

// All but what dcmqrscp cannot send without being told the compression.
inline std::vector<std::filesystem::path> UncompressedFiles() {
  std::vector<std::filesystem::path> files;
  for (const auto& file : OrthancContent::Shared().files()) {
    if (!IsCompressed(ReadFile(file))) {
      files.push_back(file);
    }
  }
  return files;
}

}  // namespace trolley

#endif  // TROLLEY_TESTS_DOWNLOAD_DIMSE_CONTENT_H_
