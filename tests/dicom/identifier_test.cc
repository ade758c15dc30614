#include "dicom/identifier.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "trolley/error.h"

namespace trolley {
namespace {

constexpr Tag kRows{0x00280010};

TEST(IdentifierTest, ReadsWhatItWrites) {
  const std::map<Tag, std::string> values = {{tag::kPatientName, "Müller^Jürgen=山田"},
                                             {tag::kStudyInstanceUID, "1.2.3"},
                                             {tag::kStudyDate, "20200101-"},
                                             {kRows, "512"},
                                             {tag::kModality, ""}};
  for (const bool explicit_vr : {false, true}) {
    const std::string bytes = EncodeIdentifier(values, explicit_vr, "ISO_IR 192");
    EXPECT_EQ(bytes.size() % 2, 0u);
    const Attributes read = DecodeIdentifier(bytes, explicit_vr, "ISO_IR 100");
    for (const auto& [tag, value] : values) {
      EXPECT_TRUE(read.Has(tag));
      EXPECT_EQ(read.Get(tag), value);
    }
    EXPECT_EQ(read.Get(tag::kSpecificCharacterSet), "ISO_IR 192");
  }
}

TEST(IdentifierTest, NamesTheCharacterSetOnlyWhenItIsNeeded) {
  const std::string ascii = EncodeIdentifier({{tag::kPatientName, "Doe"}}, false, "ISO_IR 192");
  EXPECT_EQ(DecodeIdentifier(ascii, false, "").Get(tag::kSpecificCharacterSet), "");
  const std::string latin = EncodeIdentifier({{tag::kPatientName, "Hüfte"}}, false, "ISO_IR 100");
  EXPECT_NE(latin.find("H\xfc"
                       "fte"),
            std::string::npos);
  try {
    EncodeIdentifier({{tag::kPatientName, "山田"}}, false, "ISO_IR 100");
    FAIL() << "it was written although the character set has no such letters";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
    EXPECT_NE(std::string(error.what()).find("PatientName"), std::string::npos);
  }
}

TEST(IdentifierTest, ReadsTextThatNamesNoCharacterSet) {
  const std::string bytes(
      "\x10\0\x10\0\6\0\0\0H\xfc"
      "fte ",
      14);
  EXPECT_EQ(DecodeIdentifier(bytes, false, "ISO_IR 100").Get(tag::kPatientName), "Hüfte");
  const std::string cyrillic("\x10\0\x10\0\4\0\0\0\xb0\xb1\xb2\xb3", 12);
  EXPECT_EQ(DecodeIdentifier(cyrillic, false, "ISO_IR 144").Get(tag::kPatientName), "АБВГ");
}

TEST(IdentifierTest, PassesOverSequences) {
  // (0008,1110) of undefined length with an item of undefined length in it, then (0020,000D).
  const std::string sequence(
      "\x08\0\x10\x11\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff"
      "\x20\0\x0d\0\2\0\0\0"
      "9\0"
      "\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0",
      42);
  const std::string uid("\x20\0\x0d\0\4\0\0\0001.2\0", 12);
  EXPECT_EQ(DecodeIdentifier(sequence + uid, false, "").Get(tag::kStudyInstanceUID), "1.2");
}

TEST(IdentifierTest, RefusesWhatIsNoDataSet) {
  const std::string bytes =
      EncodeIdentifier({{tag::kPatientName, "Doe^Jane"}, {tag::kStudyInstanceUID, "1.2"}}, true, "");
  size_t refused = 0;
  for (size_t length = 1; length < bytes.size(); ++length) {
    try {
      DecodeIdentifier(bytes.substr(0, length), true, "");
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kProtocol);
      ++refused;
    }
  }
  EXPECT_EQ(refused, bytes.size() - 1 - 2);  // two ends of elements
  std::mt19937 random(1);
  for (int i = 0; i < 5000; ++i) {
    std::string damaged = bytes;
    damaged[random() % damaged.size()] = static_cast<char>(random());
    try {
      DecodeIdentifier(damaged, i % 2 == 0, "");
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kProtocol);
    }
  }
}

TEST(IdentifierTest, RefusesNumbersThatAreNone) {
  EXPECT_THROW(EncodeIdentifier({{kRows, "5*"}}, false, ""), Error);
  EXPECT_THROW(EncodeIdentifier({{kRows, "70000"}}, false, ""), Error);
}

}  // namespace
}  // namespace trolley
