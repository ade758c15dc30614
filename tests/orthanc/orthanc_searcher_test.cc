#include "orthanc/orthanc_searcher.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "search/assemble.h"
#include "search/qido/fake_qido.h"
#include "support/orthanc_fake.h"
#include "trolley/http_client.h"

namespace trolley {
namespace {

// Finds three instances of a series.
class ThreeInstances : public Searcher {
 public:
  explicit ThreeInstances(std::vector<Attributes> rows) : rows_(std::move(rows)) {}
  SearchResult Find(const Query& query, const Context&) override { return Assemble(query, rows_); }

 private:
  const std::vector<Attributes> rows_;
};

class OrthancSizesTest : public testing::Test {
 protected:
  static std::map<InstanceReference, std::string> Content() {
    std::map<InstanceReference, std::string> content;
    for (int i = 1; i <= 3; ++i) {
      content[{Uid("1.2.1"), Uid("1.2.1.1"), Uid("1.2.1.1." + std::to_string(i))}] =
          std::string(100 * static_cast<size_t>(i), 'x');
    }
    return content;
  }
  // The sizes that a search tells, -1 for none.
  std::vector<int64_t> Sizes(const Query& query) {
    std::vector<int64_t> sizes;
    const SearchResult answer = searcher_->Find(query, Context::WithTimeout(std::chrono::seconds(30)));
    for (const Study& study : *answer) {
      for (const Series& series : study.series) {
        for (const Instance& instance : series.instances) {
          sizes.push_back(instance.size ? static_cast<int64_t>(*instance.size) : -1);
        }
      }
    }
    return sizes;
  }
  void Make(std::vector<Attributes> rows) {
    searcher_ = MakeOrthancSizesSearcher(
        std::make_unique<ThreeInstances>(std::move(rows)),
        std::make_shared<OrthancRest>(orthanc_.server().Url(), std::make_shared<HttpClient>(HttpOptions())));
  }

  using Expected = std::vector<int64_t>;
  FakeOrthanc orthanc_{Content(),
                       [](const ReceivedRequest&, HttpReply& reply) { reply.Respond(404, "text/plain", ""); }};
  const Query series_ = Query::ForSeries({Uid("1.2.1"), Uid("1.2.1.1")});
  std::unique_ptr<Searcher> searcher_;
};

TEST_F(OrthancSizesTest, FillsAWholeSeries) {
  Make(FakeSeries(1, 1, 3));
  EXPECT_EQ(Sizes(series_), (Expected{100, 200, 300}));
  EXPECT_EQ(orthanc_.server().CountRequests(), 3u);  // the first includes finding out
  EXPECT_EQ(Sizes(series_), (Expected{100, 200, 300}));
  EXPECT_EQ(orthanc_.server().CountRequests(), 5u);
}

TEST_F(OrthancSizesTest, FillsOneInstance) {
  Make({FakeInstance(1, 1, 2)});
  EXPECT_EQ(Sizes(Query::ForInstance({Uid("1.2.1"), Uid("1.2.1.1"), Uid("1.2.1.1.2")})), (Expected{200}));
  EXPECT_EQ(orthanc_.server().CountRequests("/series/"), 0u);
}

TEST_F(OrthancSizesTest, AsksNothingAboveInstances) {
  Make(FakeSeries(1, 1, 3));
  Sizes(Query::ForStudy({Uid("1.2.1")}, Level::kSeries));
  EXPECT_EQ(orthanc_.server().CountRequests(), 0u);
}

TEST_F(OrthancSizesTest, LeavesOutWhatOrthancDoesNotKnow) {
  Make(FakeSeries(1, 1, 4));
  EXPECT_EQ(Sizes(series_), (Expected{100, 200, 300, -1}));
  Make(FakeSeries(2, 1, 2));
  EXPECT_EQ(Sizes(Query::ForSeries({Uid("1.2.2"), Uid("1.2.2.1")})), (Expected{-1, -1}));
}

TEST_F(OrthancSizesTest, NeverFailsASearch) {
  for (const auto& [part, status] : std::vector<std::pair<std::string, int>>{
           {"/system", 403}, {"/system", 200}, {"/tools", 404}, {"/series/", 500}, {"/series/", 200}}) {
    SCOPED_TRACE(part + " " + std::to_string(status));
    orthanc_.Refuse(part, status);
    Make(FakeSeries(1, 1, 3));
    EXPECT_EQ(Sizes(series_), (Expected{-1, -1, -1}));
  }
}

// Older versions tell sizes modulo 4 GiB.
TEST_F(OrthancSizesTest, DoesNotBelieveTheSizeOfWhatMayBeLarger) {
  std::vector<Attributes> rows = FakeSeries(1, 1, 3);
  rows[1].Set(tag::kRows, "4096");
  rows[1].Set(tag::kColumns, "4096");
  rows[1].Set(tag::kNumberOfFrames, "500");
  Make(rows);
  EXPECT_EQ(Sizes(series_), (Expected{100, -1, 300}));
}

}  // namespace
}  // namespace trolley
