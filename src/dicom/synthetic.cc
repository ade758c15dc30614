#include "dicom/synthetic.h"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dcrleerg.h>
#include <dcmtk/dcmdata/dcrlerp.h>
#include <dcmtk/dcmdata/dctk.h>
#include <dcmtk/dcmjpeg/djencode.h>
#include <dcmtk/dcmjpeg/djrplol.h>
#include <dcmtk/dcmjpeg/djrploss.h>

#include <algorithm>
#include <mutex>
#include <optional>
#include <string_view>
#include <system_error>

#include "base/text.h"
#include "dicom/charset.h"
#include "trolley/error.h"

namespace trolley {
namespace {

using Compression = SyntheticInstances::Compression;

[[noreturn]] void FailToWrite(const std::string& what, std::string_view why) {
  throw Error(ErrorCode::kStorage, StrCat("Cannot write ", what, ": ", why));
}

void Check(const OFCondition& condition, const std::string& what) {
  if (condition.bad()) {
    FailToWrite(what, condition.text());
  }
}

void RegisterCodecs() {
  static std::once_flag once;
  std::call_once(once, [] {
    DcmRLEEncoderRegistration::registerCodecs();
    // Never a new SOPInstanceUID: it would differ each time.
    DJEncoderRegistration::registerCodecs(ECC_lossyYCbCr, EUC_never);
  });
}

bool IsReport(const SyntheticInstances& spec) {
  return spec.modality == "SR";
}

// Ultrasound is 8 bits by nature, baseline JPEG by definition.
bool IsByte(const SyntheticInstances& spec) {
  return spec.modality == "US" || spec.compression == Compression::kJpegBaseline;
}

const char* SopClass(const SyntheticInstances& spec) {
  if (IsReport(spec)) {
    return UID_BasicTextSRStorage;
  }
  if (spec.modality == "US") {
    return spec.frames > 1 ? UID_UltrasoundMultiframeImageStorage : UID_UltrasoundImageStorage;
  }
  if (spec.frames > 1) {
    return IsByte(spec) ? UID_MultiframeGrayscaleByteSecondaryCaptureImageStorage
                        : UID_MultiframeGrayscaleWordSecondaryCaptureImageStorage;
  }
  if (spec.modality == "CT") {
    return UID_CTImageStorage;
  }
  return spec.modality == "MR" ? UID_MRImageStorage : UID_SecondaryCaptureImageStorage;
}

class InstanceWriter {
 public:
  InstanceWriter(const SyntheticInstances& spec, int number)
      : spec_(spec), number_(number), data_(*file_.getDataset()) {}

  void Write(const std::filesystem::path& path) {
    PutIdentity();
    IsReport(spec_) ? PutReport() : PutImage();
    const E_TransferSyntax syntax = Compress();
    const E_EncodingType lengths = spec_.explicit_lengths ? EET_ExplicitLength : EET_UndefinedLength;
    Check(file_.saveFile(OFFilename(path.c_str()), syntax, lengths), path.filename());
    // DCMTK does not look whether the last bytes reach a full disk.
    std::error_code error;
    if (std::filesystem::file_size(path, error) != file_.calcElementLength(syntax, lengths) || error) {
      FailToWrite(path.filename(), "it was not written whole; is the disk full?");
    }
  }

 private:
  void Put(const DcmTagKey& tag, const std::string& value) {
    Check(data_.putAndInsertString(tag, value.c_str()), tag.toString().c_str());
  }
  void PutText(const DcmTagKey& tag, const std::string& utf8) {
    const std::optional<std::string> encoded = EncodeText(utf8, spec_.charset);
    if (!encoded) {
      throw Error(ErrorCode::kInvalidArgument, StrCat("Cannot write ", tag.toString().c_str(), " in character set \"",
                                                      spec_.charset, "\": it lacks a character"));
    }
    Put(tag, *encoded);
  }
  void PutNumber(const DcmTagKey& tag, int value) {
    Check(data_.putAndInsertUint16(tag, static_cast<Uint16>(value)), tag.toString().c_str());
  }

  void PutIdentity() {
    if (!spec_.charset.empty()) {
      Put(DCM_SpecificCharacterSet, spec_.charset);
    }
    Put(DCM_SOPClassUID, SopClass(spec_));
    Put(DCM_SOPInstanceUID, StrCat(spec_.series_uid, '.', number_));
    Put(DCM_StudyDate, spec_.study_date);
    Put(DCM_SeriesDate, spec_.study_date);
    Put(DCM_ContentDate, spec_.study_date);
    Put(DCM_StudyTime, spec_.study_time);
    Put(DCM_SeriesTime, spec_.study_time);
    Put(DCM_ContentTime, spec_.study_time);
    Put(DCM_AccessionNumber, spec_.accession_number);
    Put(DCM_Modality, spec_.modality);
    Put(DCM_Manufacturer, "Trolley");
    Put(DCM_ReferringPhysicianName, "");
    PutText(DCM_StudyDescription, spec_.study_description);
    PutText(DCM_SeriesDescription, spec_.series_description);
    PutText(DCM_PatientName, spec_.patient_name);
    PutText(DCM_PatientID, spec_.patient_id);
    Put(DCM_PatientBirthDate, spec_.patient_birth_date);
    Put(DCM_PatientSex, "O");
    Put(DCM_StudyInstanceUID, spec_.study_uid);
    Put(DCM_SeriesInstanceUID, spec_.series_uid);
    Put(DCM_StudyID, "1");
    Put(DCM_SeriesNumber, std::to_string(spec_.series_number));
    Put(DCM_InstanceNumber, std::to_string(number_));
  }

  void PutReport() {
    Put(DCM_CompletionFlag, "COMPLETE");
    Put(DCM_VerificationFlag, "UNVERIFIED");
    Put(DCM_ValueType, "CONTAINER");
    Put(DCM_ContinuityOfContent, "SEPARATE");
    PutConcept(data_, "18748-4", "LN", "Diagnostic imaging report");
    DcmItem* item = nullptr;
    Check(data_.findOrCreateSequenceItem(DCM_ContentSequence, item), "a report");
    item->putAndInsertString(DCM_RelationshipType, "CONTAINS");
    item->putAndInsertString(DCM_ValueType, "TEXT");
    PutConcept(*item, "121071", "DCM", "Finding");
    item->putAndInsertString(DCM_TextValue, "No finding: this patient is made up.");
  }

  static void PutConcept(DcmItem& where, const char* value, const char* scheme, const char* meaning) {
    DcmItem* item = nullptr;
    Check(where.findOrCreateSequenceItem(DCM_ConceptNameCodeSequence, item), "a report");
    item->putAndInsertString(DCM_CodeValue, value);
    item->putAndInsertString(DCM_CodingSchemeDesignator, scheme);
    item->putAndInsertString(DCM_CodeMeaning, meaning);
  }

  void PutImage() {
    const int bits = IsByte(spec_) ? 8 : 12;
    PutNumber(DCM_SamplesPerPixel, 1);
    Put(DCM_PhotometricInterpretation, "MONOCHROME2");
    PutNumber(DCM_Rows, spec_.rows);
    PutNumber(DCM_Columns, spec_.columns);
    PutNumber(DCM_BitsAllocated, IsByte(spec_) ? 8 : 16);
    PutNumber(DCM_BitsStored, bits);
    PutNumber(DCM_HighBit, bits - 1);
    PutNumber(DCM_PixelRepresentation, 0);
    if (spec_.frames > 1) {
      Put(DCM_NumberOfFrames, std::to_string(spec_.frames));
    }
    if (spec_.modality == "CT" || spec_.modality == "MR") {
      Put(DCM_ImageType, "ORIGINAL\\PRIMARY\\AXIAL");
      Put(DCM_PixelSpacing, "1\\1");
      Put(DCM_SliceThickness, "1");
      Put(DCM_ImageOrientationPatient, "1\\0\\0\\0\\1\\0");
      Put(DCM_ImagePositionPatient, StrCat("0\\0\\", number_));
      Put(DCM_FrameOfReferenceUID, StrCat(spec_.study_uid, ".99"));
    }
    if (spec_.modality == "CT") {
      Put(DCM_RescaleIntercept, "-1024");
      Put(DCM_RescaleSlope, "1");
    }
    IsByte(spec_) ? PutPixels<Uint8>() : PutPixels<Uint16>();
  }

  template <typename Sample>
  void PutPixels() {
    const size_t frame_size = static_cast<size_t>(spec_.rows) * static_cast<size_t>(spec_.columns);
    const size_t frames = static_cast<size_t>(std::max(spec_.frames, 1));
    auto pixels = std::make_unique<DcmPixelData>(DCM_PixelData);
    pixels->setVR(sizeof(Sample) == 1 ? EVR_OB : EVR_OW);
    Sample* out = nullptr;
    const size_t padding = sizeof(Sample) == 1 ? frames * frame_size % 2 : 0;
    if constexpr (sizeof(Sample) == 1) {
      Check(pixels->createUint8Array(static_cast<Uint32>(frames * frame_size + padding), out), "pixel data");
    } else {
      Check(pixels->createUint16Array(static_cast<Uint32>(frames * frame_size), out), "pixel data");
    }
    for (size_t frame = 0; frame < frames; ++frame) {
      FillFrame(out + frame * frame_size, static_cast<int>(frame));
    }
    std::fill_n(out + frames * frame_size, padding, Sample{0});
    Check(data_.insert(pixels.release(), OFTrue), "pixel data");
  }

  // A phantom: a body with some noise and a bright disc that wanders from image to image.
  template <typename Sample>
  void FillFrame(Sample* out, int frame) const {
    const int shift = sizeof(Sample) == 1 ? 4 : 0;
    const int64_t rows = spec_.rows;
    const int64_t columns = spec_.columns;
    const int64_t disc_x = columns / 4 + (number_ + frame) % std::max<int64_t>(columns / 2, 1);
    uint32_t noise = static_cast<uint32_t>(number_) * 2654435761u + static_cast<uint32_t>(frame);
    for (int64_t y = 0; y < rows; ++y) {
      const int64_t dy = 2 * y - rows;
      for (int64_t x = 0; x < columns; ++x) {
        noise = noise * 1664525 + 1013904223;
        const int64_t dx = 2 * x - columns;
        const bool in_body =
            dx * dx * rows * rows + dy * dy * columns * columns < rows * rows * columns * columns * 4 / 5;
        const int64_t from_disc = (x - disc_x) * (x - disc_x) + dy * dy / 4;
        uint32_t value = in_body ? 1024 + (noise >> 26) : 0;
        if (from_disc * 64 < rows * columns) {
          value = 2000;
        }
        *out++ = static_cast<Sample>(value >> shift);
      }
    }
  }

  // Gives the transfer syntax to write.
  E_TransferSyntax Compress() {
    if (IsReport(spec_) || spec_.compression == Compression::kNone) {
      return EXS_LittleEndianExplicit;
    }
    RegisterCodecs();
    const DJ_RPLossy lossy(90);
    const DJ_RPLossless lossless;
    const DcmRepresentationParameter* parameter = nullptr;
    E_TransferSyntax syntax = EXS_RLELossless;
    if (spec_.compression == Compression::kJpegBaseline) {
      syntax = EXS_JPEGProcess1;
      parameter = &lossy;
    } else if (spec_.compression == Compression::kJpegLossless) {
      syntax = EXS_JPEGProcess14SV1;
      parameter = &lossless;
    }
    Check(data_.chooseRepresentation(syntax, parameter), "compressed pixel data");
    return syntax;
  }

  const SyntheticInstances& spec_;
  int number_;
  DcmFileFormat file_;
  DcmDataset& data_;
};

std::string FileName(int number) {
  std::string digits = std::to_string(number);
  digits.insert(0, digits.size() < 5 ? 5 - digits.size() : 0, '0');
  return digits + ".dcm";
}

}  // namespace

std::vector<std::filesystem::path> WriteSyntheticSeries(const SyntheticInstances& spec,
                                                        const std::filesystem::path& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) {
    FailToWrite("synthetic images", error.message());
  }
  std::vector<std::filesystem::path> paths;
  for (int number = 1; number <= spec.instances; ++number) {
    paths.push_back(directory / FileName(number));
    InstanceWriter(spec, number).Write(paths.back());
  }
  return paths;
}

}  // namespace trolley
