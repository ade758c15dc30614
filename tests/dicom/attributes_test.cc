#include "trolley/attributes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "trolley/error.h"

namespace trolley {
namespace {

using testing::ElementsAre;
using testing::Pair;
using std::string_literals::operator""s;

std::vector<std::pair<Tag, std::string>> Contents(const Attributes& attributes) {
  std::vector<std::pair<Tag, std::string>> contents;
  attributes.ForEach([&](Tag tag, std::string_view text) { contents.emplace_back(tag, text); });
  return contents;
}

constexpr Tag kA{0x00080005};
constexpr Tag kB{0x00080020};
constexpr Tag kC{0x00100010};
constexpr Tag kD{0xFFFFFFFF};

TEST(AttributesTest, StartsEmpty) {
  const Attributes none;
  EXPECT_TRUE(none.empty());
  EXPECT_FALSE(none.Has(kA));
  EXPECT_EQ(none.Get(kA), "");
  EXPECT_EQ(none.First(kA), "");
  EXPECT_FALSE(none.Number(kA));
  EXPECT_EQ(none.Serialize(), "");
}

TEST(AttributesTest, KeepsOrderOfTagsWhateverTheOrderOfSets) {
  const Attributes forward{{kA, "a"}, {kB, "bb"}, {kC, ""}, {kD, "dddd"}};
  const Attributes backward{{kD, "dddd"}, {kC, ""}, {kB, "bb"}, {kA, "a"}};
  EXPECT_THAT(Contents(forward), ElementsAre(Pair(kA, "a"), Pair(kB, "bb"), Pair(kC, ""), Pair(kD, "dddd")));
  EXPECT_EQ(forward, backward);
}

TEST(AttributesTest, KeepsTextsOfAnyLengthUnderAnyTag) {
  static_assert(sizeof(Attributes) == sizeof(void*));
  for (const size_t length : {0u, 1u, 127u, 128u, 16383u, 16384u, 70000u}) {
    for (const Tag middle : {kB, Tag{0x00080021}, Tag{0x00080022}, Tag{0x00090010}}) {
      Attributes attributes{{kA, "a"}, {kC, "c"}};
      attributes.Set(middle, std::string(length, 'x'));
      attributes.Set(Tag{0x7FE10010}, std::string(length, 'y'));
      attributes.Set(kC, std::string(length, 'z'));
      attributes.ShrinkToFit();
      const Attributes copy = attributes;
      EXPECT_THAT(Contents(copy),
                  ElementsAre(Pair(kA, "a"), Pair(middle, std::string(length, 'x')), Pair(kC, std::string(length, 'z')),
                              Pair(Tag{0x7FE10010}, std::string(length, 'y'))));
      EXPECT_EQ(Attributes::Parse(copy.Serialize()), attributes);
    }
  }
}

TEST(AttributesTest, TellsEmptyFromAbsent) {
  const Attributes attributes{{kB, ""}};
  EXPECT_FALSE(attributes.empty());
  EXPECT_TRUE(attributes.Has(kB));
  EXPECT_FALSE(attributes.Has(kA));
  EXPECT_FALSE(attributes.Has(kC));
  EXPECT_NE(attributes, Attributes());
}

TEST(AttributesTest, SetReplaces) {
  Attributes attributes{{kA, "a"}, {kB, "b"}, {kC, "c"}};
  attributes.Set(kB, "longer than before");
  attributes.Set(kC, "");
  attributes.Set(kA, "x");
  attributes.Set(kD, "d");
  EXPECT_THAT(Contents(attributes),
              ElementsAre(Pair(kA, "x"), Pair(kB, "longer than before"), Pair(kC, ""), Pair(kD, "d")));
}

TEST(AttributesTest, SetsAPartOfItself) {
  Attributes attributes{{kA, "CT\\SR"}, {kC, "c"}};
  attributes.Set(kD, attributes.First(kA));
  attributes.Set(kB, attributes.Get(kA));
  attributes.Set(kA, attributes.Get(kA).substr(3));
  EXPECT_THAT(Contents(attributes), ElementsAre(Pair(kA, "SR"), Pair(kB, "CT\\SR"), Pair(kC, "c"), Pair(kD, "CT")));
}

TEST(AttributesTest, CanBeFilledAgainAfterAMove) {
  Attributes attributes{{kA, "a"}, {kC, "c"}};
  const Attributes taken = std::move(attributes);
  attributes = Attributes();
  attributes.Set(kB, "b");
  attributes.Set(kA, "a");
  EXPECT_THAT(Contents(attributes), ElementsAre(Pair(kA, "a"), Pair(kB, "b")));
  EXPECT_THAT(Contents(taken), ElementsAre(Pair(kA, "a"), Pair(kC, "c")));
}

TEST(AttributesTest, FirstIsTheFirstOfSeveralValues) {
  const Attributes attributes{{kA, "CT\\SR"}, {kB, "\\x"}, {kC, "one"}};
  EXPECT_EQ(attributes.First(kA), "CT");
  EXPECT_EQ(attributes.First(kB), "");
  EXPECT_EQ(attributes.First(kC), "one");
}

TEST(AttributesTest, ReadsNumbers) {
  const std::vector<std::pair<std::string, std::optional<int64_t>>> cases = {
      {"3", 3},
      {" 3 ", 3},
      {"3.0", 3},
      {"3.", 3},
      {"+3", 3},
      {"-3", -3},
      {"007", 7},
      {"0", 0},
      {"-0", 0},
      {"3\\4", 3},
      {"3\0"s, 3},
      {"", {}},
      {" ", {}},
      {"3.5", {}},
      {"3a", {}},
      {"a", {}},
      {"--3", {}},
      {"+-3", {}},
      {"1e3", {}},
      {".", {}},
      {"-", {}},
      {"3.0.0", {}},
      {"0x10", {}},
      {"3 4", {}},
      {"- 3", {}},
      {"\\3", {}},
      {"9223372036854775807", INT64_MAX},
      {"9223372036854775808", {}},
      {"-9223372036854775807", -INT64_MAX},
      {"99999999999999999999999", {}},
  };
  for (const auto& [text, number] : cases) {
    EXPECT_EQ(Attributes({{kA, text}}).Number(kA), number) << testing::PrintToString(text);
  }
}

TEST(AttributesTest, MergeMissingTakesOnlyWhatIsMissing) {
  Attributes mine{{kB, "mine"}, {kC, ""}};
  mine.MergeMissing({{kA, "a"}, {kB, "other"}, {kC, "other"}, {kD, "d"}});
  EXPECT_THAT(Contents(mine), ElementsAre(Pair(kA, "a"), Pair(kB, "mine"), Pair(kC, ""), Pair(kD, "d")));
  Attributes none;
  none.MergeMissing(mine);
  EXPECT_EQ(none, mine);
  mine.MergeMissing(Attributes());
  EXPECT_EQ(none, mine);
  mine.MergeMissing(mine);
  EXPECT_EQ(none, mine);
  mine.Set(Tag{0x00080006}, "still ordered");
  EXPECT_EQ(mine.Get(Tag{0x00080006}), "still ordered");
}

TEST(AttributesTest, SerializedFormIsStable) {
  // Written by an earlier program and read by a later one: these bytes must not change.
  const Attributes attributes{{kB, "20200301"}, {kC, ""}};
  EXPECT_EQ(attributes.Serialize(),
            "\x20\x00\x08\x00\x08\x00\x00\x00"s
            "20200301"
            "\x10\x00\x10\x00\x00\x00\x00\x00"s);
}

TEST(AttributesTest, ParsesWhatWasSerialized) {
  for (const Attributes& attributes :
       {Attributes(), Attributes{{kA, ""}},
        Attributes{{kA, "ISO_IR 192"}, {kC, "M\xC3\xBCller^J\xC3\xB6rg"}, {kD, "\0"s}}}) {
    auto parsed = Attributes::Parse(attributes.Serialize());
    ASSERT_TRUE(parsed);
    EXPECT_EQ(*parsed, attributes);
    parsed->Set(Tag{0xFFFFFFFE}, "before the last");
    parsed->Set(Tag{0xFFFFFFFF}, "the last");
    EXPECT_EQ(parsed->Get(Tag{0xFFFFFFFE}), "before the last");
    EXPECT_EQ(parsed->Get(kA), attributes.Get(kA));
  }
}

TEST(AttributesTest, RefusesBlobsThatSerializeDidNotWrite) {
  const std::string a = Attributes{{kA, "a"}}.Serialize();
  const std::string b = Attributes{{kB, "b"}}.Serialize();
  EXPECT_TRUE(Attributes::Parse(a + b));
  EXPECT_FALSE(Attributes::Parse(b + a)) << "out of order";
  EXPECT_FALSE(Attributes::Parse(a + a)) << "twice";
  EXPECT_FALSE(Attributes::Parse(a + "x")) << "something behind";
  EXPECT_FALSE(Attributes::Parse(std::string(8, '\xFF'))) << "a length beyond the end";
  EXPECT_FALSE(Attributes::Parse(Attributes{{kA, "M\xFCller"}}.Serialize())) << "not UTF-8";
  const std::string whole = Attributes{{kA, "abc"}, {kB, "def"}}.Serialize();
  for (size_t length = 1; length < whole.size(); ++length) {
    if (length != 11) {  // the first record alone is whole
      EXPECT_FALSE(Attributes::Parse(whole.substr(0, length))) << length;
    }
  }
}

TEST(AttributesTest, BehavesLikeAMap) {
  std::mt19937 random(1);
  for (int round = 0; round < 300; ++round) {
    Attributes attributes;
    std::map<Tag, std::string> model;
    for (int step = 0; step < 40; ++step) {
      const Tag tag{static_cast<uint32_t>(random() % 12)};
      const std::string text(random() % 5, static_cast<char>('a' + random() % 26));
      if (random() % 8 == 0) {
        const Attributes other{{tag, text}};
        attributes.MergeMissing(other);
        model.try_emplace(tag, text);
      } else {
        attributes.Set(tag, text);
        model[tag] = text;
      }
      ASSERT_EQ(Contents(attributes), (std::vector<std::pair<Tag, std::string>>(model.begin(), model.end())));
      ASSERT_EQ(Attributes::Parse(attributes.Serialize()), attributes);
    }
  }
}

TEST(AttributesTest, SurvivesMutatedBlobs) {
  std::mt19937 random(2);
  const std::string whole =
      Attributes{{kA, "ISO_IR 192"}, {kB, "20200301"}, {kC, "Doe^Jane"}, {tag::kRows, "512"}, {kD, ""}}.Serialize();
  size_t accepted = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string blob = whole;
    for (size_t mutations = 1 + random() % 3; mutations > 0; --mutations) {
      switch (random() % 3) {
        case 0:
          blob[random() % blob.size()] = static_cast<char>(random());
          break;
        case 1:
          blob.resize(1 + random() % blob.size());
          break;
        default:
          blob.insert(random() % blob.size(), 1, static_cast<char>(random()));
      }
    }
    if (auto parsed = Attributes::Parse(blob)) {
      ++accepted;
      EXPECT_EQ(parsed->Serialize(), blob);
      parsed->Set(kB, "x");
      parsed->ForEach([](Tag, std::string_view) {});
      EXPECT_TRUE(Attributes::Parse(parsed->Serialize()));
    }
  }
  EXPECT_GT(accepted, 0u);
}

TEST(AttributesTest, AreReadByKeyword) {
  const Attributes attributes({{tag::kPatientName, "Doe^John"}, {tag::kModalitiesInStudy, "CT\\SR"}});
  EXPECT_EQ(attributes.Get("PatientName"), "Doe^John");
  EXPECT_EQ(attributes.First("ModalitiesInStudy"), "CT");
  EXPECT_TRUE(attributes.Has("PatientName"));
  EXPECT_EQ(attributes.Get("PatientID"), "");
}

TEST(AttributesTest, AMisspeltKeywordIsAnErrorThatNamesTheNearest) {
  const Attributes attributes({{tag::kPatientName, "Doe^John"}});
  try {
    (void)attributes.Get("PatientNmae");
    FAIL() << "taken for an absent attribute";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    EXPECT_NE(std::string(error.what()).find("PatientName"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace trolley
