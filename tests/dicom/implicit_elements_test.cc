#include "dicom/implicit_elements.h"

#include <gtest/gtest.h>

namespace trolley {
namespace {

constexpr Tag kLevel{0x00080052};

std::string Bytes(std::initializer_list<int> numbers) {
  std::string text;
  for (const int number : numbers) {
    text.push_back(static_cast<char>(number));
  }
  return text;
}

TEST(ImplicitElementsTest, AreWrittenInOrderAndPadded) {
  EXPECT_EQ(EncodeImplicit({{tag::kSOPInstanceUID, "1.2"}, {kLevel, "IMAGE"}}),
            Bytes({8, 0, 0x18, 0, 4, 0, 0, 0}) + "1.2" + Bytes({0, 8, 0, 0x52, 0, 6, 0, 0, 0}) + "IMAGE ");
}

TEST(ImplicitElementsTest, AreReadBack) {
  const RawElements elements = {{kLevel, "IMAGE"}, {tag::kStudyInstanceUID, "1.2.3"}, {tag::kSOPInstanceUID, "1\\2"}};
  EXPECT_EQ(ParseImplicit(EncodeImplicit(elements)), elements);
  EXPECT_EQ(ParseImplicit(""), RawElements());
}

TEST(ImplicitElementsTest, SequencesArePassedOver) {
  const std::string inner = EncodeImplicit({{tag::kSOPInstanceUID, "9.9"}});
  const std::string sequence = Bytes({8, 0, 6, 0, 255, 255, 255, 255, 254, 255, 0, 224, 255, 255, 255, 255}) + inner +
                               Bytes({254, 255, 13, 224, 0, 0, 0, 0, 254, 255, 221, 224, 0, 0, 0, 0});
  const RawElements elements = {{tag::kSOPInstanceUID, "1.2"}};
  EXPECT_EQ(ParseImplicit(sequence + EncodeImplicit(elements)), elements);
}

TEST(ImplicitElementsTest, AnythingCutOffOrUnbalancedIsMalformed) {
  const std::string whole = EncodeImplicit({{kLevel, "IMAGE"}});
  for (size_t i = 1; i < whole.size(); ++i) {
    EXPECT_EQ(ParseImplicit(whole.substr(0, i)), std::nullopt) << i;
  }
  EXPECT_EQ(ParseImplicit(Bytes({254, 255, 13, 224, 0, 0, 0, 0})), std::nullopt);
  EXPECT_EQ(ParseImplicit(Bytes({8, 0, 6, 0, 255, 255, 255, 255})), std::nullopt);
}

}  // namespace
}  // namespace trolley
