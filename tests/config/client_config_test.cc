// The tables searcher, downloader, auth and headers of an archive, and its certificates.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/registry.h"
#include "config/secret_keys.h"
#include "download/wado/wado_rs_metadata.h"
#include "trolley/authenticator.h"
#include "trolley/config.h"
#include "trolley/downloaders.h"
#include "trolley/error.h"
#include "trolley/searchers.h"

namespace trolley {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kQido = "searcher = { type = \"qido-rs\", url = \"https://pacs.example/dicom-web\" }\n";
constexpr const char* kFind =
    "searcher = { type = \"dicom-qr\", host = \"vna\", port = 11112, aet = \"ME\", aec = \"VNA\" }\n";

ArchiveConfig Parse(const std::string& body) {
  return ParseConfig("[archive.a]\n" + body, "/etc/t/config.toml").archives.at("a");
}

std::string RefusalOf(const std::string& body) {
  try {
    Parse(body);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    return error.what();
  }
  ADD_FAILURE() << "was accepted: " << body;
  return "";
}

ArchiveConfig WithDownloader(const std::string& searcher, const std::string& downloader) {
  return Parse(searcher + "downloader = { " + downloader + " }\n");
}

std::shared_ptr<const AuthConfig> Auth(const std::string& auth) {
  return Parse(kQido + ("auth = { " + auth + " }\n")).auth;
}

// The options of a searcher, downloader or authentication, which must be of the type that has such.
template <typename Options, typename Config>
const Options& OptionsOf(const std::shared_ptr<Config>& config) {
  return dynamic_cast<const HasOptions<Options>&>(*config).options();
}

template <typename Config>
const DicomEndpoint& DicomOf(const std::shared_ptr<Config>& config) {
  return std::get<DicomEndpoint>(config->endpoint());
}

TEST(ClientConfigTest, DicomHasDefaults) {
  const ArchiveConfig a = Parse("searcher = { type = \"dicom-qr\", host = \"vna\" }");
  EXPECT_EQ(DicomOf(a.searcher).peer.port, 104U);
  EXPECT_EQ(DicomOf(a.searcher).peer.calling_aet, "TROLLEYFS");
  EXPECT_EQ(DicomOf(a.searcher).peer.called_aet, "ANY-SCP");
  EXPECT_FALSE(DicomOf(a.searcher).tls);
  EXPECT_EQ(OptionsOf<CFindOptions>(a.searcher).query_charset, "ISO_IR 192");
  EXPECT_EQ(OptionsOf<CFindOptions>(a.searcher).fallback_charset, "ISO_IR 100");
  EXPECT_EQ(a.downloader->type(), "c-get");
  EXPECT_EQ(a.associations, 2U);
}

TEST(ClientConfigTest, ReadsAllOfDicom) {
  const ArchiveConfig a = Parse(R"(
searcher = { type = "dicom-qr", host = "vna", port = 2762, aet = "ME", aec = "VNA", tls = true, user = "joe", passcode_file = "code", root = "patient", relational = true, charset = "ISO_IR 100", fallback_charset = "ISO_IR 101" }
downloader = { type = "c-move", move_aet = "HERE", move_port = 11113, bind = "127.0.0.1" }
limits = { associations = 4 }
certificate_file = "me.pem"
key_file = "me.key"
key_password_env = "KEY"
)");
  EXPECT_EQ(DicomOf(a.searcher).user, "joe");
  EXPECT_EQ(DicomOf(a.searcher).passcode.file, "/etc/t/code");
  EXPECT_TRUE(DicomOf(a.searcher).tls);
  const auto& find = OptionsOf<CFindOptions>(a.searcher);
  EXPECT_TRUE(find.patient_root && find.relational);
  EXPECT_EQ(find.query_charset, "ISO_IR 100");
  EXPECT_EQ(find.fallback_charset, "ISO_IR 101");
  EXPECT_EQ(DicomOf(a.downloader).peer.host, "vna");  // from the searcher
  EXPECT_EQ(DicomOf(a.downloader).peer.port, 2762U);
  EXPECT_EQ(DicomOf(a.downloader).peer.called_aet, "VNA");
  const auto& move = OptionsOf<CMoveOptions>(a.downloader);
  EXPECT_TRUE(move.patient_root);
  EXPECT_EQ(move.move_aet, "HERE");
  EXPECT_EQ(move.move_port, 11113U);
  EXPECT_EQ(move.bind_address, "127.0.0.1");
  EXPECT_EQ(a.associations, 4U);
  EXPECT_EQ(a.certificate_file, "/etc/t/me.pem");
  EXPECT_EQ(a.key_file, "/etc/t/me.key");
  EXPECT_EQ(a.key_password.environment, "KEY");
}

TEST(ClientConfigTest, ADownloaderOverridesTheSearchersAddress) {
  const ArchiveConfig a = WithDownloader(kFind, R"(type = "c-get", host = "other", aec = "STORE")");
  EXPECT_EQ(DicomOf(a.downloader).peer.host, "other");
  EXPECT_EQ(DicomOf(a.downloader).peer.port, 11112U);
  EXPECT_EQ(DicomOf(a.downloader).peer.calling_aet, "ME");
  EXPECT_EQ(DicomOf(a.downloader).peer.called_aet, "STORE");
}

TEST(ClientConfigTest, AnySearcherGoesWithAnyDownloader) {
  for (const std::string& searcher :
       {std::string(kQido), std::string(kFind), std::string("searcher = { type = \"mint\", url = \"http://m/\" }\n")}) {
    for (const std::string downloader :
         {R"(type = "wado-rs", url = "http://w/rs")", R"(type = "wado-uri", url = "http://w/uri")",
          R"(type = "wado-rs-metadata", url = "http://w/rs")", R"(type = "rad69", url = "http://w/69")",
          R"(type = "c-get", host = "h")", R"(type = "c-move", host = "h", move_port = 104)"}) {
      EXPECT_NE(WithDownloader(searcher, downloader).downloader, nullptr) << searcher << downloader;
    }
  }
}

TEST(ClientConfigTest, ReadsMintAndRad69) {
  const ArchiveConfig a = WithDownloader(
      R"(searcher = { type = "mint", url = "http://m", dialect = "reference", date_parameters = "min_study_date" }
)",
      R"(type = "rad69", url = "http://r", repository_uid = "1.2", errors_to_ignore = ["XDSMissingDocument", "X"], request_per_series = false, bare_soap = true, auth = { type = "bearer", token_env = "T" })");
  const auto& mint = OptionsOf<MintOptions>(a.searcher);
  EXPECT_EQ(mint.url, "http://m");
  EXPECT_EQ(mint.dialect, MintDialect::kReference);
  EXPECT_EQ(mint.min_date_parameter, "min_study_date");
  EXPECT_EQ(mint.max_date_parameter, "max_study_date");
  const auto& rad69 = OptionsOf<Rad69Options>(a.downloader);
  EXPECT_EQ(rad69.url, "http://r");
  EXPECT_EQ(rad69.repository_uid, "1.2");
  EXPECT_THAT(rad69.errors_to_ignore, ElementsAre("XDSMissingDocument", "X"));
  EXPECT_EQ(rad69.request, Rad69Options::Request::kAllAtOnce);
  EXPECT_EQ(rad69.envelope, Rad69Options::Envelope::kSoap);
  EXPECT_EQ(std::get<HttpEndpoint>(a.downloader->endpoint()).auth->Identity(), "token:T");
  EXPECT_EQ(a.auth, nullptr);
}

TEST(ClientConfigTest, ReadsKeysForUnusualArchives) {
  EXPECT_TRUE(OptionsOf<CFindOptions>(
                  Parse("searcher = { type = \"dicom-qr\", host = \"h\", star_for_empty_uids = true }").searcher)
                  .star_for_empty_uids);
  EXPECT_FALSE(
      DicomOf(Parse("searcher = { type = \"dicom-qr\", host = \"h\", tls = true, check_host = false }").downloader)
          .check_host);
  EXPECT_TRUE(DicomOf(Parse(kFind).searcher).check_host);
  EXPECT_EQ(OptionsOf<CGetOptions>(WithDownloader(kFind, "type = \"c-get\", whole_series_from = 3").downloader)
                .whole_series_from,
            3U);
  EXPECT_EQ(OptionsOf<CMoveOptions>(
                WithDownloader(kFind, "type = \"c-move\", move_port = 1, whole_series_from = 4").downloader)
                .whole_series_from,
            4U);
  EXPECT_TRUE(
      OptionsOf<WadoRsMetadataOptions>(WithDownloader(kQido, "type = \"wado-rs-metadata\", use_xml = true").downloader)
          .use_xml);
  EXPECT_EQ(
      OptionsOf<Rad69Options>(
          WithDownloader(kQido, "type = \"rad69\", url = \"http://r\", home_community_id = \"urn:oid:1\"").downloader)
          .home_community_id,
      "urn:oid:1");
}

TEST(ClientConfigTest, RefusesWhatDoesNotFit) {
  EXPECT_THAT(RefusalOf("searcher = { type = \"mint\", url = \"http://m\" }"), HasSubstr("needs a downloader"));
  EXPECT_THAT(RefusalOf("searcher = { type = \"dicom-qr\" }"), HasSubstr("needs 'host'"));
  EXPECT_THAT(RefusalOf("searcher = { type = \"dicom-qr\", host = \"h\", aec = \"SEVENTEENLETTERS!\" }"),
              HasSubstr("not an AE title"));
  EXPECT_THAT(RefusalOf("searcher = { type = \"dicom-qr\", host = \"h\", port = 0 }"), HasSubstr("1 to 65535"));
  EXPECT_THAT(RefusalOf("searcher = { type = \"dicom-qr\", host = \"h\", url = \"http://h\" }"),
              HasSubstr("unknown key"));
  EXPECT_THAT(RefusalOf(kFind + std::string("downloader = { type = \"c-move\" }")), HasSubstr("needs 'move_port'"));
  EXPECT_THAT(RefusalOf(kFind + std::string("downloader = { type = \"wado-uri\" }")), HasSubstr("needs 'url'"));
  EXPECT_THAT(RefusalOf("searcher = { type = \"dicom-qr\", host = \"h\", passcode = \"hunter2\" }"),
              AllOf(HasSubstr("passcode_file"), Not(HasSubstr("hunter2"))));
  EXPECT_THAT(RefusalOf(kQido + std::string("profile = \"orthnac\"")), HasSubstr("none of generic"));
  EXPECT_THAT(RefusalOf(kQido + std::string("certificate_file = \"c.pem\"")), HasSubstr("belong together"));
}

TEST(ConfigAuthTest, ReadsEveryType) {
  EXPECT_EQ(OptionsOf<UserAndPassword>(Auth(R"(type = "digest", user = "u", password_credential = "pacs")"))
                .password.credential,
            "pacs");
  const auto oauth = Auth(
      R"(type = "oauth2", token_url = "https://id.example/token", client_id = "c", client_secret_env = "S", scope = "a b", client_in_body = true)");
  const auto& options = OptionsOf<OAuth2Options>(oauth);
  EXPECT_EQ(options.token_url, "https://id.example/token");
  EXPECT_EQ(options.client_secret.environment, "S");
  EXPECT_EQ(options.scope, "a b");
  EXPECT_EQ(options.client_authentication, OAuth2Options::ClientAuthentication::kBody);
  EXPECT_EQ(OptionsOf<OAuth2Options>(
                Auth(R"(type = "oauth2", token_url = "https://id", client_id = "c", refresh_token_file = "/r")"))
                .refresh_token.file,
            "/r");
  const auto vitrea = Auth(R"(type = "vitrea", login_url = "https://v/login", user = "u", password_env = "P")");
  EXPECT_EQ(OptionsOf<VitreaOptions>(vitrea).realm, "DefaultSystemRealm");
  EXPECT_EQ(OptionsOf<VitreaOptions>(vitrea).login_url, "https://v/login");
  EXPECT_EQ(OptionsOf<ImpaxOptions>(Auth(R"(type = "impax", user = "u", password_env = "P")")).password.environment,
            "P");
  EXPECT_EQ(Auth(R"(type = "netrc", file = "netrc")")->Identity(), "netrc:/etc/t/netrc");
}

TEST(ConfigAuthTest, RefusesWhatIsMissingOrSecret) {
  const auto refusal = [](const std::string& auth) { return RefusalOf(kQido + ("auth = { " + auth + " }\n")); };
  EXPECT_THAT(refusal(R"(type = "digest", user = "u")"), HasSubstr("password_file"));
  EXPECT_THAT(refusal(R"(type = "oauth2", token_url = "https://id", client_id = "c")"),
              HasSubstr("client_secret_file"));
  EXPECT_THAT(refusal(R"(type = "oauth2", token_url = "https://id", client_id = "c", client_secret = "hunter2")"),
              AllOf(HasSubstr("client_secret_file"), Not(HasSubstr("hunter2"))));
  EXPECT_THAT(refusal(R"(type = "bearer", token_file = "a", token_env = "B")"), HasSubstr("just one of"));
  EXPECT_THAT(refusal(R"(type = "bearer", token_credential = "../x")"),
              HasSubstr("not the name of a systemd credential"));
  EXPECT_THAT(refusal(R"(type = "kerberos")"), HasSubstr("unknown auth type"));
}

TEST(ConfigAuthTest, ReadsHeaders) {
  const auto headers =
      Parse(kQido + std::string("headers = { X-Tenant = \"a b\", X-Api-Key = { file = \"key\" } }")).headers;
  ASSERT_EQ(headers.size(), 2U);
  const auto& key = headers[headers[0].name == "X-Api-Key" ? 0 : 1];
  const auto& tenant = headers[headers[0].name == "X-Api-Key" ? 1 : 0];
  EXPECT_EQ(key.secret.file, "/etc/t/key");
  EXPECT_EQ(tenant.value, "a b");
  EXPECT_THAT(RefusalOf(kQido + std::string("headers = { \"X Y\" = \"a\" }")), HasSubstr("not the name of a header"));
  EXPECT_THAT(RefusalOf(kQido + std::string("headers = { Content-Length = \"1\" }")), HasSubstr("set by trolleyfs"));
  EXPECT_THAT(RefusalOf(kQido + std::string("headers = { X = \"a\\nb\" }")), HasSubstr("control characters"));
}

TEST(ConfigResolveTest, ReadsDicomAddresses) {
  const ArchiveConfig a = ResolveArchive("dicom://VNA@vna.example:11112", Config());
  EXPECT_EQ(a.searcher->type(), "dicom-qr");
  EXPECT_EQ(a.downloader->type(), "c-get");
  EXPECT_EQ(DicomOf(a.downloader).peer.host, "vna.example");
  EXPECT_EQ(DicomOf(a.downloader).peer.port, 11112U);
  EXPECT_EQ(DicomOf(a.downloader).peer.called_aet, "VNA");
  EXPECT_EQ(a.name, "vna.example");
  EXPECT_EQ(DicomOf(ResolveArchive("dicom://[::1]", Config()).searcher).peer.host, "::1");
  for (const char* wrong : {"dicom://", "dicom://A@", "dicom://A@h:0", "dicom://A@h:x", "dicom://A@h/path",
                            "dicom://user:hunter2@h", "dicom://SEVENTEENLETTERS!@h"}) {
    try {
      ResolveArchive(wrong, Config());
      ADD_FAILURE() << wrong << " was accepted";
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), Not(HasSubstr("hunter2")));
    }
  }
}

TEST(ConfigDicomTest, ShowsAnotherHostNoPasscode) {
  const std::string find = "searcher = { type = \"dicom-qr\", host = \"vna\", user = \"joe\", passcode_env = \"P\" }\n";
  const auto same = WithDownloader(find, "type = \"c-get\", host = \"vna\", port = 4242");
  EXPECT_EQ(DicomOf(same.downloader).user, "joe");
  EXPECT_FALSE(DicomOf(same.downloader).passcode.empty());
  const auto other = WithDownloader(find, "type = \"c-get\", host = \"elsewhere\"");
  EXPECT_EQ(DicomOf(other.downloader).user, "");
  EXPECT_TRUE(DicomOf(other.downloader).passcode.empty());
  const auto own = WithDownloader(find, "type = \"c-get\", host = \"elsewhere\", user = \"ann\", passcode_env = \"Q\"");
  EXPECT_EQ(DicomOf(own.downloader).user, "ann");
  EXPECT_EQ(DicomOf(own.downloader).passcode.environment, "Q");
}

TEST(ConfigIdentityTest, IsAnothersForAnotherPeerOrUser) {
  const auto identity = [](const std::string& more) {
    return Parse("searcher = { type = \"dicom-qr\", host = \"h\"" + more + " }").Identity();
  };
  EXPECT_EQ(identity(""), identity(", fallback_charset = \"ISO_IR 100\""));
  EXPECT_NE(identity(""), identity(", aec = \"OTHER\""));
  EXPECT_NE(identity(""), identity(", aet = \"OTHER\""));
  EXPECT_NE(identity(""), identity(", user = \"joe\""));
}

}  // namespace
}  // namespace trolley
