#include "dicom/synthetic.h"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dctk.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "dicom/charset.h"
#include "support/temp_directory.h"
#include "trolley/error.h"

namespace trolley {
namespace {

namespace fs = std::filesystem;

class SyntheticTest : public testing::Test {
 protected:
  SyntheticTest() {
    spec_.study_uid = "1.2.3";
    spec_.series_uid = "1.2.3.4";
  }

  static std::string Bytes(const fs::path& file) { return ReadFile(file); }
  static std::string Text(const fs::path& file, const DcmTagKey& tag) {
    DcmFileFormat format;
    EXPECT_TRUE(format.loadFile(file.c_str()).good()) << file;
    OFString value;
    EXPECT_TRUE(format.getDataset()->findAndGetOFStringArray(tag, value).good()) << tag;
    return value.c_str();
  }
  static E_TransferSyntax Syntax(const fs::path& file) {
    DcmFileFormat format;
    EXPECT_TRUE(format.loadFile(file.c_str()).good());
    return format.getDataset()->getOriginalXfer();
  }

  const TempDirectory temporary_;
  const fs::path directory_ = temporary_.path();
  SyntheticInstances spec_;
};

TEST_F(SyntheticTest, WritesASeries) {
  spec_.instances = 3;
  const std::vector<fs::path> files = WriteSyntheticSeries(spec_, directory_ / "new" / "folder");
  ASSERT_EQ(files.size(), 3u);
  EXPECT_EQ(files[2], directory_ / "new" / "folder" / "00003.dcm");
  EXPECT_EQ(Text(files[2], DCM_SOPInstanceUID), "1.2.3.4.3");
  EXPECT_EQ(Text(files[2], DCM_StudyInstanceUID), "1.2.3");
  EXPECT_EQ(Text(files[2], DCM_InstanceNumber), "3");
  EXPECT_EQ(Text(files[2], DCM_SOPClassUID), UID_CTImageStorage);
  EXPECT_GT(fs::file_size(files[0]), 64u * 64 * 2);
}

TEST_F(SyntheticTest, EqualSpecsGiveEqualBytes) {
  for (auto compression :
       {SyntheticInstances::Compression::kNone, SyntheticInstances::Compression::kRle,
        SyntheticInstances::Compression::kJpegBaseline, SyntheticInstances::Compression::kJpegLossless}) {
    spec_.compression = compression;
    spec_.instances = 2;
    const auto once = WriteSyntheticSeries(spec_, directory_ / "1");
    const auto again = WriteSyntheticSeries(spec_, directory_ / "2");
    EXPECT_EQ(Bytes(once[0]), Bytes(again[0]));
    EXPECT_NE(Bytes(once[0]), Bytes(once[1]));
  }
}

TEST_F(SyntheticTest, Compresses) {
  const std::pair<SyntheticInstances::Compression, E_TransferSyntax> cases[] = {
      {SyntheticInstances::Compression::kNone, EXS_LittleEndianExplicit},
      {SyntheticInstances::Compression::kRle, EXS_RLELossless},
      {SyntheticInstances::Compression::kJpegBaseline, EXS_JPEGProcess1},
      {SyntheticInstances::Compression::kJpegLossless, EXS_JPEGProcess14SV1}};
  for (const auto& [compression, syntax] : cases) {
    spec_.compression = compression;
    EXPECT_EQ(Syntax(WriteSyntheticSeries(spec_, directory_)[0]), syntax);
  }
}

TEST_F(SyntheticTest, EncodesNames) {
  const std::pair<const char*, const char*> cases[] = {{"ISO_IR 100", "Müller^Jürgen"},
                                                       {"\\ISO 2022 IR 87", "Yamada^Tarou=山田^太郎=やまだ^たろう"},
                                                       {"ISO_IR 192", "王^小東"}};
  for (const auto& [charset, name] : cases) {
    spec_.charset = charset;
    spec_.patient_name = name;
    const fs::path file = WriteSyntheticSeries(spec_, directory_)[0];
    EXPECT_EQ(Text(file, DCM_SpecificCharacterSet), charset);
    EXPECT_EQ(DecodeText(Text(file, DCM_PatientName), charset, tag::kPatientName), name);
  }
}

TEST_F(SyntheticTest, RefusesANameThatTheCharacterSetLacks) {
  spec_.patient_name = "山田";
  EXPECT_THROW(WriteSyntheticSeries(spec_, directory_), Error);
}

TEST_F(SyntheticTest, MakesMultiFramesAndReports) {
  spec_.modality = "US";
  spec_.frames = 5;
  fs::path file = WriteSyntheticSeries(spec_, directory_)[0];
  EXPECT_EQ(Text(file, DCM_NumberOfFrames), "5");
  EXPECT_EQ(Text(file, DCM_SOPClassUID), UID_UltrasoundMultiframeImageStorage);
  EXPECT_GT(fs::file_size(file), 64u * 64 * 5);
  spec_.modality = "SR";
  file = WriteSyntheticSeries(spec_, directory_)[0];
  EXPECT_EQ(Text(file, DCM_SOPClassUID), UID_BasicTextSRStorage);
  EXPECT_LT(fs::file_size(file), 4096u);
}

TEST_F(SyntheticTest, ThrowsWhenItCannotWrite) {
  std::ofstream(directory_ / "file") << "x";
  try {
    WriteSyntheticSeries(spec_, directory_ / "file");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kStorage);
  }
}

using DemoArchiveTest = SyntheticTest;

TEST_F(DemoArchiveTest, HoldsWhatItPromises) {
  const fs::path demo = directory_ / "demo";
  MakeDemoArchive(demo);
  std::set<std::string> patients, modalities, names, others;
  std::set<E_TransferSyntax> syntaxes;
  uint64_t bytes = 0;
  bool multi_frame = false;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(demo)) {
    if (!entry.is_regular_file()) {
      continue;
    }
    bytes += entry.file_size();
    DcmFileFormat format;
    if (format.loadFile(entry.path().c_str(), EXS_Unknown, EGL_noChange, DCM_MaxReadLength, ERM_fileOnly).bad()) {
      others.insert(entry.path().filename());
      continue;
    }
    patients.insert(Text(entry.path(), DCM_PatientID));
    modalities.insert(Text(entry.path(), DCM_Modality));
    OFString charset;
    format.getDataset()->findAndGetOFStringArray(DCM_SpecificCharacterSet, charset);
    names.insert(DecodeText(Text(entry.path(), DCM_PatientName), charset.c_str(), tag::kPatientName));
    syntaxes.insert(format.getDataset()->getOriginalXfer());
    multi_frame = multi_frame || format.getDataset()->tagExists(DCM_NumberOfFrames);
  }
  EXPECT_EQ(patients, (std::set<std::string>{"DEMO1", "DEMO2", "DEMO3", "DEMO/4", "DEMO5"}));
  EXPECT_EQ(modalities, (std::set<std::string>{"CT", "MR", "US", "SR"}));
  EXPECT_TRUE(names.contains("Müller^Jürgen"));
  EXPECT_TRUE(names.contains("Yamada^Tarou=山田^太郎=やまだ^たろう"));
  EXPECT_TRUE(names.contains("O'Neil/Smith^Ann"));
  EXPECT_TRUE(multi_frame);
  EXPECT_GE(syntaxes.size(), 4u);
  EXPECT_GE(others.size(), 4u);
  EXPECT_GT(bytes, 2'000'000u);
  EXPECT_LT(bytes, 8'000'000u);
}

TEST_F(DemoArchiveTest, IsMadeOnce) {
  MakeDemoArchive(directory_);
  const fs::path file = directory_ / "inbox" / "a01";
  const auto before = fs::last_write_time(file);
  const std::string bytes = Bytes(file);
  std::ofstream(directory_ / "mine.txt") << "stays";
  MakeDemoArchive(directory_);
  EXPECT_EQ(fs::last_write_time(file), before);
  fs::resize_file(file, 100);
  MakeDemoArchive(directory_);
  EXPECT_EQ(Bytes(file), bytes);
  EXPECT_EQ(Bytes(directory_ / "mine.txt"), "stays");
}

TEST_F(DemoArchiveTest, AnInterruptedOneIsRemade) {
  MakeDemoArchive(directory_);
  fs::resize_file(directory_ / ".trolleyfs-demo", 300);
  fs::remove_all(directory_ / "2020");
  fs::create_directory(directory_ / ".trolleyfs-demo-staging");
  MakeDemoArchive(directory_);
  EXPECT_TRUE(fs::exists(directory_ / "2020" / "01.ima"));
  EXPECT_FALSE(fs::exists(directory_ / ".trolleyfs-demo-staging"));
}

TEST_F(DemoArchiveTest, ThrowsWhereItCannotBeMade) {
  std::ofstream(directory_ / "file") << "x";
  try {
    MakeDemoArchive(directory_ / "file");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kStorage);
  }
}

}  // namespace
}  // namespace trolley
