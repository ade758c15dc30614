#include "trolley/tag.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <thread>

#include "trolley/error.h"

namespace trolley {
namespace {

struct Known {
  const char* keyword;
  uint32_t tag;
  const char* vr;
};

class KnownTagTest : public testing::TestWithParam<Known> {};

TEST_P(KnownTagTest, IsFoundByKeywordAndByNumber) {
  const Known& known = GetParam();
  const Tag tag{known.tag};
  for (const auto& info : {FindTag(known.keyword), FindTag(tag), FindTag(TagHex(tag))}) {
    ASSERT_TRUE(info) << known.keyword;
    EXPECT_EQ(info->tag, tag);
    EXPECT_EQ(info->keyword, known.keyword);
    EXPECT_EQ(info->vr_text(), known.vr);
  }
  EXPECT_EQ(VrOf(tag), known.vr);
  EXPECT_EQ(TagName(tag), known.keyword);
}

INSTANTIATE_TEST_SUITE_P(
    Ps36, KnownTagTest,
    testing::Values(Known{"TransferSyntaxUID", 0x00020010, "UI"}, Known{"SpecificCharacterSet", 0x00080005, "CS"},
                    Known{"SOPClassUID", 0x00080016, "UI"}, Known{"SOPInstanceUID", 0x00080018, "UI"},
                    Known{"StudyDate", 0x00080020, "DA"}, Known{"StudyTime", 0x00080030, "TM"},
                    Known{"AcquisitionDateTime", 0x0008002A, "DT"}, Known{"AccessionNumber", 0x00080050, "SH"},
                    Known{"Modality", 0x00080060, "CS"}, Known{"ModalitiesInStudy", 0x00080061, "CS"},
                    Known{"InstitutionName", 0x00080080, "LO"}, Known{"ReferringPhysicianName", 0x00080090, "PN"},
                    Known{"RetrieveURL", 0x00081190, "UR"}, Known{"StudyDescription", 0x00081030, "LO"},
                    Known{"SeriesDescription", 0x0008103E, "LO"}, Known{"PatientName", 0x00100010, "PN"},
                    Known{"PatientID", 0x00100020, "LO"}, Known{"PatientBirthDate", 0x00100030, "DA"},
                    Known{"PatientSex", 0x00100040, "CS"}, Known{"PatientAge", 0x00101010, "AS"},
                    Known{"PatientComments", 0x00104000, "LT"}, Known{"StudyInstanceUID", 0x0020000D, "UI"},
                    Known{"SeriesInstanceUID", 0x0020000E, "UI"}, Known{"StudyID", 0x00200010, "SH"},
                    Known{"SeriesNumber", 0x00200011, "IS"}, Known{"InstanceNumber", 0x00200013, "IS"},
                    Known{"NumberOfPatientRelatedStudies", 0x00201200, "IS"},
                    Known{"NumberOfStudyRelatedSeries", 0x00201206, "IS"},
                    Known{"NumberOfStudyRelatedInstances", 0x00201208, "IS"},
                    Known{"NumberOfSeriesRelatedInstances", 0x00201209, "IS"}, Known{"Rows", 0x00280010, "US"},
                    Known{"NumberOfFrames", 0x00280008, "IS"}, Known{"PixelSpacing", 0x00280030, "DS"},
                    Known{"SmallestImagePixelValue", 0x00280106, "US"}, Known{"PixelData", 0x7FE00010, "OB"},
                    Known{"RequestAttributesSequence", 0x00400275, "SQ"}, Known{"StudyStatusID", 0x0032000A, "CS"}),
    [](const auto& tested) { return std::string(tested.param.keyword); });

TEST(TagTest, ConstantsAreWhatTheirNamesSay) {
  const std::vector<std::pair<Tag, const char*>> constants = {
      {tag::kTransferSyntaxUID, "TransferSyntaxUID"},
      {tag::kSpecificCharacterSet, "SpecificCharacterSet"},
      {tag::kSOPClassUID, "SOPClassUID"},
      {tag::kSOPInstanceUID, "SOPInstanceUID"},
      {tag::kStudyDate, "StudyDate"},
      {tag::kSeriesDate, "SeriesDate"},
      {tag::kContentDate, "ContentDate"},
      {tag::kStudyTime, "StudyTime"},
      {tag::kSeriesTime, "SeriesTime"},
      {tag::kContentTime, "ContentTime"},
      {tag::kAccessionNumber, "AccessionNumber"},
      {tag::kModality, "Modality"},
      {tag::kModalitiesInStudy, "ModalitiesInStudy"},
      {tag::kTimezoneOffsetFromUTC, "TimezoneOffsetFromUTC"},
      {tag::kStudyDescription, "StudyDescription"},
      {tag::kSeriesDescription, "SeriesDescription"},
      {tag::kPatientName, "PatientName"},
      {tag::kPatientID, "PatientID"},
      {tag::kPatientBirthDate, "PatientBirthDate"},
      {tag::kStudyInstanceUID, "StudyInstanceUID"},
      {tag::kSeriesInstanceUID, "SeriesInstanceUID"},
      {tag::kStudyID, "StudyID"},
      {tag::kSeriesNumber, "SeriesNumber"},
      {tag::kInstanceNumber, "InstanceNumber"},
      {tag::kNumberOfStudyRelatedSeries, "NumberOfStudyRelatedSeries"},
      {tag::kNumberOfStudyRelatedInstances, "NumberOfStudyRelatedInstances"},
      {tag::kNumberOfSeriesRelatedInstances, "NumberOfSeriesRelatedInstances"},
      {tag::kSamplesPerPixel, "SamplesPerPixel"},
      {tag::kNumberOfFrames, "NumberOfFrames"},
      {tag::kRows, "Rows"},
      {tag::kColumns, "Columns"},
      {tag::kBitsAllocated, "BitsAllocated"},
  };
  for (const auto& [tag, keyword] : constants) {
    EXPECT_EQ(TagName(tag), keyword);
  }
}

TEST(TagTest, DoesNotFindWhatPs36DoesNotKnow) {
  for (const char* text : {"", "Patient Name", "patientname", "PatientNam", "PatientName ", "(0010,0010)", "0010001",
                           "001000100", "0010001G", "00091001", "60003000", "50000005", "FFFEE000",
                           "GenericGroupLength", "RETIRED_StudyStatusID", "00100000"}) {
    EXPECT_FALSE(FindTag(text)) << text;
  }
  EXPECT_FALSE(FindTag(Tag{0x00091001}));
  EXPECT_EQ(VrOf(Tag{0x00091001}), "UN");
  EXPECT_TRUE(FindTag("0020000d"));
}

TEST(TagTest, NamesUnknownTagsByNumber) {
  EXPECT_EQ(TagName(Tag{0x00091001}), "(0009,1001)");
  EXPECT_EQ(TagName(Tag{0xFFFFFFFF}), "(ffff,ffff)");
}

TEST(TagTest, WritesAndReadsHex) {
  EXPECT_EQ(TagHex(tag::kStudyInstanceUID), "0020000D");
  EXPECT_EQ(ParseTagHex("0020000d"), tag::kStudyInstanceUID);
  EXPECT_EQ(ParseTagHex("0020000D"), tag::kStudyInstanceUID);
  EXPECT_EQ(ParseTagHex("FFFFFFFF"), Tag{0xFFFFFFFF});
  for (const char* text : {"", "0020000", "0020000D0", "0x20000D", " 020000D", "-0200000", "StudyUID", "+0200000"}) {
    EXPECT_FALSE(ParseTagHex(text)) << text;
  }
}

TEST(TagTest, SplitsIntoGroupAndElement) {
  EXPECT_EQ(tag::kStudyInstanceUID.group(), 0x0020);
  EXPECT_EQ(tag::kStudyInstanceUID.element(), 0x000D);
  EXPECT_LT(tag::kStudyDate, tag::kPatientName);
}

TEST(TagTest, SuggestsTheNearestKeyword) {
  EXPECT_EQ(NearestKeyword("PatientNmae"), "PatientName");
  EXPECT_EQ(NearestKeyword("patientname"), "PatientName");
  EXPECT_EQ(NearestKeyword("STUDYDATE"), "StudyDate");
  EXPECT_EQ(NearestKeyword("ModalityInStudy"), "ModalitiesInStudy");
  EXPECT_EQ(NearestKeyword("%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%"), "");
}

TEST(TagTest, IsFoundFromManyThreadsAtOnce) {
  std::vector<std::thread> threads;
  std::array<bool, 8> found{};
  for (bool& mine : found) {
    threads.emplace_back([&mine] { mine = FindTag("PatientName") && FindTag(tag::kStudyDate); });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_THAT(found, testing::Each(true));
}

TEST(TagDeathTest, SaysClearlyThatTheDictionaryIsMissing) {
  // A fresh process, in which the dictionary was not looked at yet.
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        setenv("DCMDICTPATH", "/nonexistent/dicom.dic", 1);
        try {
          FindTag("PatientName");
        } catch (const Error& e) {
          std::cerr << ErrorCodeName(e.code()) << ": " << e.what() << std::endl;
          std::_Exit(3);
        }
        std::_Exit(0);
      },
      testing::ExitedWithCode(3), "kStorage: Cannot look up DICOM attributes: .*dicom.dic.* is not loaded; install");
}

}  // namespace
}  // namespace trolley
