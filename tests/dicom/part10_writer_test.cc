// Metadata from the wire to a file: DICOM JSON and the Native DICOM Model, read and written as Part-10.
#include "dicom/part10_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "dicom/dicom_json_data_set.h"
#include "dicom/native_xml.h"
#include "support/process.h"
#include "support/temp_directory.h"
#include "trolley/error.h"
#include "trolley/file_header.h"

namespace trolley {
namespace {

using testing::HasSubstr;
using testing::Not;

// Like what Vitrea 9.2 answers, with all that is illegal in it: numbers as texts, a name without a value, a sequence
// and texts in UN, escaped "=" in Base64, bulk data of UN elsewhere.
constexpr const char* kVitrea = R"([{
  "00020010": {"vr": "UI", "Value": ["1.2.840.10008.1.2.4.70"]},
  "00080005": {"vr": "CS", "Value": ["ISO_IR 100"]},
  "00080016": {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.2"]},
  "00080018": {"vr": "UI", "Value": ["1.2.3.4"]},
  "00080051": {"vr": "SQ", "Value": [{"00400031": {"vr": "UT", "Value": ["Site"]}, "00400033": {"vr": "CS"}}, {}]},
  "00080090": {"vr": "PN"},
  "00081110": {"vr": "SQ"},
  "00090010": {"vr": "LO", "Value": ["GEMS"]},
  "00091001": {"vr": "UN", "Value": [{"00091002": {"vr": "UN", "Value": [{"00080060": {"vr": "CS", "Value": ["CT"]}}]}}]},
  "00091003": {"vr": "UN", "InlineBinary": "AQI\u003d"},
  "00091004": {"vr": "UN", "BulkDataURI": "http://elsewhere/1"},
  "00091005": {"vr": "UN", "Value": ["some", "text"]},
  "00091006": {"vr": "UN", "InlineBinary": "not!base64"},
  "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Müller^Jürgen", "Ideographic": "山田^太郎"}]},
  "00180050": {"vr": "DS", "Value": ["1.23"]},
  "00180088": {"vr": "DS", "Value": [0.30000000000000004]},
  "00200013": {"vr": "IS", "Value": ["9"]},
  "00280009": {"vr": "AT", "Value": ["00181063"]},
  "00280010": {"vr": "US", "Value": ["512"]},
  "00280011": {"vr": "US", "Value": [511.0]},
  "00280030": {"vr": "DS", "Value": ["0.5", null, 0.25]},
  "00280103": {"vr": "US", "Value": ["many"]},
  "00281052": {"vr": "DS", "Value": [-1024]},
  "00189073": {"vr": "FD", "Value": [1.5]},
  "7FE00010": {"vr": "OW", "BulkDataURI": "http://elsewhere/2"}
}])";

DataSet FromJson(const std::string& json) {
  std::vector<DataSet> all;
  ParseDataSets(json, [&](DataSet data_set) { all.push_back(std::move(data_set)); });
  EXPECT_EQ(all.size(), 1u);
  return all.empty() ? DataSet() : all.front();
}

std::string JsonError(const std::string& json) {
  try {
    ParseDataSets(json, [](const DataSet&) {});
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kProtocol);
    return error.what();
  }
  return "no error";
}

class Part10WriterTest : public testing::Test {
 protected:
  std::filesystem::path Write(const DataSet& data_set) {
    const std::filesystem::path file = directory_ / "out.dcm";
    std::ofstream(file, std::ios::binary) << WritePart10(data_set);
    return file;
  }
  static std::string Run(const std::vector<std::string>& command) {
    const RunResult result = RunProgram(command, {.environment = {{"PYTHONUTF8", "1"}}});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return result.out;
  }
  TempDirectory directory_;
};

TEST_F(Part10WriterTest, IsReadByOurselves) {
  const auto header = ReadFileHeader(Write([] {
    DataSet data_set = FromJson(kVitrea);
    data_set[tag::kStudyInstanceUID] = {"UI", {"1.2"}, {}, {}};
    data_set[tag::kSeriesInstanceUID] = {"UI", {"1.3"}, {}, {}};
    return data_set;
  }()));
  ASSERT_TRUE(header);
  EXPECT_EQ(header->transfer_syntax_uid, "1.2.840.10008.1.2.1");
  EXPECT_EQ(header->attributes.Get(tag::kPatientName), "Müller^Jürgen=山田^太郎");
  EXPECT_EQ(header->attributes.Get(tag::kColumns), "511");
}

// The seed's bug 8: what came back could not be saved.
TEST_F(Part10WriterTest, IsReadByDcmdump) {
  const std::string dump = Run({"dcmdump", "--quiet", "+L", Write(FromJson(kVitrea)).string()});
  for (const char* line :
       {"(0002,0010) UI =LittleEndianExplicit", "(0008,0005) CS [ISO_IR 192]", "(0018,0050) DS [1.23]",
        "(0020,0013) IS [9]", "(0028,0009) AT (0018,1063)", "(0028,0010) US 512", "(0028,0030) DS [0.5\\\\0.25]",
        "(0018,0088) DS [0.3]", "(0028,1052) DS [-1024]", "(0018,9073) FD 1.5", "(0009,1003) UN 01\\02",
        "(0010,0010) PN [Müller^Jürgen=山田^太郎]", "(0008,0090) PN (no value available)"}) {
    EXPECT_THAT(dump, HasSubstr(line));
  }
  EXPECT_THAT(dump, Not(HasSubstr("0028,0103")));
  EXPECT_THAT(dump, Not(HasSubstr("7fe0,0010")));
  EXPECT_THAT(dump, Not(HasSubstr("0009,1004")));
}

TEST_F(Part10WriterTest, IsReadAndWrittenAgainByPydicom) {
  const std::string file = Write(FromJson(kVitrea)).string();
  const std::string script =
      "import pydicom, sys\n"
      "d = pydicom.dcmread(sys.argv[1])\n"
      "print(d.PatientName, d.Rows, d.SliceThickness, d[0x0009, 0x1001].value[0][0x0009, 0x1002].value[0].Modality,\n"
      "      len(d.IssuerOfAccessionNumberSequence), len(d.ReferencedStudySequence), d[0x0009, 0x1005].value)\n"
      "d.save_as(sys.argv[2], write_like_original=False)\n";
  EXPECT_EQ(Run({"/usr/bin/python3", "-c", script, file, (directory_ / "again.dcm").string()}),
            "Müller^Jürgen=山田^太郎 512 1.23 CT 2 0 b'some\\\\text\\x00'\n");
}

TEST_F(Part10WriterTest, WritesLongTextsAndManyItems) {
  DataSet data_set = {{tag::kSOPInstanceUID, {"UI", {"1.2.3"}, {}, {}}}};
  data_set[Tag{0x00180050}] = {"DS", std::vector<std::string>(20000, "1.5"), {}, {}};  // over 64 KiB
  data_set[Tag{0x00204000}] = {"LT", {std::string(301, 'x')}, {}, {}};
  data_set[Tag{0x00081115}] = {"SQ", {}, {}, std::vector<DataSet>(5000, {{tag::kModality, {"CS", {"CT"}, {}, {}}}})};
  const std::string dump = Run({"dcmdump", "--quiet", Write(data_set).string()});
  EXPECT_THAT(dump, HasSubstr("(0018,0050) UN"));
  EXPECT_THAT(dump, HasSubstr("# 302, 1 ImageComments"));
}

TEST_F(Part10WriterTest, NeedsAnInstance) {
  EXPECT_THROW(WritePart10({}), Error);
  EXPECT_THROW(WritePart10({{tag::kSOPInstanceUID, {"UI", {"../x"}, {}, {}}}}), Error);
}

// --- DICOM JSON ---

TEST(DicomJsonDataSetTest, IsWrittenAndReadAgain) {
  DataSet data_set = FromJson(kVitrea);
  EXPECT_EQ(FromJson(WriteDicomJson(data_set)), data_set);
  const std::string json = WriteDicomJson(data_set);
  EXPECT_THAT(json, HasSubstr(R"("00280010":{"Value":[512],"vr":"US"})"));
  EXPECT_THAT(json, HasSubstr(R"("Alphabetic":"Müller^Jürgen")"));
}

TEST(DicomJsonDataSetTest, GivesOneAfterAnother) {
  std::vector<std::string> uids;
  ParseDataSets(R"([{"00080018":{"vr":"UI","Value":["1"]}},{"00080018":{"vr":"UI","Value":["2"]}}])",
                [&](const DataSet& data_set) { uids.emplace_back(FirstValue(data_set, tag::kSOPInstanceUID)); });
  EXPECT_THAT(uids, testing::ElementsAre("1", "2"));
  EXPECT_EQ(FirstValue(FromJson(R"({"00080018":{"Value":"1"}})"), tag::kSOPInstanceUID), "1");
}

TEST(DicomJsonDataSetTest, RefusesWhatIsNone) {
  const std::string deep(1000, '[');
  std::string nested = "1";
  for (int i = 0; i < 100; ++i) {
    nested = R"({"00081115":{"vr":"SQ","Value":[)" + nested + "]}}";
  }
  for (const std::string& json :
       {std::string("<html>"), std::string(R"({"HttpError":"Not Found","HttpStatus":404})"), std::string("[{}"),
        std::string(R"([{"00080018":{"vr":"UI","Value":["1"]}},)"), std::string("[1]"), std::string("[[]]"),
        std::string(R"({"00080018":1})"), deep, nested, std::string("nonsense")}) {
    EXPECT_THAT(JsonError(json), testing::StartsWith("Cannot read DICOM JSON: ")) << json.substr(0, 50);
  }
}

// --- The Native DICOM Model ---

constexpr const char* kXml = R"(<?xml version="1.0" encoding="UTF-8"?>
<NativeDicomModel xml:space="preserve" xmlns="http://dicom.nema.org/PS3.19/models/NativeDICOM">
  <DicomAttribute tag="00080018" vr="UI" keyword="SOPInstanceUID"><Value number="1">1.2.3.4</Value></DicomAttribute>
  <DicomAttribute tag="00080061" vr="CS"><Value number="1">CT</Value><Value number="3">SR</Value></DicomAttribute>
  <DicomAttribute tag="00081115" vr="SQ"><Item number="1">
    <DicomAttribute tag="00280010" vr="US"><Value number="1">5</Value></DicomAttribute></Item></DicomAttribute>
  <DicomAttribute tag="00090001" vr="LO" privateCreator="ACME"><Value number="1"> a &amp; b</Value></DicomAttribute>
  <DicomAttribute tag="00100010" vr="PN"><PersonName number="1">
    <Alphabetic><FamilyName>Yamada</FamilyName><GivenName>Tarou</GivenName></Alphabetic>
    <Ideographic><FamilyName>山田</FamilyName></Ideographic></PersonName></DicomAttribute>
  <DicomAttribute tag="00091105" vr="OB"><InlineBinary>AQI=</InlineBinary></DicomAttribute>
  <DicomAttribute tag="7FE00010" vr="OW"><BulkData uri="http://elsewhere/"/></DicomAttribute>
</NativeDicomModel>)";

TEST(NativeXmlTest, ReadsTheStandardsForms) {
  const DataSet expected = {
      {tag::kSOPInstanceUID, {"UI", {"1.2.3.4"}, {}, {}}},
      {tag::kModalitiesInStudy, {"CS", {"CT", "", "SR"}, {}, {}}},
      {Tag{0x00081115}, {"SQ", {}, {}, {{{tag::kRows, {"US", {"5"}, {}, {}}}}}}},
      {Tag{0x00090010}, {"LO", {"ACME"}, {}, {}}},
      {Tag{0x00091001}, {"LO", {" a & b"}, {}, {}}},
      {Tag{0x00091105}, {"OB", {}, std::string("\1\2"), {}}},
      {tag::kPatientName, {"PN", {"Yamada^Tarou=山田"}, {}, {}}},
  };
  EXPECT_EQ(ParseNativeXml(kXml), expected);
}

TEST(NativeXmlTest, RefusesWhatIsNone) {
  std::string nested;
  for (int i = 0; i < 200; ++i) {
    nested += R"(<DicomAttribute tag="00081115" vr="SQ"><Item>)";
  }
  for (int i = 0; i < 200; ++i) {
    nested += "</Item></DicomAttribute>";
  }
  for (const std::string& xml : {std::string(""), std::string("<html><body/></html>"), std::string(kXml).substr(0, 500),
                                 std::string("<NativeDicomModel><DicomAttribute/></NativeDicomModel>"),
                                 "<NativeDicomModel>" + nested + "</NativeDicomModel>"}) {
    try {
      ParseNativeXml(xml);
      ADD_FAILURE() << xml.substr(0, 60);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kProtocol);
    }
  }
}

}  // namespace
}  // namespace trolley
