#include "search/find_study.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "trolley/error.h"

namespace trolley {
namespace {

using testing::HasSubstr;

class FixedSearcher : public Searcher {
 public:
  explicit FixedSearcher(Studies studies) : answer_(std::make_shared<const Studies>(std::move(studies))) {}
  SearchResult Find(const Query& query, const Context&) override {
    asked = query;
    return answer_;
  }
  Query asked;

 private:
  SearchResult answer_;
};

std::string Refusal(FixedSearcher& searcher) {
  try {
    FindStudy(searcher, Query().Where("PatientName", "Doe*"), {});
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kInvalidArgument);
    return e.what();
  }
  return "";
}

TEST(FindStudyTest, GivesTheOne) {
  FixedSearcher searcher({{Uid("1"), {{tag::kPatientID, "7"}}, {{Uid("1.2"), {}, {}}}}});
  const Study study = FindStudy(searcher, Query().Where("PatientID", "7"), {});
  EXPECT_EQ(study.uid.str(), "1");
  EXPECT_EQ(study.attributes.Get(tag::kPatientID), "7");
  EXPECT_EQ(study.series.size(), 1u);
}

TEST(FindStudyTest, RefusesNoneAndMany) {
  FixedSearcher none({});
  FixedSearcher two({{Uid("1"), {}, {}}, {Uid("2"), {}, {}}});
  EXPECT_THAT(Refusal(none), HasSubstr("expected exactly one study, found none"));
  EXPECT_THAT(Refusal(two), HasSubstr("expected exactly one study, found 2"));
  EXPECT_THAT(Refusal(two), testing::Not(HasSubstr("Doe")));
}

TEST(FindStudyTest, FindsById) {
  FixedSearcher searcher({{Uid("1"), {}, {}}});
  EXPECT_EQ(FindStudyById(searcher, Uid("1"), Level::kInstance, {}).uid.str(), "1");
  EXPECT_EQ(searcher.asked, Query::ForStudy({Uid("1")}, Level::kInstance));
}

}  // namespace
}  // namespace trolley
