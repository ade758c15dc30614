#include "search/result_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "base/checksum.h"

namespace trolley {
namespace {

using std::chrono::microseconds;
using std::chrono::system_clock;

ResultWithTime SomeAnswer() {
  Study study{Uid("1.2.3"), {{tag::kPatientName, "Müller^Jörg"}, {tag::kStudyDate, ""}}, {}};
  Series series{Uid("1.2.3.4"), {{tag::kModality, "CT"}}, {}};
  series.instances.push_back({Uid("1.2.3.4.5"), {{tag::kInstanceNumber, "1"}}, 123456789012});
  series.instances.push_back({Uid("1.2.3.4.6"), {}, std::nullopt});
  series.instances.push_back({Uid("1.2.3.4.7"), {}, 0});
  study.series.push_back(series);
  study.series.push_back({Uid("1.2.3.5"), {}, {}});
  const Study other{Uid("9"), {{tag::kPatientID, std::string(300, 'x')}}, {}};
  return {std::make_shared<const Studies>(Studies{study, other}),
          system_clock::time_point(microseconds(1700000000123456))};
}

// With the checksum made right again, so that the checks behind it are reached.
std::optional<ResultWithTime> ParseWithRightChecksum(std::string stored) {
  stored.resize(stored.size() - 16);
  stored += ChecksumOf(stored);
  return ParseResult(stored);
}

TEST(AnswerStoreTest, AnAnswerComesBackAsItWas) {
  const ResultWithTime answer = SomeAnswer();
  const auto parsed = ParseResult(SerializeResult(answer));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(*parsed->studies, *answer.studies);
  EXPECT_EQ(parsed->fetched_at, answer.fetched_at);
}

TEST(AnswerStoreTest, AnEmptyAnswerComesBack) {
  const system_clock::time_point before_1970(microseconds(-5));
  const auto parsed = ParseResult(SerializeResult({std::make_shared<const Studies>(), before_1970}));
  ASSERT_TRUE(parsed);
  EXPECT_TRUE(parsed->studies->empty());
  EXPECT_EQ(parsed->fetched_at, before_1970);
}

TEST(AnswerStoreTest, WhatRowsRepeatTakesNoRoom) {
  Study study{Uid("1.2.3"), {{tag::kPatientName, "Müller^Jörg"}}, {}};
  Series series{Uid("1.2.3.4"), {{tag::kModality, "CT"}}, {}};
  constexpr int kInstances = 1000;
  for (int i = 0; i < kInstances; ++i) {
    const std::string uid = "1.2.840.113619.2.55.3.604688119.969.1268071029." + std::to_string(i);
    series.instances.push_back({Uid(uid),
                                {{tag::kSOPClassUID, "1.2.840.10008.5.1.4.1.1.2"},
                                 {tag::kSOPInstanceUID, uid},
                                 {tag::kInstanceNumber, std::to_string(i)},
                                 {tag::kRows, "512"}},
                                std::nullopt});
    if (i % 100 == 0) {
      series.instances.back().attributes.Set(tag::kNumberOfFrames, "");
    }
  }
  study.series.push_back(series);
  const ResultWithTime answer{std::make_shared<const Studies>(Studies{study}), SomeAnswer().fetched_at};
  const std::string stored = SerializeResult(answer);
  EXPECT_LT(stored.size(), 24u * kInstances);
  const auto parsed = ParseResult(stored);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(*parsed->studies, *answer.studies);
}

TEST(AnswerStoreTest, RefusesEachTruncation) {
  const std::string stored = SerializeResult(SomeAnswer());
  for (size_t size = 0; size < stored.size(); ++size) {
    EXPECT_FALSE(ParseResult(stored.substr(0, size))) << size;
    if (size >= 32) {
      EXPECT_FALSE(ParseWithRightChecksum(stored.substr(0, size))) << size;
    }
  }
  EXPECT_FALSE(ParseResult(stored + '\0'));
  EXPECT_FALSE(ParseWithRightChecksum(stored + '\0'));
}

TEST(AnswerStoreTest, RefusesEachChangedByte) {
  const std::string stored = SerializeResult(SomeAnswer());
  for (size_t i = 0; i < stored.size(); ++i) {
    std::string changed = stored;
    changed[i] = static_cast<char>(changed[i] ^ 0x40);
    EXPECT_FALSE(ParseResult(changed)) << i;
  }
}

TEST(AnswerStoreTest, SurvivesWhateverBytesWithARightChecksum) {
  std::mt19937 random(7);
  const std::string stored = SerializeResult(SomeAnswer());
  for (int round = 0; round < 20000; ++round) {
    std::string changed = stored;
    for (int changes = 1 + static_cast<int>(random() % 4); changes > 0; --changes) {
      changed[16 + random() % (changed.size() - 32)] = static_cast<char>(random());
    }
    // Whatever it gives can be stored again.
    if (const auto parsed = ParseWithRightChecksum(changed)) {
      EXPECT_TRUE(ParseResult(SerializeResult(*parsed)));
    }
  }
}

TEST(AnswerStoreTest, RefusesCountsThatCannotBeThere) {
  std::string stored = "trolley answer 2";
  stored += std::string(1, '\0') + "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01" + std::string(16, 'x');
  EXPECT_FALSE(ParseWithRightChecksum(stored));
}

}  // namespace
}  // namespace trolley
