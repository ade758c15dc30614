// ArchiveConfig::Identity() is the key of what the caches hold: a change of one byte would make everybody's cache lost.
// So it is compared with literal texts here, for every type of searcher, downloader and authentication.

#include <gtest/gtest.h>

#include <string>

#include "trolley/config.h"

namespace trolley {
namespace {

std::string IdentityOf(const std::string& body) {
  return ParseConfig("[archive.a]\n" + body, "/etc/t/config.toml").archives.at("a").Identity();
}

std::string IdentityWithAuth(const std::string& auth) {
  return IdentityOf("searcher = { type = \"qido-rs\", url = \"https://p/rs\" }\nauth = { " + auth + " }\n");
}

constexpr const char* kQido = "searcher = { type = \"qido-rs\", url = \"https://p/rs\" }\n";
constexpr const char* kFind = "searcher = { type = \"dicom-qr\", host = \"h\", user = \"joe\" }\n";

TEST(IdentityTextTest, IsAsEverOfSearchersWithTheirOwnDownloader) {
  EXPECT_EQ(IdentityOf(kQido), "qido-rs:https://p/rs wado-rs:https://p/rs");
  EXPECT_EQ(IdentityOf("searcher = { type = \"dicom-qr\", host = \"h\" }"),
            "dicom-qr:ANY-SCP@h:104 as TROLLEYFS c-get:ANY-SCP@h:104 as TROLLEYFS");
  EXPECT_EQ(IdentityOf(kFind), "dicom-qr:ANY-SCP@h:104 as TROLLEYFS c-get:ANY-SCP@h:104 as TROLLEYFS user:joe");
  EXPECT_EQ(IdentityOf("searcher = { type = \"folder\", path = \"data\" }"), "folder:/etc/t/data");
}

TEST(IdentityTextTest, IsAsEverOfEveryDownloader) {
  const std::string mint = "searcher = { type = \"mint\", url = \"http://m/\", dialect = \"reference\" }\n";
  EXPECT_EQ(IdentityOf(mint + "downloader = { type = \"rad69\", url = \"http://r/69\", repository_uid = \"1.2\" }"),
            "mint:http://m rad69:http://r/69");
  EXPECT_EQ(IdentityOf(mint + "downloader = { type = \"wado-uri\", url = \"http://w/uri\" }"),
            "mint:http://m wado-uri:http://w/uri");
  EXPECT_EQ(IdentityOf(std::string(kQido) + "downloader = { type = \"wado-rs-metadata\" }"),
            "qido-rs:https://p/rs wado-rs-metadata:https://p/rs");
  EXPECT_EQ(IdentityOf(std::string(kFind) + "downloader = { type = \"c-move\", aec = \"V\", port = 11, aet = \"ME\", "
                                            "move_aet = \"X\", move_port = 12 }"),
            "dicom-qr:ANY-SCP@h:104 as TROLLEYFS c-move:V@h:11 as ME user:joe");
  EXPECT_EQ(IdentityOf(std::string(kQido) + "downloader = { type = \"folder\", path = \"/data\" }\n"
                                            "auth = { type = \"netrc\" }"),
            "qido-rs:https://p/rs folder:/data netrc:");
}

TEST(IdentityTextTest, IsAsEverOfEveryAuthentication) {
  const std::string archive = "qido-rs:https://p/rs wado-rs:https://p/rs";
  EXPECT_EQ(IdentityWithAuth("type = \"none\""), archive);
  EXPECT_EQ(IdentityWithAuth("type = \"basic\", user = \"u\", password_env = \"P\""), archive + " user:u");
  EXPECT_EQ(IdentityWithAuth("type = \"digest\", user = \"u\", password_env = \"P\""), archive + " user:u");
  EXPECT_EQ(IdentityWithAuth("type = \"bearer\", token_env = \"T\""), archive + " token:T");
  EXPECT_EQ(IdentityWithAuth("type = \"bearer\", token_file = \"t\""), archive + " token:/etc/t/t");
  EXPECT_EQ(IdentityWithAuth("type = \"bearer\", token_credential = \"c\""), archive + " token:c");
  EXPECT_EQ(IdentityWithAuth("type = \"oauth2\", token_url = \"https://id/t\", client_id = \"c\", client_secret_env = "
                             "\"S\""),
            archive + " client:c@https://id/t");
  EXPECT_EQ(IdentityWithAuth("type = \"oauth2\", token_url = \"https://id/t\", client_id = \"c\", scope = \"a b\", "
                             "refresh_token_file = \"/r\""),
            archive + " client:c@https://id/t/a b/r");
  EXPECT_EQ(IdentityWithAuth("type = \"vitrea\", login_url = \"https://v/l\", user = \"u\", password_env = \"P\""),
            archive + " user:u");
  EXPECT_EQ(IdentityWithAuth("type = \"impax\", user = \"u\", password_env = \"P\""), archive + " user:u");
  EXPECT_EQ(IdentityWithAuth("type = \"netrc\", file = \"netrc\""), archive + " netrc:/etc/t/netrc");
  EXPECT_EQ(IdentityWithAuth("type = \"netrc\""), archive + " netrc:");
}

TEST(IdentityTextTest, IsAsEverWhereSearcherAndDownloaderDiffer) {
  const std::string own = ", auth = { type = \"bearer\", token_env = \"T\" }";
  // A downloader that is not configured is the searcher's, with its credentials.
  EXPECT_EQ(IdentityOf("searcher = { type = \"qido-rs\", url = \"https://p/rs\"" + own + " }\n"),
            "qido-rs:https://p/rs wado-rs:https://p/rs token:T");
  // One that is configured has its own, or those of the archive.
  EXPECT_EQ(IdentityOf("searcher = { type = \"qido-rs\", url = \"https://p/rs\"" + own +
                       " }\ndownloader = { type = \"wado-rs\" }\n"
                       "auth = { type = \"basic\", user = \"u\", password_env = \"P\" }"),
            "qido-rs:https://p/rs wado-rs:https://p/rs token:T user:u");
  EXPECT_EQ(IdentityOf(std::string(kQido) + "downloader = { type = \"wado-uri\", url = \"https://w\"" + own + " }\n" +
                       "headers = { X-A = \"a\", X-B = { env = \"B\" } }\ncertificate_file = \"c\"\nkey_file = \"k\""),
            "qido-rs:https://p/rs wado-uri:https://w token:T "
            "header:x-a=ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb header:x-b=B "
            "certificate:/etc/t/c");
}

TEST(IdentityTextTest, IsAsEverOfWhatTheCommandLineNames) {
  EXPECT_EQ(ResolveArchive("HTTPS://P:443/rs/", Config()).Identity(), "qido-rs:https://p/rs wado-rs:https://p/rs");
  EXPECT_EQ(ResolveArchive("dicom://VNA@vna:11112", Config()).Identity(),
            "dicom-qr:VNA@vna:11112 as TROLLEYFS c-get:VNA@vna:11112 as TROLLEYFS");
  EXPECT_EQ(ResolveArchive("/", Config()).Identity(), "folder:/");
}

}  // namespace
}  // namespace trolley
