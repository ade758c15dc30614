#include "trolley/file_header.h"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dctk.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <fstream>
#include <random>
#include <span>

#include "base/text.h"
#include "dicom/synthetic.h"
#include "support/temp_directory.h"
#include "trolley/error.h"

namespace trolley {
namespace {

namespace fs = std::filesystem;
using namespace std::string_literals;

std::string Number(size_t value, int bytes) {
  std::string out;
  for (int i = 0; i < bytes; ++i) {
    out.push_back(static_cast<char>(value >> (8 * i)));
  }
  return out;
}

std::string TagBytes(uint32_t tag) {
  return Number(tag >> 16, 2) + Number(tag & 0xFFFF, 2);
}

// Explicit VR little endian.
std::string Element(uint32_t tag, const std::string& vr, const std::string& value) {
  const bool is_long = vr == "OB" || vr == "OW" || vr == "UN" || vr == "UT" || vr == "SQ" || vr == "UC";
  return TagBytes(tag) + vr + (is_long ? "\0\0"s + Number(value.size(), 4) : Number(value.size(), 2)) + value;
}
std::string Undefined(uint32_t tag, const std::string& vr) {
  return TagBytes(tag) + vr + "\0\0\xFF\xFF\xFF\xFF"s;
}
const std::string kItemOpen = TagBytes(0xFFFEE000) + "\xFF\xFF\xFF\xFF";
const std::string kItemClose = TagBytes(0xFFFEE00D) + "\0\0\0\0"s;
const std::string kSequenceClose = TagBytes(0xFFFEE0DD) + "\0\0\0\0"s;

std::string Meta(const std::string& syntax = "1.2.840.10008.1.2.1\0"s,
                 const std::string& sop_class = "1.2.840.10008.5.1.4.1.1.2\0"s) {
  return std::string(128, '\0') + "DICM" + Element(0x00020002, "UI", sop_class) + Element(0x00020003, "UI", "1.2.3.4") +
         Element(0x00020010, "UI", syntax);
}
const std::string kInstance = Element(0x00080018, "UI", "1.2.3.4\0"s);
const std::string kUids = Element(0x0020000D, "UI", "1.2\0"s) + Element(0x0020000E, "UI", "1.2.3\0"s);

class FileHeaderTest : public testing::Test {
 protected:
  FileHeaderTest() {
    spec_.study_uid = "1.2";
    spec_.series_uid = "1.2.3";
  }

  std::optional<FileHeader> Read(const std::string& bytes) {
    const fs::path file = directory_ / "file";
    std::ofstream(file, std::ios::binary) << bytes;
    return ReadFileHeader(file);
  }
  // Between SOPInstanceUID and the study's UID.
  std::optional<FileHeader> ReadWith(const std::string& elements) {
    return Read(Meta() + kInstance + elements + kUids);
  }
  std::string TextOf(uint32_t tag, const std::string& elements) {
    const auto header = ReadWith(elements);
    return header ? std::string(header->attributes.Get(Tag{tag})) : "not DICOM";
  }
  fs::path Synthetic() { return WriteSyntheticSeries(spec_, directory_)[0]; }
  static std::string Bytes(const fs::path& file) { return ReadFile(file); }

  const TempDirectory temporary_;
  const fs::path directory_ = temporary_.path();
  SyntheticInstances spec_;
};

TEST_F(FileHeaderTest, ReadsTheHeaderOfAnImage) {
  spec_.study_description = "Chest";
  const auto header = ReadFileHeader(Synthetic());
  ASSERT_TRUE(header.has_value());
  EXPECT_EQ(header->transfer_syntax_uid, "1.2.840.10008.1.2.1");
  EXPECT_EQ(header->attributes.Get(tag::kSOPInstanceUID), "1.2.3.1");
  EXPECT_EQ(header->attributes.Get(tag::kSeriesInstanceUID), "1.2.3");
  EXPECT_EQ(header->attributes.Get(tag::kStudyInstanceUID), "1.2");
  EXPECT_EQ(header->attributes.Get(tag::kPatientName), "Doe^Jane");
  EXPECT_EQ(header->attributes.Get(tag::kStudyDescription), "Chest");
  EXPECT_EQ(header->attributes.Get(tag::kRows), "64");
  EXPECT_EQ(header->attributes.Get(Tag{0x00080008}), "ORIGINAL\\PRIMARY\\AXIAL");
  EXPECT_TRUE(header->attributes.Has(Tag{0x00080090}));  // empty, but there
  EXPECT_FALSE(header->attributes.Has(Tag{0x7FE00010}));
  EXPECT_FALSE(header->attributes.Has(tag::kTransferSyntaxUID));
}

TEST_F(FileHeaderTest, DecodesTexts) {
  const std::pair<const char*, const char*> cases[] = {{"ISO_IR 100", "Müller^Jürgen"},
                                                       {"\\ISO 2022 IR 87", "Yamada^Tarou=山田^太郎=やまだ^たろう"},
                                                       {"ISO_IR 192", "王^小東"}};
  for (const auto& [charset, name] : cases) {
    spec_.charset = charset;
    spec_.patient_name = name;
    EXPECT_EQ(ReadFileHeader(Synthetic())->attributes.Get(tag::kPatientName), name);
  }
}

// DCMTK reads the same from the same file, in every transfer syntax that differs in the header.
TEST_F(FileHeaderTest, ReadsEveryTransferSyntaxAsDcmtkDoes) {
  spec_.charset = "ISO_IR 100";
  spec_.patient_name = "Müller";
  const fs::path original = Synthetic();
  const std::string expected = ReadFileHeader(original)->attributes.Serialize();
  for (const E_TransferSyntax syntax :
       {EXS_LittleEndianImplicit, EXS_LittleEndianExplicit, EXS_BigEndianExplicit, EXS_DeflatedLittleEndianExplicit}) {
    for (const bool with_meta : {true, false}) {
      if (!with_meta && syntax == EXS_DeflatedLittleEndianExplicit) {
        continue;
      }
      DcmFileFormat format;
      ASSERT_TRUE(format.loadFile(original.c_str()).good());
      const fs::path file = directory_ / "converted";
      ASSERT_TRUE(format
                      .saveFile(file.c_str(), syntax, EET_UndefinedLength, EGL_recalcGL, EPD_noChange, 0, 0,
                                with_meta ? EWM_createNewMeta : EWM_dataset)
                      .good());
      const auto header = ReadFileHeader(file);
      ASSERT_TRUE(header.has_value()) << DcmXfer(syntax).getXferName() << with_meta;
      EXPECT_EQ(header->attributes.Serialize(), expected) << DcmXfer(syntax).getXferName() << with_meta;
      const std::string bytes = Bytes(file);
      const auto parsed = ParseFileHeader(std::as_bytes(std::span(bytes)));
      ASSERT_TRUE(parsed.has_value()) << DcmXfer(syntax).getXferName() << with_meta;
      EXPECT_EQ(parsed->attributes.Serialize(), expected) << DcmXfer(syntax).getXferName() << with_meta;
      if (with_meta) {
        EXPECT_EQ(header->transfer_syntax_uid, DcmXfer(syntax).getXferID());
      }
    }
  }
}

TEST_F(FileHeaderTest, ReadsCompressedImagesAndReports) {
  spec_.compression = SyntheticInstances::Compression::kJpegLossless;
  EXPECT_EQ(ReadFileHeader(Synthetic())->transfer_syntax_uid, "1.2.840.10008.1.2.4.70");
  spec_.modality = "SR";
  const auto header = ReadFileHeader(Synthetic());
  EXPECT_EQ(header->attributes.Get(tag::kModality), "SR");
  EXPECT_FALSE(header->attributes.Has(Tag{0x0040A730}));
}

TEST_F(FileHeaderTest, WritesNumbersInDecimal) {
  EXPECT_EQ(TextOf(0x00189087, Element(0x00189087, "FD", Number(0x3FF8000000000000, 8))), "1.5");
  EXPECT_EQ(TextOf(0x00280010, Element(0x00280010, "US", Number(65535, 2))), "65535");
  EXPECT_EQ(TextOf(0x00280106, Element(0x00280106, "SS", Number(65535, 2) + Number(3, 2))), "-1\\3");
  EXPECT_EQ(TextOf(0x00280009, Element(0x00280009, "AT", Number(0x0018, 2) + Number(0x1063, 2))), "00181063");
  EXPECT_EQ(TextOf(0x00280010, Element(0x00280010, "US", "123")), "");  // no whole number of numbers
}

TEST_F(FileHeaderTest, TakesOffPadding) {
  EXPECT_EQ(TextOf(0x00080060, Element(0x00080060, "CS", "CT ")), "CT");
  EXPECT_EQ(TextOf(0x00080008, Element(0x00080008, "CS", "A \\ B\\")), "A\\B\\");
  EXPECT_EQ(TextOf(0x00104000, Element(0x00104000, "LT", "  a\\ \n b ")), "  a\\ \n b");
}

TEST_F(FileHeaderTest, PassesOverSequencesAndWhatItDoesNotKeep) {
  const std::string nested = Element(0x00100020, "LO", "inner");
  const std::string cases[] = {
      Element(0x00081140, "SQ", ""),
      Element(0x00081140, "SQ", TagBytes(0xFFFEE000) + Number(nested.size(), 4) + nested),
      Undefined(0x00081140, "SQ") + kSequenceClose,
      Undefined(0x00081140, "SQ") + kItemOpen + nested + kItemClose + kItemOpen + kItemClose + kSequenceClose,
      Undefined(0x00081140, "SQ") + kItemOpen + Undefined(0x00081199, "SQ") + kItemOpen + nested + kItemClose +
          kSequenceClose + nested + kItemClose + kSequenceClose,
      // UN of undefined length is implicit VR within, also when nested.
      Undefined(0x00091010, "UN") + kItemOpen + TagBytes(0x00100020) + Number(5, 4) + "inner" + kItemClose +
          kSequenceClose,
      Undefined(0x00081140, "SQ") + kItemOpen + Undefined(0x00091010, "UN") + kItemOpen + TagBytes(0x00100020) +
          Number(5, 4) + "inner" + kItemClose + kSequenceClose + nested + kItemClose + kSequenceClose,
      Element(0x00091010, "LO", "private"),
      Element(0x00091010, "OB", std::string(100000, 'x')),
      Element(0x00100000, "UL", Number(4, 4)),
  };
  for (const std::string& elements : cases) {
    const auto header = ReadWith(elements + Element(0x00100010, "PN", "Doe"));
    ASSERT_TRUE(header.has_value());
    EXPECT_EQ(header->attributes.Get(tag::kPatientName), "Doe");
    EXPECT_FALSE(header->attributes.Has(tag::kPatientID));
    EXPECT_FALSE(header->attributes.Has(Tag{0x00091010}));
  }
}

TEST_F(FileHeaderTest, SkipsOnlyTheValuesThatAreTooLong) {
  const auto header =
      ReadWith(Element(0x00104000, "UT", std::string(1 << 20, 'x')) + Element(0x00104000 + 1, "PN", ""));
  ASSERT_TRUE(header.has_value());
  EXPECT_EQ(header->attributes.Get(tag::kStudyInstanceUID), "1.2");
}

TEST_F(FileHeaderTest, ReadsWhatGatewaysWroteAsUn) {
  EXPECT_EQ(TextOf(0x00100020, Element(0x00100020, "UN", "P1")), "P1");
}

TEST_F(FileHeaderTest, BelievesTheBytesRatherThanTheMetaGroup) {
  const auto header = Read(Meta("1.2.840.10008.1.2\0"s) + kInstance + kUids);  // says implicit, is explicit
  ASSERT_TRUE(header.has_value());
  EXPECT_EQ(header->attributes.Get(tag::kStudyInstanceUID), "1.2");
}

TEST_F(FileHeaderTest, AHeaderCutAfterItsUidsIsStillOne) {
  const std::string whole = Meta() + kInstance + kUids + Element(0x00200013, "IS", "1 ");
  EXPECT_TRUE(Read(whole.substr(0, whole.size() - 4)).has_value());
  EXPECT_FALSE(Read(whole.substr(0, whole.size() - 14)).has_value());
}

TEST_F(FileHeaderTest, OtherFilesAreNotDicom) {
  const std::string cases[] = {
      "",
      "DICM",
      std::string(1000, '\0'),
      std::string(128, '\0') + "DICM",
      "<html><head><title>It works</title></head><body></body></html>",
      "\x89PNG\r\n\x1a\n0000IHDR and so on and so on and so on",
      "\x08\0 anything that begins like a data set does"s,
      Meta() + kUids,                                                              // no SOPInstanceUID
      Meta() + kInstance,                                                          // no study, no series
      Meta() + Element(0x00080018, "UI", "../x") + kUids,                          // no UID
      Meta("1.2.840.10008.1.2.1\0"s, "1.2.840.10008.1.3.10") + kInstance + kUids,  // a directory record file
      Meta("1.2.840.10008.1.2.1.99") + "not deflated",
  };
  for (const std::string& bytes : cases) {
    EXPECT_FALSE(Read(bytes).has_value()) << testing::PrintToString(bytes);
  }
}

TEST_F(FileHeaderTest, ANamedPipeIsNotDicomAndNotWaitedFor) {
  ASSERT_EQ(mkfifo((directory_ / "pipe").c_str(), 0600), 0);
  EXPECT_FALSE(ReadFileHeader(directory_ / "pipe").has_value());
  EXPECT_FALSE(ReadFileHeader(directory_).has_value());
}

TEST_F(FileHeaderTest, ThrowsWhenTheFileCannotBeRead) {
  try {
    ReadFileHeader(directory_ / "missing");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kStorage);
  }
}

// Below: files that mean harm. Each would cost minutes, gigabytes or the process when taken at their word.

TEST_F(FileHeaderTest, SurvivesDeepNesting) {
  std::string deep;
  for (int i = 0; i < 300000; ++i) {
    deep += Undefined(0x00081140, "SQ") + kItemOpen;
  }
  EXPECT_FALSE(ReadWith(deep).has_value());
  for (int i = 0; i < 300000; ++i) {
    deep += kItemClose + kSequenceClose;
  }
  EXPECT_TRUE(ReadWith(deep).has_value());
}

TEST_F(FileHeaderTest, SurvivesManyElements) {
  std::string many;
  for (int round = 0; round < 10; ++round) {
    for (uint32_t element = 0x20; element < 0xFFFF; ++element) {
      many += Element(0x00100000 + element, "LO", "ab");
    }
  }
  const auto header = ReadWith(many + std::string(1000, 'x'));
  EXPECT_FALSE(header.has_value());  // its UIDs never come
}

TEST_F(FileHeaderTest, BoundsWhatItKeeps) {
  std::string many;
  for (uint32_t element = 0x10; element < 0x4000; ++element) {
    many += Element(0x00100000 + element, "LO", std::string(16000, 'x'));
    if (many.size() > (8u << 20)) {
      break;
    }
  }
  const auto header = Read(Meta() + kInstance + kUids + many);
  ASSERT_TRUE(header.has_value());
  EXPECT_LT(header->attributes.Serialize().size(), 300u * 1024);
}

TEST_F(FileHeaderTest, SurvivesLengthsBeyondTheFile) {
  for (const std::string& vr : {"UT"s, "OB"s, "SQ"s, "UN"s}) {
    for (const std::string& length : {"\xFE\xFF\xFF\xFF"s, "\xFF\xFF\xFF\xFF"s, "\0\0\0\x80"s}) {
      EXPECT_FALSE(ReadWith(TagBytes(0x00104000) + vr + "\0\0"s + length).has_value());
    }
  }
}

TEST_F(FileHeaderTest, SurvivesMutations) {
  spec_.modality = "SR";
  const std::string good = Bytes(Synthetic());
  DcmFileFormat format;
  ASSERT_TRUE(format.loadFile((directory_ / "00001.dcm").c_str()).good());
  ASSERT_TRUE(format.saveFile((directory_ / "deflated").c_str(), EXS_DeflatedLittleEndianExplicit).good());
  std::mt19937 random(42);
  for (const std::string& seed : {good, good.substr(132), Bytes(directory_ / "deflated")}) {
    int readable = 0;
    for (int round = 0; round < 500; ++round) {
      std::string bytes = seed;
      for (int i = 0; i < 1 + round % 4; ++i) {
        bytes[(round % 2 == 0 ? 0 : 128) + random() % (bytes.size() - 128)] = static_cast<char>(random());
      }
      bytes.resize(bytes.size() - (round % 3 == 0 ? random() % bytes.size() : 0));
      const auto header = Read(bytes);
      readable += header.has_value();
      if (header) {
        header->attributes.ForEach([](Tag, std::string_view text) { ASSERT_TRUE(IsValidUtf8(text)); });
      }
    }
    EXPECT_GT(readable, 0);
  }
}

// 2 GB, most of it a hole: the header alone is read.
TEST_F(FileHeaderTest, ReadsNoPixelData) {
  const fs::path file = directory_ / "big";
  std::ofstream(file, std::ios::binary) << Meta() << kInstance << Element(0x00080020, "DA", "20200301") << kUids
                                        << TagBytes(0x7FE00010) + "OW\0\0"s + Number(0x7F000000, 4);
  fs::resize_file(file, uint64_t{0x7F000000} + 1000);
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(ReadFileHeader(file).has_value());
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
}

}  // namespace
}  // namespace trolley
