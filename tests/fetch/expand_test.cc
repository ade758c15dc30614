#include "fetch/expand.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "download/recording_sink.h"
#include "support/fake_searcher.h"

namespace trolley {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class Expanded : public ExpandSink {
 public:
  void OnSeries(std::vector<WantedInstance> instances) override {
    std::string line;
    for (const WantedInstance& wanted : instances) {
      EXPECT_EQ(wanted.reference.series, instances.front().reference.series);
      line += (line.empty() ? "" : " ") + ToString(wanted.reference);
    }
    series.push_back(line);
  }
  void OnMissing(const Reference& reference) override { missing.push_back(ToString(reference)); }
  void OnFailed(const Reference& reference, const Error& error) override {
    failed.push_back(ToString(reference));
    code = error.code();
  }

  std::vector<std::string> series;
  std::vector<std::string> missing;
  std::vector<std::string> failed;
  std::optional<ErrorCode> code;
};

// Study 1.1 has series 1.1.1 and 1.1.2 with two instances each; study 1.2 has one of each.
class ExpandTest : public testing::Test {
 protected:
  ExpandTest() {
    for (const char* series : {"1.1.1", "1.1.2"}) {
      for (const char* number : {".1", ".2"}) {
        Add("1.1", series, std::string(series) + number);
      }
    }
    Add("1.2", "1.2.1", "1.2.1.1");
  }

  void Add(const std::string& study, const std::string& series, const std::string& instance) {
    searcher_.Add(Attributes(
        {{tag::kSOPInstanceUID, instance}, {tag::kStudyInstanceUID, study}, {tag::kSeriesInstanceUID, series}}));
  }
  static StudyReference StudyRef(const char* study) { return {Uid(study)}; }
  static SeriesReference SeriesRef(const char* study, const char* series) { return {Uid(study), Uid(series)}; }
  static InstanceReference Ref(const char* study, const char* series, const char* instance) {
    return {Uid(study), Uid(series), Uid(instance)};
  }

  Expanded Run(const std::vector<Reference>& references) {
    Expanded expanded;
    Expand(references, searcher_, expanded, {});
    return expanded;
  }

  FakeSearcher searcher_;
};

TEST_F(ExpandTest, AStudyIsAllOfItsSeries) {
  const Expanded expanded = Run({StudyRef("1.1")});
  EXPECT_THAT(expanded.series,
              ElementsAre("1.1/1.1.1/1.1.1.1 1.1/1.1.1/1.1.1.2", "1.1/1.1.2/1.1.2.1 1.1/1.1.2/1.1.2.2"));
  EXPECT_EQ(searcher_.questions(), 3U);
}

// The seed's bug 1: a series meant the whole study, and two series of it meant it twice.
TEST_F(ExpandTest, SeriesAreAskedForAloneAndOnce) {
  const Expanded expanded = Run({SeriesRef("1.1", "1.1.2"), SeriesRef("1.1", "1.1.2")});
  EXPECT_THAT(expanded.series, ElementsAre("1.1/1.1.2/1.1.2.1 1.1/1.1.2/1.1.2.2"));
  EXPECT_EQ(searcher_.questions(), 1U);

  const Expanded both = Run({SeriesRef("1.1", "1.1.1"), SeriesRef("1.1", "1.1.2")});
  EXPECT_THAT(both.series, ElementsAre("1.1/1.1.1/1.1.1.1 1.1/1.1.1/1.1.1.2", "1.1/1.1.2/1.1.2.1 1.1/1.1.2/1.1.2.2"));
  EXPECT_EQ(searcher_.questions(), 3U);
}

TEST_F(ExpandTest, NamedInstancesNeedNoQuery) {
  const Expanded expanded = Run({Ref("1.1", "1.1.1", "1.1.1.2"), Ref("1.2", "1.2.1", "9.9"),
                                 Ref("1.1", "1.1.1", "1.1.1.1"), Ref("1.1", "1.1.1", "1.1.1.2")});
  EXPECT_THAT(expanded.series, ElementsAre("1.1/1.1.1/1.1.1.2 1.1/1.1.1/1.1.1.1", "1.2/1.2.1/9.9"));
  EXPECT_EQ(searcher_.questions(), 0U);
}

TEST_F(ExpandTest, WhatIsContainedInAnotherComesOnce) {
  const Expanded expanded = Run({Ref("1.1", "1.1.1", "1.1.1.2"), SeriesRef("1.1", "1.1.1"), StudyRef("1.2"),
                                 StudyRef("1.2"), SeriesRef("1.2", "1.2.1")});
  EXPECT_THAT(expanded.series, ElementsAre("1.1/1.1.1/1.1.1.1 1.1/1.1.1/1.1.1.2", "1.2/1.2.1/1.2.1.1"));
}

TEST_F(ExpandTest, WhatWasNamedIsWantedAlsoWhenNoListingHasIt) {
  const Expanded expanded = Run({StudyRef("1.2"), Ref("1.2", "1.2.1", "7.7"), Ref("1.2", "8.8", "8.8.1")});
  EXPECT_THAT(expanded.series, testing::UnorderedElementsAre("1.2/1.2.1/1.2.1.1 1.2/1.2.1/7.7", "1.2/8.8/8.8.1"));
}

TEST_F(ExpandTest, SaysWhatTheArchiveHasNot) {
  const Expanded expanded = Run({StudyRef("9.1"), SeriesRef("1.1", "9.2"), SeriesRef("1.2", "1.2.1")});
  EXPECT_THAT(expanded.missing, ElementsAre("9.1", "1.1/9.2"));
  EXPECT_THAT(expanded.series, ElementsAre("1.2/1.2.1/1.2.1.1"));
}

TEST_F(ExpandTest, AFailedQueryIsNotAnEmptyResult) {
  searcher_.FailWith(Error(ErrorCode::kUnavailable, "Cannot search: down"));
  const Expanded expanded = Run({StudyRef("1.1"), SeriesRef("1.2", "1.2.1"), Ref("1.2", "1.2.1", "1.2.1.1")});
  EXPECT_THAT(expanded.failed, ElementsAre("1.1", "1.2/1.2.1"));
  EXPECT_EQ(expanded.code, ErrorCode::kUnavailable);
  EXPECT_THAT(expanded.missing, IsEmpty());
  EXPECT_THAT(expanded.series, ElementsAre("1.2/1.2.1/1.2.1.1")) << "the others still come";
}

TEST_F(ExpandTest, EndsWhenItIsStopped) {
  std::stop_source stop;
  stop.request_stop();
  Expanded expanded;
  const std::vector<Reference> references = {StudyRef("1.1")};
  EXPECT_EQ(CodeOf([&] { Expand(references, searcher_, expanded, {.stop = stop.get_token()}); }),
            ErrorCode::kCancelled);
  EXPECT_THAT(expanded.failed, IsEmpty());
}

}  // namespace
}  // namespace trolley
