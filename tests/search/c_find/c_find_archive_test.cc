// C-FIND against Orthanc and dcmqrscp.

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>

#include "dimse/association_pool.h"
#include "search/searcher_contract.h"
#include "support/dcmqrscp.h"
#include "support/orthanc_content.h"
#include "support/tcp_proxy.h"
#include "trolley/searchers.h"

namespace trolley {
namespace {

using enum SearchCase;
using Uids = std::set<std::string>;

DicomPeer PeerOf(int port, const char* title) {
  DicomPeer peer;
  peer.host = "127.0.0.1";
  peer.port = static_cast<uint16_t>(port);
  peer.called_aet = title;
  peer.stall_timeout = SearchWorld::patience;
  return peer;
}

// The content of the Orthanc in a dcmqrscp.
Dcmqrscp& SharedDcmqrscp() {
  static TempDirectory directory;
  static Dcmqrscp server([] {
    std::vector<std::filesystem::path> files;
    for (const auto& [instance, bytes] : OrthancContent::Shared().instances()) {
      files.push_back(directory.Write(std::to_string(files.size()), bytes));
    }
    return files;
  }());
  return server;
}

class CFindWorld : public SearchWorld {
 public:
  CFindWorld(int port, const char* title, CFindOptions options) : proxy_(port) {
    searcher_ = MakeCFindSearcher(std::move(options), std::make_shared<AssociationPool>(PeerOf(proxy_.port(), title)));
  }
  Searcher& searcher() override { return *searcher_; }
  std::vector<InstanceReference> content() const override {
    std::vector<InstanceReference> all;
    for (const auto& [instance, bytes] : OrthancContent::Shared().instances()) {
      all.push_back(instance);
    }
    return all;
  }
  std::optional<Query> Unsupported() const override { return Query(Level::kStudy).Where("Modality", "CT"); }
  void Refuse() override { proxy_.Refuse(); }
  void FallSilent() override { proxy_.Hang(400); }
  void CutOff() override { proxy_.Cut(400); }
  void Recover() override { proxy_.Pass(); }

 private:
  TcpProxy proxy_;
  std::unique_ptr<Searcher> searcher_;
};

std::unique_ptr<SearchWorld> OrthancWorld() {
  return std::make_unique<CFindWorld>(OrthancContent::Shared().orthanc().dicom_port(), "ORTHANC", CFindOptions());
}
std::unique_ptr<SearchWorld> PatientRootWorld() {
  CFindOptions options;
  options.patient_root = true;
  return std::make_unique<CFindWorld>(OrthancContent::Shared().orthanc().dicom_port(), "ORTHANC", options);
}
std::unique_ptr<SearchWorld> DcmqrscpWorld() {
  return std::make_unique<CFindWorld>(SharedDcmqrscp().port(), Dcmqrscp::kAeTitle, CFindOptions());
}

INSTANTIATE_TEST_SUITE_P(CFindOrthanc, SearcherContract,
                         testing::ValuesIn(SearchContractParams("CFindOrthanc", OrthancWorld,
                                                                {kNone, kStudies, kSeries, kInstances, kOneInstance,
                                                                 kMatching, kLimit, kRefused, kTimeout, kTruncated,
                                                                 kUnsupported, kCancelled, kRecovers})),
                         SearchContractName);
INSTANTIATE_TEST_SUITE_P(CFindPatientRoot, SearcherContract,
                         testing::ValuesIn(SearchContractParams("CFindPatientRoot", PatientRootWorld,
                                                                {kNone, kStudies, kSeries, kInstances, kOneInstance,
                                                                 kMatching, kLimit})),
                         SearchContractName);
// Without kMatching: it minds the case of names.
INSTANTIATE_TEST_SUITE_P(CFindDcmqrscp, SearcherContract,
                         testing::ValuesIn(SearchContractParams("CFindDcmqrscp", DcmqrscpWorld,
                                                                {kNone, kStudies, kSeries, kInstances, kOneInstance,
                                                                 kLimit, kRefused, kRecovers})),
                         SearchContractName);

class CFindArchiveTest : public testing::Test {
 protected:
  static Uids Studies(Searcher& searcher, const std::string& keyword, const std::string& value) {
    Uids uids;
    const SearchResult answer =
        searcher.Find(Query(Level::kStudy).Where(keyword, value), Context::WithTimeout(std::chrono::minutes(1)));
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
  static std::unique_ptr<Searcher> Orthanc() {
    return MakeCFindSearcher(
        {}, std::make_shared<AssociationPool>(PeerOf(OrthancContent::Shared().orthanc().dicom_port(), "ORTHANC")));
  }
  static std::unique_ptr<Searcher> Dcmqr() {
    return MakeCFindSearcher({},
                             std::make_shared<AssociationPool>(PeerOf(SharedDcmqrscp().port(), Dcmqrscp::kAeTitle)));
  }
};

TEST_F(CFindArchiveTest, FindsByTextInAnyScript) {
  const auto searcher = Orthanc();
  EXPECT_EQ(Studies(*searcher, "PatientName", "Müller^Jürgen"), Of({"3"}));
  EXPECT_EQ(Studies(*searcher, "PatientName", "*山田*"), Of({"4"}));
  EXPECT_EQ(Studies(*searcher, "PatientID", "C 2"), Of({"2"}));
  EXPECT_EQ(Studies(*searcher, "StudyDescription", "CT Thorax/Abdomen, m. KM"), Of({"2"}));
  EXPECT_EQ(Studies(*searcher, "ModalitiesInStudy", "SR"), Of({"2"}));
}

TEST_F(CFindArchiveTest, ReturnsWhatTheMountShows) {
  for (const auto& searcher : {Orthanc(), Dcmqr()}) {
    Query query = Query::ForStudy({Uid(OrthancContent::StudyUid("3"))}, Level::kSeries);
    query.Include("PatientName").Include("StudyDescription").Include("SeriesDescription");
    const SearchResult answer = searcher->Find(query, {});
    ASSERT_EQ(answer->size(), 1u);
    EXPECT_EQ(answer->front().attributes.Get(tag::kPatientName), "Müller^Jürgen");
    EXPECT_EQ(answer->front().attributes.Get(tag::kStudyDate), "20200301");
    ASSERT_EQ(answer->front().series.size(), 2u);
    EXPECT_FALSE(answer->front().series[0].attributes.Get(tag::kModality).empty());
  }
}

// It ignores ModalitiesInStudy and does not return it.
TEST_F(CFindArchiveTest, ComparesTheSeriesWhenDcmqrscpDoesNotKnowTheModalities) {
  const auto searcher = Dcmqr();
  EXPECT_EQ(Studies(*searcher, "ModalitiesInStudy", "SR"), Of({"2"}));
  const Query series = Query(Level::kSeries).Where("ModalitiesInStudy", "SR").Where("Modality", "MR");
  const SearchResult answer = searcher->Find(series, {});
  ASSERT_EQ(answer->size(), 1u);
  ASSERT_EQ(answer->front().series.size(), 1u);
}

TEST_F(CFindArchiveTest, RefusesToGuessWhatDcmqrscpSearchedBy) {
  try {
    Dcmqr()->Find(Query(Level::kSeries).Where("SeriesDescription", "nothing has this"), {});
    FAIL() << "series were found by an attribute that was not looked at";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
    EXPECT_NE(std::string(error.what()).find("SeriesDescription"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace trolley
