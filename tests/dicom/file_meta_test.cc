#include "dicom/file_meta.h"

#include <gtest/gtest.h>

#include <string>

namespace trolley {
namespace {

using Status = FileMetaPeek::Status;
using namespace std::string_literals;

std::string Number(size_t value, int bytes) {
  std::string out;
  for (int i = 0; i < bytes; ++i) {
    out.push_back(static_cast<char>(value >> (8 * i)));
  }
  return out;
}

std::string Element(uint16_t group, uint16_t element, const std::string& vr, const std::string& value) {
  const bool is_long = vr == "OB" || vr == "UN" || vr == "UT";
  return Number(group, 2) + Number(element, 2) + vr + (is_long ? "\0\0"s : ""s) +
         Number(value.size(), is_long ? 4 : 2) + value;
}

const std::string kStart = std::string(128, '\0') + "DICM";
const std::string kVersion = Element(2, 1, "OB", "\0\1"s);
const std::string kClass = Element(2, 2, "UI", "1.2.840.10008.5.1.4.1.1.2\0"s);
const std::string kInstance = Element(2, 3, "UI", "1.2.3.4\0"s);
const std::string kSyntax = Element(2, 0x10, "UI", "1.2.840.10008.1.2.1\0"s);

FileMetaPeek Peek(const std::string& bytes) {
  return PeekFileMeta(std::as_bytes(std::span(bytes.data(), bytes.size())));
}

TEST(FileMetaTest, ReadsTheGroup) {
  const FileMetaPeek peek =
      Peek(kStart + Element(2, 0, "UL", Number(100, 4)) + kVersion + kClass + kInstance + kSyntax);
  ASSERT_EQ(peek.status, Status::kOk);
  EXPECT_EQ(peek.meta->sop_instance_uid.str(), "1.2.3.4");
  EXPECT_EQ(peek.meta->sop_class_uid, "1.2.840.10008.5.1.4.1.1.2");
  EXPECT_EQ(peek.meta->transfer_syntax_uid, "1.2.840.10008.1.2.1");
}

TEST(FileMetaTest, AnswersAsSoonAsItCanAndNeverDiffersWithMoreBytes) {
  const std::string needed = kStart + kVersion + kClass + kInstance + kSyntax;
  const std::string whole = needed + Element(2, 0x12, "UI", "1.9\0"s) + Element(8, 5, "CS", "ISO_IR 100");
  for (size_t length = 0; length <= whole.size(); ++length) {
    EXPECT_EQ(Peek(whole.substr(0, length)).status, length < needed.size() ? Status::kNeedMore : Status::kOk) << length;
  }
}

TEST(FileMetaTest, AnswersAtTheEndOfTheGroupWithoutTransferSyntax) {
  const FileMetaPeek peek = Peek(kStart + kInstance + "\x08\0"s);
  ASSERT_EQ(peek.status, Status::kOk);
  EXPECT_EQ(peek.meta->transfer_syntax_uid, "");
}

TEST(FileMetaTest, RefusesWhatIsNotPart10) {
  EXPECT_EQ(Peek("").status, Status::kNeedMore);
  EXPECT_EQ(Peek(std::string(128, '<')).status, Status::kNeedMore);
  EXPECT_EQ(Peek(std::string(129, '<')).status, Status::kNotDicom);
  EXPECT_EQ(Peek(std::string(128, ' ') + "DICX").status, Status::kNotDicom);
}

TEST(FileMetaTest, RefusesAMalformedGroup) {
  const std::string cases[] = {
      kStart + kSyntax + Element(8, 5, "CS", "ISO_IR 100"),              // no SOPInstanceUID
      kStart + Element(8, 5, "CS", "ISO_IR 100"),                        // no group at all
      kStart + Element(2, 3, "UI", "../../x") + kSyntax,                 // no UID
      kStart + Element(2, 3, "UI", "") + kSyntax,                        // empty
      kStart + Element(2, 3, "UI", std::string(65, '1')),                // too long
      kStart + Element(2, 3, "u!", "1.2"),                               // no VR
      kStart + Number(2, 2) + Number(1, 2) + "OB\0\0\xFF\xFF\xFF\xFF"s,  // undefined length
      kStart + Number(2, 2) + Number(1, 2) + "OB\0\0\xFF\xFF\0\0"s,      // longer than a group may be
  };
  for (const std::string& bytes : cases) {
    EXPECT_EQ(Peek(bytes).status, Status::kNotDicom) << testing::PrintToString(bytes.substr(132));
  }
}

TEST(FileMetaTest, EndsWaitingAtTheLargestGroup) {
  std::string bytes = kStart;
  while (bytes.size() < kMaxFileMeta + 1000) {
    bytes += Element(2, 0x100, "UN", std::string(500, 'x'));
  }
  EXPECT_EQ(Peek(bytes.substr(0, 1000)).status, Status::kNeedMore);
  EXPECT_EQ(Peek(bytes).status, Status::kNotDicom);
}

TEST(FileMetaTest, SurvivesArbitraryBytes) {
  const std::string good = kStart + kVersion + kClass + kInstance + kSyntax;
  uint32_t random = 1;
  for (int round = 0; round < 20000; ++round) {
    std::string bytes = good;
    for (int i = 0; i < 3; ++i) {
      random = random * 1664525 + 1013904223;
      bytes[132 + (random >> 8) % (bytes.size() - 132)] = static_cast<char>(random >> 24);
    }
    const FileMetaPeek peek = Peek(bytes.substr(0, 100 + random % 200));
    EXPECT_EQ(peek.status == Status::kOk, peek.meta.has_value());
  }
}

}  // namespace
}  // namespace trolley
