#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>

#include "orthanc/orthanc_rest.h"
#include "orthanc/orthanc_searcher.h"
#include "search/searcher_contract.h"
#include "support/orthanc_content.h"
#include "support/proxy.h"
#include "trolley/http_client.h"
#include "trolley/searchers.h"

namespace trolley {
namespace {

// Orthanc behind a proxy that counts and makes trouble.
class OrthancSearchWorld : public SearchWorld {
 public:
  OrthancSearchWorld() : proxy_(OrthancContent::Shared().orthanc().http_port()) {
    HttpOptions options;
    options.stall_timeout = SearchWorld::patience;
    searcher_ = MakeQidoRsSearcher({.url = proxy_.Url("/dicom-web")}, std::make_shared<HttpClient>(options));
  }
  Searcher& searcher() override { return *searcher_; }
  std::vector<InstanceReference> content() const override {
    std::vector<InstanceReference> all;
    for (const auto& [instance, bytes] : OrthancContent::Shared().instances()) {
      all.push_back(instance);
    }
    return all;
  }
  void Refuse() override { proxy_.Refuse(); }
  void FallSilent() override { proxy_.Hang("", 300); }
  void CutOff() override { proxy_.Cut(300); }
  void Recover() override { proxy_.Pass(); }

 protected:
  CountingProxy proxy_;
  std::unique_ptr<Searcher> searcher_;
};

// As profile "orthanc" makes it.
class OrthancProfileWorld : public OrthancSearchWorld {
 public:
  OrthancProfileWorld() {
    HttpOptions options;
    options.stall_timeout = SearchWorld::patience;
    const auto http = std::make_shared<HttpClient>(options);
    searcher_ = MakeOrthancSizesSearcher(
        MakeQidoRsSearcher({.url = proxy_.Url("/dicom-web"), .profile = ServerProfile::kOrthanc}, http),
        std::make_shared<OrthancRest>(proxy_.Url(), http));
  }
};

using enum SearchCase;
INSTANTIATE_TEST_SUITE_P(OrthancProfile, SearcherContract,
                         testing::ValuesIn(SearchContractParams("OrthancProfile",
                                                                [] { return std::make_unique<OrthancProfileWorld>(); },
                                                                {kNone, kInstances, kOneInstance, kLimit, kRefused,
                                                                 kTimeout, kTruncated, kCancelled, kRecovers})),
                         SearchContractName);
INSTANTIATE_TEST_SUITE_P(
    Orthanc, SearcherContract,
    testing::ValuesIn(SearchContractParams("Orthanc", [] { return std::make_unique<OrthancSearchWorld>(); },
                                           {kNone, kStudies, kSeries, kInstances, kOneInstance, kMatching, kLimit,
                                            kRefused, kTimeout, kTruncated, kCancelled, kRecovers})),
    SearchContractName);

class QidoRsArchiveTest : public testing::Test {
 protected:
  using Uids = std::set<std::string>;

  // The studies found; the query is of that level.
  Uids Studies(const std::string& keyword, const std::string& value) {
    return StudiesOf(Query(Level::kStudy).Where(keyword, value));
  }
  Uids StudiesOf(const Query& query) {
    Uids uids;
    const SearchResult answer = searcher_->Find(query, Context::WithTimeout(std::chrono::minutes(1)));
    for (const Study& study : *answer) {
      uids.insert(study.uid.str());
    }
    return uids;
  }
  static Uids Of(const std::vector<std::string>& studies) {
    Uids uids;
    for (const std::string& study : studies) {
      uids.insert(OrthancContent::StudyUid(study));
    }
    return uids;
  }

  CountingProxy proxy_{OrthancContent::Shared().orthanc().http_port()};
  std::unique_ptr<Searcher> searcher_ =
      MakeQidoRsSearcher({.url = proxy_.Url("/dicom-web")}, std::make_shared<HttpClient>(HttpOptions()));
};

TEST_F(QidoRsArchiveTest, FindsByTextThatOrthancDoesNotDecode) {
  EXPECT_EQ(Studies("PatientName", "Contra^B*"), Of({"2"}));
  EXPECT_EQ(Studies("PatientName", "Müller^Jürgen"), Of({"3"}));
  EXPECT_EQ(Studies("PatientName", "*山田*"), Of({"4"}));
  EXPECT_EQ(Studies("PatientID", "C 2"), Of({"2"}));
  EXPECT_EQ(Studies("PatientID", "C/1"), Of({"1"}));
  EXPECT_EQ(Studies("StudyDescription", "CT Thorax/Abdomen, m. KM"), Of({"2"}));
  EXPECT_EQ(Studies("PatientName", "M?ller^Jorgen"), Of({}));
  EXPECT_EQ(proxy_.CountRequests("limit=%31"), 1u);
}

TEST_F(QidoRsArchiveTest, FindsByWhatIsComputedForStudies) {
  EXPECT_EQ(Studies("ModalitiesInStudy", "SR"), Of({"2"}));
  const Query series = Query(Level::kSeries).Where("ModalitiesInStudy", "SR").Where("Modality", "MR");
  const SearchResult answer = searcher_->Find(series, {});
  ASSERT_EQ(answer->size(), 1u);
  ASSERT_EQ(answer->front().series.size(), 1u);
  EXPECT_EQ(answer->front().series.front().attributes.Get(tag::kModality), "MR");
}

TEST_F(QidoRsArchiveTest, ReturnsWhatTheMountShows) {
  Query query = Query::ForStudy({Uid(OrthancContent::StudyUid("3"))}, Level::kSeries);
  query.Include("PatientName").Include("StudyDescription").Include("SeriesDescription");
  const SearchResult answer = searcher_->Find(query, {});
  ASSERT_EQ(answer->size(), 1u);
  EXPECT_EQ(answer->front().attributes.Get(tag::kPatientName), "Müller^Jürgen");
  EXPECT_EQ(answer->front().attributes.Get(tag::kStudyDate), "20200301");
  ASSERT_EQ(answer->front().series.size(), 2u);
}

TEST_F(QidoRsArchiveTest, ListsWhatItsParentCountedWithOneRequest) {
  const SeriesReference series = OrthancContent::Ref("2", 2, 1).series_reference();
  searcher_->Find(Query::ForStudy({series.study}, Level::kSeries), {});
  proxy_.ForgetRequests();
  const SearchResult answer = searcher_->Find(Query::ForSeries(series), {});
  EXPECT_EQ(answer->front().series.front().instances.size(), 120u);
  EXPECT_EQ(proxy_.CountRequests(), 1u);
}

}  // namespace
}  // namespace trolley
