// How things are done in code: which searchers and downloaders there are, how to make one of one's own, caching,
// logging, authentication.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "dimse/association_pool.h"
#include "download/wado/wado_rs_metadata.h"
#include "examples/hospital.h"
#include "support/dcmqrscp.h"
#include "support/sockets.h"
#include "trolley/authenticator.h"
#include "trolley/caching_searcher.h"
#include "trolley/client.h"
#include "trolley/directory_storage.h"
#include "trolley/downloaders.h"
#include "trolley/file_header.h"
#include "trolley/folder_archive.h"
#include "trolley/http_client.h"
#include "trolley/log.h"
#include "trolley/searchers.h"

namespace trolley {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

class ChoicesExampleTest : public testing::Test {
 protected:
  // Finds one study with `searcher`.
  static void ExpectFinds(std::shared_ptr<Searcher> searcher) {
    Trolley trolley(std::move(searcher), nullptr);
    EXPECT_EQ(trolley.FindStudy(Query().Where("PatientName", "Contract*")).uid.str(), OrthancContent::StudyUid("1"));
  }
  // Downloads the two compressed instances of a study.
  DownloadReport Download(std::shared_ptr<Downloader> downloader, const DownloadOptions& options = {}) const {
    Trolley trolley(Qido(), std::move(downloader),
                    std::make_shared<StorageDir>(DirectoryStorageOptions{.directory = out_}));
    return trolley.Download(StudyReference{Uid(OrthancContent::StudyUid("3"))}, options);
  }
  void ExpectDownloads(std::shared_ptr<Downloader> downloader) const {
    EXPECT_TRUE(Download(std::move(downloader)).ok());
    EXPECT_EQ(CountStoredInstances(out_), 2U);
  }
  std::shared_ptr<Searcher> Qido() const { return MakeQidoRsSearcher({.url = hospital_.DicomWeb()}, http_); }

  Hospital& hospital_ = Hospital::Get();
  TempDirectory directory_;
  const std::filesystem::path out_ = directory_ / "out";
  std::shared_ptr<HttpClient> http_ = std::make_shared<HttpClient>(HttpOptions());
};

// --- Choosing a searcher ---

TEST_F(ChoicesExampleTest, SearchByDicomQr) {
  const uint16_t port = hospital_.DicomPort();

  const auto pool = std::make_shared<AssociationPool>(
      DicomPeer{.host = "127.0.0.1", .port = port, .calling_aet = "TROLLEY", .called_aet = "ORTHANC"});
  const std::shared_ptr<Searcher> searcher = MakeCFindSearcher({}, pool);

  ExpectFinds(searcher);
}

TEST_F(ChoicesExampleTest, SearchByMint) {
  const std::shared_ptr<Searcher> searcher = MakeMintSearcher({.url = hospital_.mint().url()}, http_);
  ExpectFinds(searcher);
}

TEST_F(ChoicesExampleTest, SearchByQidoRs) {
  const std::shared_ptr<Searcher> searcher = MakeQidoRsSearcher({.url = hospital_.DicomWeb()}, http_);
  ExpectFinds(searcher);

  // Hierarchical: the instances of a series. Relational: any instances that match
  Query series = Query::ForSeries(OrthancContent::Ref("2", 2, 1).series_reference());
  EXPECT_THAT(searcher->Find(series, {})->at(0).series.at(0).instances, SizeIs(120));
  Query relational = Query(Level::kSeries).Where("PatientID", "C3");
  EXPECT_THAT(searcher->Find(relational, {})->at(0).series, SizeIs(2));
}

TEST_F(ChoicesExampleTest, SearchAndDownloadInAFolder) {
  for (const auto& [instance, bytes] : Hospital::Instances()) {
    WriteFile(directory_ / (instance.instance.str() + ".bin"), bytes);
  }

  const auto folder =
      std::make_shared<FolderArchive>(FolderOptions{.path = directory_.path()}, MakeMemoryFolderIndexStore());
  const std::shared_ptr<Searcher> searcher = MakeFolderSearcher(folder);
  const std::shared_ptr<Downloader> downloader =
      MakeFolderDownloader([folder](const InstanceReference& instance, const Context& context) {
        return folder->FindFile(instance, context);
      });

  ExpectFinds(searcher);
  ExpectDownloads(downloader);
}

// --- Choosing a downloader ---

TEST_F(ChoicesExampleTest, DownloadByWadoUri) {
  const std::shared_ptr<Downloader> downloader = MakeWadoUriDownloader({.url = hospital_.Wado()}, http_);
  ExpectDownloads(downloader);
}

TEST_F(ChoicesExampleTest, DownloadByRad69) {
  const std::shared_ptr<Downloader> downloader = MakeRad69Downloader({.url = hospital_.rad69().url()}, http_);
  ExpectDownloads(downloader);
}

TEST_F(ChoicesExampleTest, DownloadByWadoRs) {
  const std::shared_ptr<Downloader> downloader = MakeWadoRsDownloader({.url = hospital_.DicomWeb()}, http_);
  ExpectDownloads(downloader);
}

TEST_F(ChoicesExampleTest, DownloadWadoRsMetadata) {
  // Header-only files
  const std::shared_ptr<Downloader> downloader = MakeWadoRsMetadataDownloader({.url = hospital_.DicomWeb()}, http_);
  EXPECT_EQ(Download(downloader).total.done, 2U);

  const InstanceReference instance = OrthancContent::Ref("3", 1, 1);
  const auto header =
      ReadFileHeader(out_ / instance.study.str() / instance.series.str() / (instance.instance.str() + ".dcm"));
  ASSERT_TRUE(header);
  EXPECT_EQ(header->attributes.Get(tag::kPatientName), "Müller^Jürgen");
}

TEST_F(ChoicesExampleTest, DownloadByCGet) {
  const uint16_t port = hospital_.DicomPort();

  const auto pool = std::make_shared<AssociationPool>(
      DicomPeer{.host = "127.0.0.1", .port = port, .calling_aet = "TROLLEY", .called_aet = "ORTHANC"});
  const std::shared_ptr<Downloader> downloader = MakeCGetDownloader({}, pool);

  // DIMSE carries no file meta group: the data set is what is the same
  EXPECT_EQ(Download(downloader).total.done, 2U);
}

TEST_F(ChoicesExampleTest, DownloadByCMove) {
  SyntheticInstances spec;
  spec.study_uid = "1.2.3";
  spec.series_uid = "1.2.3.4";
  spec.instances = 3;
  const auto our_port = static_cast<uint16_t>(FreePort());
  // The archive's administrator has entered where "TROLLEY" is
  const Dcmqrscp archive(WriteSyntheticSeries(spec, directory_ / "made"), {.destinations = {{"TROLLEY", our_port}}});

  const auto pool = std::make_shared<AssociationPool>(
      DicomPeer{.host = "127.0.0.1", .port = archive.port(), .calling_aet = "TROLLEY", .called_aet = "DCMQR"});
  const std::shared_ptr<Downloader> downloader =
      MakeCMoveDownloader({.move_aet = "TROLLEY", .move_port = our_port}, pool);
  Trolley trolley(MakeCFindSearcher({}, pool), downloader,
                  std::make_shared<StorageDir>(DirectoryStorageOptions{.directory = out_}));

  EXPECT_EQ(trolley.Download(StudyReference{Uid("1.2.3")}).total.done, 3U);
}

TEST_F(ChoicesExampleTest, IgnoringRad69Errors) {
  const InstanceReference broken = OrthancContent::Ref("3", 1, 1);
  hospital_.rad69().SetHabits({.errors = {{broken.instance.str(), "XDSMissingDocument"}}});

  // What the server says of one instance never stops the others; codes that are expected are no failure of the download
  const std::shared_ptr<Downloader> downloader =
      MakeRad69Downloader({.url = hospital_.rad69().url(), .errors_to_ignore = {"XDSMissingDocument"}}, http_);
  const DownloadReport report = Download(downloader);

  hospital_.rad69().SetHabits({});
  EXPECT_EQ(report.total.done, 1U);
  EXPECT_EQ(report.total.missing, 1U);
}

// --- One's own ---

class MyDownloader : public Downloader {
 public:
  void Download(std::span<const InstanceReference> instances, DownloadSink& sink, const Context& context) override {
    for (const InstanceReference& instance : instances) {
      context.Check("download");  // it can be stopped
      const auto found = Hospital::Instances().find(instance);
      if (found == Hospital::Instances().end()) {
        sink.OnMissing(instance);
        continue;
      }
      sink.OnBegin(instance, found->second.size());
      sink.OnData(std::as_bytes(std::span(found->second)));
      sink.OnEnd();
    }
  }
};

// Asks several archives at once.
class MySearcher : public Searcher {
 public:
  explicit MySearcher(std::vector<std::shared_ptr<Searcher>> archives) : archives_(std::move(archives)) {}

  SearchResult Find(const Query& query, const Context& context) override {
    auto studies = std::make_shared<Studies>();
    for (const auto& archive : archives_) {
      const SearchResult result = archive->Find(query, context);
      studies->insert(studies->end(), result->begin(), result->end());
    }
    return studies;
  }

 private:
  const std::vector<std::shared_ptr<Searcher>> archives_;
};

TEST_F(ChoicesExampleTest, CustomSearcherAndDownloader) {
  const auto searcher = std::make_shared<MySearcher>(std::vector{Qido(), Qido()});
  EXPECT_THAT(*searcher->Find(Query().Where("PatientName", "Contract*"), {}), SizeIs(2));
  ExpectDownloads(std::make_shared<MyDownloader>());
}

// --- Caching ---

TEST_F(ChoicesExampleTest, Caching) {
  FakeMint& mint = hospital_.mint();
  const std::shared_ptr<Searcher> a_searcher = MakeMintSearcher({.url = mint.url()}, http_);
  const size_t before = mint.server().CountRequests();

  CachingSearcherOptions options;
  options.expiry = std::chrono::seconds(300);
  const auto searcher = std::make_shared<CachingSearcher>(a_searcher, nullptr, options);
  Trolley trolley(searcher, std::make_shared<MyDownloader>());
  trolley.FindStudies(Query().Where("PatientName", "Contract*"));
  trolley.FindStudies(Query().Where("PatientName", "Contract*"));  // not asked again for five minutes

  EXPECT_EQ(mint.server().CountRequests(), before + 1);
}

// --- Logging ---

TEST_F(ChoicesExampleTest, Logging) {
  const auto file = directory_ / "log";

  // Debug messages to a file; names, IDs and search terms are left out unless they are asked for
  ConfigureLog({.level = LogLevel::kDebug, .show_patient_data = false, .file = file.string()});

  ExpectFinds(Qido());
  LogInfo("found " + Sensitive("Contract^Anna"));
  ConfigureLog({.level = LogLevel::kWarning, .show_patient_data = false, .file = ""});
  EXPECT_THAT(ReadFile(file), HasSubstr("found <redacted>"));
}

// --- Authentication ---

TEST_F(ChoicesExampleTest, Authentication) {
  OrthancServer orthanc({.users = {{"reader", "s3cret"}}});
  const auto password_file = directory_.Write("password", "s3cret\n");

  HttpOptions options;
  options.auth = BasicAuthentication("reader", SecretSource{.file = password_file});
  options.home = {orthanc.DicomWebUrl()};
  const auto http = std::make_shared<HttpClient>(options);
  const auto searcher = MakeQidoRsSearcher({.url = orthanc.DicomWebUrl()}, http);
  EXPECT_THAT(*searcher->Find(Query(), {}), SizeIs(0));

  const auto stranger = MakeQidoRsSearcher({.url = orthanc.DicomWebUrl()}, http_);
  EXPECT_THROW(stranger->Find(Query(), {}), Error);
}

TEST_F(ChoicesExampleTest, AuthenticationByLogin) {
  // Vitrea Connection: logs in when it has to, and again when the session has ended
  FakeHttpServer server([](const ReceivedRequest& request, HttpReply& reply) {
    if (request.target == "/login") {
      const bool right = request.Header("x-userid") == "reader" && request.Header("x-password") == "s3cret";
      reply.Respond(right ? 200 : 401, "application/json", "{}", {{"Set-Cookie", "session=1; Path=/"}});
    } else if (request.Header("cookie") != "session=1") {
      reply.Respond(401, "text/html", "<html>401</html>");
    } else {
      reply.Respond(200, "application/dicom+json", "[]");
    }
  });

  HttpOptions options;
  options.auth = VitreaAuthentication(
      {.login_url = server.Url("/login"), .user = "reader", .password = SecretSource{.text = "s3cret"}}, {});
  options.home = {server.Url()};
  const auto searcher = MakeQidoRsSearcher({.url = server.Url("/dicom-web")}, std::make_shared<HttpClient>(options));

  EXPECT_THAT(*searcher->Find(Query(), {}), SizeIs(0));
  EXPECT_EQ(server.CountRequests("/login"), 1U);
}

}  // namespace
}  // namespace trolley
