#include "dicom/file_meta_writer.h"

#include <gtest/gtest.h>

#include <string>

#include "dicom/data_set_peek.h"
#include "dicom/file_meta.h"
#include "dicom/synthetic.h"
#include "support/temp_directory.h"
#include "trolley/file_header.h"

namespace trolley {
namespace {

std::span<const std::byte> Bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

FileMeta Meta(const std::string& syntax = "1.2.840.10008.1.2.1") {
  return {Uid("1.2.3.4"), "1.2.840.10008.5.1.4.1.1.2", syntax};
}

std::string Prefix(const FileMeta& meta) {
  const std::vector<std::byte> bytes = Part10Prefix(meta);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// The data set of a file made elsewhere.
std::string DataSet(const std::string& file) {
  const auto length = static_cast<unsigned char>(file.at(140)) + 256u * static_cast<unsigned char>(file.at(141));
  return file.substr(144 + length);
}

TEST(Part10PrefixTest, IsReadBack) {
  const std::string prefix = Prefix(Meta());
  EXPECT_EQ(prefix.size() % 2, 0u);
  EXPECT_EQ(DataSet(prefix), "") << "the group's length is wrong";
  const FileMetaPeek peek = PeekFileMeta(Bytes(prefix));
  ASSERT_EQ(peek.status, FileMetaPeek::Status::kOk);
  EXPECT_EQ(peek.meta->sop_instance_uid.str(), "1.2.3.4");
  EXPECT_EQ(peek.meta->sop_class_uid, "1.2.840.10008.5.1.4.1.1.2");
  EXPECT_EQ(peek.meta->transfer_syntax_uid, "1.2.840.10008.1.2.1");
  EXPECT_EQ(prefix, Prefix(Meta()));
}

TEST(Part10PrefixTest, MakesADataSetAFileThatAnotherLibraryReads) {
  const TempDirectory directory;
  SyntheticInstances spec;
  spec.study_uid = "1.2.3";
  spec.series_uid = "1.2.3.1";
  spec.compression = SyntheticInstances::Compression::kRle;
  const std::string file = ReadFile(WriteSyntheticSeries(spec, directory / "made").at(0));
  const FileMeta meta = PeekFileMeta(Bytes(file)).meta.value();
  const std::string wrapped = Prefix(meta) + DataSet(file);
  const auto header = ReadFileHeader(directory.Write("wrapped.dcm", wrapped));
  ASSERT_TRUE(header);
  EXPECT_EQ(header->transfer_syntax_uid, "1.2.840.10008.1.2.5");
  EXPECT_EQ(header->attributes.Get(tag::kSOPInstanceUID), "1.2.3.1.1");
}

struct Syntax {
  std::string uid;
  bool implicit;
  bool big_endian;
};

class DataSetPeekTest : public testing::TestWithParam<Syntax> {
 protected:
  std::string Number(uint32_t value, int size) const {
    std::string text;
    for (int i = 0; i < size; ++i) {
      const int shift = GetParam().big_endian ? 8 * (size - 1 - i) : 8 * i;
      text.push_back(static_cast<char>(value >> shift & 0xff));
    }
    return text;
  }
  std::string Head(uint32_t tag, const std::string& vr, uint32_t length) const {
    const std::string head = Number(tag >> 16, 2) + Number(tag & 0xffff, 2);
    if (GetParam().implicit || tag >> 16 == 0xfffe) {
      return head + Number(length, 4);
    }
    return vr == "SQ" || vr == "UN" ? head + vr + std::string(2, '\0') + Number(length, 4)
                                    : head + vr + Number(length, 2);
  }
  std::string Element(uint32_t tag, const std::string& vr, const std::string& value) const {
    return Head(tag, vr, static_cast<uint32_t>(value.size())) + value;
  }
  std::string Uids() const {
    return Element(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.2") +
           Element(0x00080018, "UI", std::string("1.2.3\0", 6));
  }
  DataSetPeek Peek(const std::string& bytes) const { return PeekDataSet(Bytes(bytes), GetParam().uid); }
  // Tells the UID as soon as it is there, and not before.
  void ExpectFound(const std::string& bytes) const {
    for (size_t i = 0; i < bytes.size(); ++i) {
      EXPECT_EQ(Peek(bytes.substr(0, i)).status, DataSetPeek::Status::kNeedMore) << i;
    }
    const DataSetPeek peek = Peek(bytes);
    ASSERT_EQ(peek.status, DataSetPeek::Status::kOk);
    EXPECT_EQ(peek.sop_instance_uid->str(), "1.2.3");
  }
};

INSTANTIATE_TEST_SUITE_P(Syntaxes, DataSetPeekTest,
                         testing::Values(Syntax{"1.2.840.10008.1.2", true, false},
                                         Syntax{"1.2.840.10008.1.2.1", false, false},
                                         Syntax{"1.2.840.10008.1.2.2", false, true},
                                         Syntax{"1.2.840.10008.1.2.4.80", false, false}),
                         [](const auto& at) { return "Syntax" + std::to_string(at.index); });

TEST_P(DataSetPeekTest, FindsTheInstance) {
  ExpectFound(Element(0x00080005, "CS", "ISO_IR 192") + Uids());
}

TEST_P(DataSetPeekTest, PassesOverSequencesOfAnyLength) {
  const std::string inner = Uids() + Element(0x00080100, "SH", "de");
  const std::string item = Element(0xfffee000, "", inner);
  const std::string open = Head(0xfffee000, "", 0xffffffff) + inner + Head(0xfffee00d, "", 0);
  const std::string end = Head(0xfffee0dd, "", 0);
  ExpectFound(Element(0x00080006, "SQ", item) + Uids());
  ExpectFound(Head(0x00080006, "SQ", 0xffffffff) + item + open + end + Uids());
}

TEST_P(DataSetPeekTest, DoesNotKnowWhatIsNotThere) {
  EXPECT_EQ(Peek(Element(0x00080020, "DA", "20200301")).status, DataSetPeek::Status::kUnknown);
  EXPECT_EQ(Peek(Element(0x00080018, "UI", "../../x/")).status, DataSetPeek::Status::kUnknown);
  EXPECT_EQ(Peek(Head(0x00080018, "UI", 4000)).status, DataSetPeek::Status::kUnknown);
  EXPECT_EQ(Peek(Head(0x00080006, "SQ", 0xfffffff0)).status, DataSetPeek::Status::kUnknown);
  EXPECT_EQ(Peek(Head(0xfffee0dd, "", 0)).status, DataSetPeek::Status::kUnknown);
  std::string endless;
  while (endless.size() < kMaxDataSetPeek) {
    endless += Head(0x00080006, "SQ", 0xffffffff);
  }
  EXPECT_EQ(Peek(endless).status, DataSetPeek::Status::kUnknown);
}

TEST(DataSetPeekDeflatedTest, IsUnknown) {
  EXPECT_EQ(PeekDataSet(Bytes("anything"), "1.2.840.10008.1.2.1.99").status, DataSetPeek::Status::kUnknown);
}

}  // namespace
}  // namespace trolley
