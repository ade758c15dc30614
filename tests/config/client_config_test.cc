// What an archive's searcher, downloader, authentication and certificates may be.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "config/config.h"

namespace trolley {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using Type = AuthConfig::Type;

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

AuthConfig Auth(const std::string& auth) {
  return Parse(kQido + ("auth = { " + auth + " }\n")).auth;
}

TEST(ClientConfigTest, DicomHasDefaults) {
  const ArchiveConfig a = Parse("searcher = { type = \"dicom-qr\", host = \"vna\" }");
  EXPECT_EQ(a.searcher.dicom.port, 104U);
  EXPECT_EQ(a.searcher.dicom.aet, "TROLLEYFS");
  EXPECT_EQ(a.searcher.dicom.aec, "ANY-SCP");
  EXPECT_FALSE(a.searcher.dicom.tls);
  EXPECT_EQ(a.downloader.type, "c-get");
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
  const DicomConfig& find = a.searcher.dicom;
  EXPECT_EQ(find.user, "joe");
  EXPECT_EQ(find.passcode.file, "/etc/t/code");
  EXPECT_TRUE(find.tls && find.patient_root && find.relational);
  EXPECT_EQ(find.charset, "ISO_IR 100");
  EXPECT_EQ(find.fallback_charset, "ISO_IR 101");
  EXPECT_EQ(a.downloader.dicom.host, "vna");  // from the searcher
  EXPECT_EQ(a.downloader.dicom.port, 2762U);
  EXPECT_EQ(a.downloader.dicom.aec, "VNA");
  EXPECT_EQ(a.downloader.dicom.move_aet, "HERE");
  EXPECT_EQ(a.downloader.dicom.move_port, 11113U);
  EXPECT_EQ(a.downloader.dicom.bind, "127.0.0.1");
  EXPECT_EQ(a.associations, 4U);
  EXPECT_EQ(a.certificate_file, "/etc/t/me.pem");
  EXPECT_EQ(a.key_file, "/etc/t/me.key");
  EXPECT_EQ(a.key_password.environment, "KEY");
}

TEST(ClientConfigTest, ADownloaderOverridesTheSearchersAddress) {
  const ArchiveConfig a = WithDownloader(kFind, R"(type = "c-get", host = "other", aec = "STORE")");
  EXPECT_EQ(a.downloader.dicom.host, "other");
  EXPECT_EQ(a.downloader.dicom.port, 11112U);
  EXPECT_EQ(a.downloader.dicom.aet, "ME");
  EXPECT_EQ(a.downloader.dicom.aec, "STORE");
}

TEST(ClientConfigTest, AnySearcherGoesWithAnyDownloader) {
  for (const std::string& searcher :
       {std::string(kQido), std::string(kFind), std::string("searcher = { type = \"mint\", url = \"http://m/\" }\n")}) {
    for (const std::string downloader :
         {R"(type = "wado-rs", url = "http://w/rs")", R"(type = "wado-uri", url = "http://w/uri")",
          R"(type = "wado-rs-metadata", url = "http://w/rs")", R"(type = "rad69", url = "http://w/69")",
          R"(type = "c-get", host = "h")", R"(type = "c-move", host = "h", move_port = 104)"}) {
      EXPECT_NE(WithDownloader(searcher, downloader).downloader.type, "") << searcher << downloader;
    }
  }
}

TEST(ClientConfigTest, ReadsMintAndRad69) {
  const ArchiveConfig a = WithDownloader(
      R"(searcher = { type = "mint", url = "http://m", dialect = "reference", date_parameters = "min_study_date" }
)",
      R"(type = "rad69", url = "http://r", repository_uid = "1.2", errors_to_ignore = ["XDSMissingDocument", "X"], request_per_series = false, bare_soap = true, auth = { type = "bearer", token_env = "T" })");
  EXPECT_TRUE(a.searcher.mint_reference);
  EXPECT_EQ(a.searcher.date_parameters, "min_study_date");
  EXPECT_EQ(a.downloader.repository_uid, "1.2");
  EXPECT_THAT(a.downloader.errors_to_ignore, ElementsAre("XDSMissingDocument", "X"));
  EXPECT_FALSE(a.downloader.request_per_series);
  EXPECT_TRUE(a.downloader.bare_soap);
  EXPECT_EQ(a.downloader.auth->type, Type::kBearer);
  EXPECT_EQ(a.auth.type, Type::kNone);
}

TEST(ClientConfigTest, RefusesWhatDoesNotFit) {
  EXPECT_THAT(RefusalOf("searcher = { type = \"mint\", url = \"http://m\" }"), HasSubstr("needs a downloader"));
  EXPECT_THAT(RefusalOf("searcher = { type = \"dicom-qr\" }"), HasSubstr("needs 'host'"));
  EXPECT_THAT(RefusalOf("searcher = { type = \"dicom-qr\", host = \"h\", aec = \"SEVENTEENLETTERS!\" }"),
              HasSubstr("no AE title"));
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

TEST(ConfigAuthTest, ReadsEveryKind) {
  EXPECT_EQ(Auth(R"(type = "digest", user = "u", password_credential = "pacs")").secret.credential, "pacs");
  const AuthConfig oauth = Auth(
      R"(type = "oauth2", token_url = "https://id.example/token", client_id = "c", client_secret_env = "S", scope = "a b", client_in_body = true)");
  EXPECT_EQ(oauth.type, Type::kOAuth2);
  EXPECT_EQ(oauth.url, "https://id.example/token");
  EXPECT_EQ(oauth.secret.environment, "S");
  EXPECT_EQ(oauth.scope, "a b");
  EXPECT_TRUE(oauth.client_in_body);
  EXPECT_EQ(Auth(R"(type = "oauth2", token_url = "https://id", client_id = "c", refresh_token_file = "/r")")
                .refresh_token.file,
            "/r");
  const AuthConfig vitrea = Auth(R"(type = "vitrea", login_url = "https://v/login", user = "u", password_env = "P")");
  EXPECT_EQ(vitrea.realm, "DefaultSystemRealm");
  EXPECT_EQ(vitrea.url, "https://v/login");
  EXPECT_EQ(Auth(R"(type = "impax", user = "u", password_env = "P")").type, Type::kImpax);
  EXPECT_EQ(Auth(R"(type = "netrc", file = "netrc")").file, "/etc/t/netrc");
}

TEST(ConfigAuthTest, RefusesWhatIsMissingOrSecret) {
  const auto refusal = [](const std::string& auth) { return RefusalOf(kQido + ("auth = { " + auth + " }\n")); };
  EXPECT_THAT(refusal(R"(type = "digest", user = "u")"), HasSubstr("password_file"));
  EXPECT_THAT(refusal(R"(type = "oauth2", token_url = "https://id", client_id = "c")"),
              HasSubstr("client_secret_file"));
  EXPECT_THAT(refusal(R"(type = "oauth2", token_url = "https://id", client_id = "c", client_secret = "hunter2")"),
              AllOf(HasSubstr("client_secret_file"), Not(HasSubstr("hunter2"))));
  EXPECT_THAT(refusal(R"(type = "bearer", token_file = "a", token_env = "B")"), HasSubstr("just one of"));
  EXPECT_THAT(refusal(R"(type = "bearer", token_credential = "../x")"), HasSubstr("no name of a systemd credential"));
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
  EXPECT_THAT(RefusalOf(kQido + std::string("headers = { \"X Y\" = \"a\" }")), HasSubstr("no name of a header"));
  EXPECT_THAT(RefusalOf(kQido + std::string("headers = { Content-Length = \"1\" }")), HasSubstr("ours to set"));
  EXPECT_THAT(RefusalOf(kQido + std::string("headers = { X = \"a\\nb\" }")), HasSubstr("control characters"));
}

TEST(ConfigResolveTest, UnderstandsDicomAddresses) {
  const ArchiveConfig a = ResolveArchive("dicom://VNA@vna.example:11112", Config());
  EXPECT_EQ(a.searcher.type, "dicom-qr");
  EXPECT_EQ(a.downloader.type, "c-get");
  EXPECT_EQ(a.downloader.dicom.host, "vna.example");
  EXPECT_EQ(a.downloader.dicom.port, 11112U);
  EXPECT_EQ(a.downloader.dicom.aec, "VNA");
  EXPECT_EQ(a.name, "vna.example");
  EXPECT_EQ(ResolveArchive("dicom://[::1]", Config()).searcher.dicom.host, "::1");
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

TEST(ConfigDicomTest, TellsAnotherHostNoPasscode) {
  const std::string find = "searcher = { type = \"dicom-qr\", host = \"vna\", user = \"joe\", passcode_env = \"P\" }\n";
  const auto same = WithDownloader(find, "type = \"c-get\", host = \"vna\", port = 4242");
  EXPECT_EQ(same.downloader.dicom.user, "joe");
  EXPECT_FALSE(same.downloader.dicom.passcode.empty());
  const auto other = WithDownloader(find, "type = \"c-get\", host = \"elsewhere\"");
  EXPECT_EQ(other.downloader.dicom.user, "");
  EXPECT_TRUE(other.downloader.dicom.passcode.empty());
  const auto own = WithDownloader(find, "type = \"c-get\", host = \"elsewhere\", user = \"ann\", passcode_env = \"Q\"");
  EXPECT_EQ(own.downloader.dicom.user, "ann");
  EXPECT_EQ(own.downloader.dicom.passcode.environment, "Q");
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
