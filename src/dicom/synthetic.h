#ifndef TROLLEY_DICOM_SYNTHETIC_H_
#define TROLLEY_DICOM_SYNTHETIC_H_

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace trolley {

// Makes DICOM files for the demo archive and for tests. Deterministic: equal specs give equal bytes.
struct SyntheticInstances {
  std::string patient_name = "Doe^Jane";  // UTF-8; encoded in `charset`
  std::string patient_id = "DEMO1";
  std::string patient_birth_date = "19700101";
  std::string charset;  // (0008,0005), e.g. "ISO_IR 100", "\\ISO 2022 IR 87", "ISO_IR 192"; empty: ASCII
  std::string study_uid;
  std::string study_date = "20200301";
  std::string study_time = "101112";
  std::string study_description;
  std::string accession_number;
  std::string series_uid;
  std::string series_description;
  int series_number = 1;
  std::string modality =
      "CT";           // CT, MR, US, OT choose the SOP class; "SR" makes a small structured report without pixels
  int instances = 1;  // SOPInstanceUIDs are series_uid + ".1", ".2", ...; InstanceNumber likewise
  int rows = 64;
  int columns = 64;
  int frames = 1;
  enum class Compression { kNone, kRle, kJpegBaseline, kJpegLossless } compression = Compression::kNone;
  // Sequences are written with their lengths. Archives that are built on DCMTK send them so whatever they store.
  bool explicit_lengths = false;
};
// Writes instances as `directory`/00001.dcm ...; gives the paths. Throws kStorage.
std::vector<std::filesystem::path> WriteSyntheticSeries(const SyntheticInstances& spec,
                                                        const std::filesystem::path& directory);

// The demo archive: several patients, CT/MR/US, a multi-frame, a compressed series, an SR, names with "^", umlauts,
// Japanese and slashes; a few files that are not DICOM, in an unsorted layout. About 5 MB. Made once: does nothing when
// `directory` holds a complete one, remakes an incomplete one. Throws kStorage.
void MakeDemoArchive(const std::filesystem::path& directory);

}  // namespace trolley

#endif  // TROLLEY_DICOM_SYNTHETIC_H_
