#include "trolley/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "config/default_directories.h"
#include "config/registry.h"
#include "config/secret_keys.h"
#include "support/paths.h"
#include "trolley/error.h"

namespace trolley {
namespace {

using std::chrono::milliseconds;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr const char* kUrl = "https://pacs.example/dicom-web";

ArchiveConfig Parse(const std::string& body, const std::string& file = "/etc/t/config.toml") {
  const Config config = ParseConfig("[archive.a]\n" + body, file);
  return config.archives.at("a");
}

std::string Searcher() {
  return std::string("searcher = { type = \"qido-rs\", url = \"") + kUrl + "\" }\n";
}

template <typename F>
std::string RefusalOf(F&& f) {
  try {
    f();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    return error.what();
  }
  ADD_FAILURE() << "was accepted";
  return "";
}

std::string Refusal(const std::string& toml) {
  return RefusalOf([&] { ParseConfig(toml, "c.toml"); });
}

// A variable that is as before when the test ends.
class ScopedEnvironment {
 public:
  ScopedEnvironment(const char* name, const char* value) : name_(name) {
    if (const char* old = std::getenv(name)) {
      old_ = old;
    }
    Set(value);
  }
  ~ScopedEnvironment() { Set(old_ ? old_->c_str() : nullptr); }

 private:
  void Set(const char* value) { value != nullptr ? ::setenv(name_, value, 1) : ::unsetenv(name_); }
  const char* name_;
  std::optional<std::string> old_;
};

class ConfigFilesTest : public testing::Test {
 protected:
  ConfigFilesTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "config_test.XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
  }
  ~ConfigFilesTest() override { std::filesystem::remove_all(directory_); }
  std::filesystem::path Write(const std::string& name, const std::string& text) {
    std::filesystem::create_directories((directory_ / name).parent_path());
    std::ofstream(directory_ / name) << text;
    return directory_ / name;
  }
  std::filesystem::path directory_;
};

TEST(ConfigTest, ReadsEverything) {
  const ArchiveConfig a = Parse(R"(
searcher   = { type = "qido-rs", url = "https://PACS.example:443/dicom-web/" }
downloader = { type = "wado-rs", url = "http://other.example:8042/wado" }
auth       = { type = "basic", user = "reader", password_file = "secrets/pacs" }
ca_file    = "ca.pem"
http2      = true
browse     = "StudyDate=last 7 days"
names      = "uid"
sizes      = "exact"
search_expiry = "2 min"
timeouts   = { connect = "1 s", stall = 5, query = "500 ms", transfer = "2 h" }
limits     = { connections = 4, associations = 3, requests_per_second = 20 }
cache      = { directory = "/var/cache/x", max_size = "50 GiB", min_free = 1048576 }
)");
  EXPECT_EQ(a.name, "a");
  EXPECT_EQ(a.searcher->type(), "qido-rs");
  EXPECT_EQ(AddressOf(a.searcher->endpoint()), kUrl);
  EXPECT_EQ(a.downloader->type(), "wado-rs");
  EXPECT_EQ(AddressOf(a.downloader->endpoint()), "http://other.example:8042/wado");
  const auto& account = dynamic_cast<const HasOptions<UserAndPassword>&>(*a.auth).options();
  EXPECT_EQ(account.user, "reader");
  EXPECT_EQ(account.password.file, "/etc/t/secrets/pacs");
  EXPECT_EQ(a.ca_file, "/etc/t/ca.pem");
  EXPECT_TRUE(a.http2);
  EXPECT_EQ(a.browse, "StudyDate=last 7 days");
  EXPECT_EQ(a.names, NameStyle::kUid);
  EXPECT_EQ(a.sizes, ArchiveConfig::Sizes::kExact);
  EXPECT_EQ(a.search_expiry, milliseconds(120000));
  EXPECT_EQ(a.connect_timeout, milliseconds(1000));
  EXPECT_EQ(a.stall_timeout, milliseconds(5000));
  EXPECT_EQ(a.query_timeout, milliseconds(500));
  EXPECT_EQ(a.transfer_timeout, milliseconds(7200000));
  EXPECT_EQ(a.connections, 4u);
  EXPECT_EQ(a.associations, 3u);
  EXPECT_EQ(a.requests_per_second, 20u);
  EXPECT_EQ(a.cache_directory, "/var/cache/x");
  EXPECT_EQ(a.cache_max_size, uint64_t{50} << 30);
  EXPECT_EQ(a.cache_min_free, 1048576u);
}

TEST(ConfigTest, TakesTheDownloaderFromTheSearcher) {
  const ArchiveConfig web = Parse(Searcher());
  EXPECT_EQ(web.downloader->type(), "wado-rs");
  EXPECT_EQ(AddressOf(web.downloader->endpoint()), kUrl);
  EXPECT_EQ(web.browse, "StudyDate=last 30 days");
  EXPECT_EQ(web.requests_per_second, 0u);
  EXPECT_FALSE(web.http2);
  const ArchiveConfig folder = Parse("searcher = { type = \"folder\", path = \"data\" }");
  EXPECT_EQ(folder.downloader->type(), "folder");
  EXPECT_EQ(FolderOf(folder)->path, "/etc/t/data");
  EXPECT_EQ(folder.browse, "all");
}

TEST(ConfigTest, ReadsBearerTokensFromTheEnvironment) {
  const ArchiveConfig a = Parse(Searcher() + "auth = { type = \"bearer\", token_env = \"PACS_TOKEN\" }");
  EXPECT_EQ(a.auth->Identity(), "token:PACS_TOKEN");
}

TEST(ConfigTest, ExpandsTheHomeDirectory) {
  const ScopedEnvironment home("HOME", "/home/joe");
  EXPECT_EQ(Parse(Searcher() + "ca_file = \"~/ca.pem\"").ca_file, "/home/joe/ca.pem");
}

TEST(ConfigTest, RefusesUnknownKeysWithLineAndNearestKey) {
  EXPECT_EQ(Refusal("[archive.a]\n" + Searcher() + "\nsercher = 1\n"),
            "c.toml:4: unknown key 'sercher', did you mean 'searcher'?");
  EXPECT_THAT(Refusal("[archive.a]\n" + Searcher() + "timeouts = { conect = 1 }\n"),
              StartsWith("c.toml:3: unknown key 'conect', did you mean 'connect'?"));
  EXPECT_THAT(Refusal("[archve.a]\n"), StartsWith("c.toml:1: unknown key 'archve', did you mean 'archive'?"));
  EXPECT_THAT(Refusal("[archive.a]\nsearcher = { type = \"qido-rs\", uri = \"" + std::string(kUrl) + "\" }\n"),
              AllOf(StartsWith("c.toml:2: "), HasSubstr("url")));
}

TEST(ConfigTest, RefusesWhatIsWrongWithItsLine) {
  const std::pair<std::string, const char*> table[] = {
      {"names = \"pretty\"", "\"readable\" or \"uid\""},
      {"names = 1", "text"},
      {"sizes = \"guess\"", "\"estimate\" or \"exact\""},
      {"search_expiry = \"soon\"", "duration"},
      {"search_expiry = -1", "duration"},
      {"timeouts = { connect = 0 }", "above zero"},
      {"timeouts = \"1 s\"", "table"},
      {"limits = { connections = 0 }", "1 to 256"},
      {"limits = { connections = 4294967297 }", "1 to 256"},
      {"limits = { requests_per_second = 0 }", "1 to 10000"},
      {"cache = { max_size = \"big\" }", "size"},
      {"cache = { max_size = -5 }", "size"},
      {"browse = \"PatientNam=B*\"", "PatientName"},
      {"browse = \"\"", "Keyword=value"},
      {"auth = { type = \"kerberos\" }", "unknown auth type"},
      {"auth = { user = \"x\" }", "type"},
      {"auth = { type = \"basic\", user = \"x\" }", "password_file, password_env or password_credential"},
      {"auth = { type = \"basic\", user = \"x\", password_file = \"a\", password_env = \"B\" }", "just one of"},
      {"auth = { type = \"basic\", password_file = \"a\" }", "user"},
      {"auth = { type = \"basic\", user = \"a:b\", password_file = \"a\" }", "':'"},
      {"auth = { type = \"none\", password_file = \"a\" }", "password_file"},
      {"downloader = { type = \"c-store\" }", "c-get or c-move or folder"}};
  for (const auto& [line, reason] : table) {
    EXPECT_THAT(Refusal("[archive.a]\n" + Searcher() + line + "\n"), AllOf(StartsWith("c.toml:3: "), HasSubstr(reason)))
        << line;
  }
}

TEST(ConfigTest, RefusesIncompleteArchives) {
  EXPECT_THAT(Refusal("\n[archive.a]\nnames = \"uid\"\n"), AllOf(StartsWith("c.toml:2: "), HasSubstr("no searcher")));
  EXPECT_THAT(Refusal("[archive.a]\nsearcher = { type = \"qido-rs\" }\n"), HasSubstr("needs 'url'"));
  EXPECT_THAT(Refusal("[archive.a]\nsearcher = { type = \"folder\" }\n"), HasSubstr("needs 'path'"));
  EXPECT_THAT(Refusal("[archive.a]\nsearcher = { type = \"folder\", path = \"/a\" }\n"
                      "downloader = { type = \"folder\", path = \"/b\" }\n"),
              AllOf(StartsWith("c.toml:3: "), HasSubstr("different folders")));
  EXPECT_THAT(Refusal("[archive.\"a/b\"]\n" + Searcher()), HasSubstr("archive name"));
  EXPECT_THAT(Refusal("[archive.\"-o\"]\n" + Searcher()), HasSubstr("archive name"));
}

TEST(ConfigTest, RefusesSecretsAndDoesNotRepeatThem) {
  for (const char* auth : {"type = \"basic\", user = \"x\", password = \"hunter2\"",
                           "type = \"bearer\", token = \"hunter2\"", "password = \"hunter2\", type = \"basic\""}) {
    EXPECT_THAT(Refusal("[archive.a]\n" + Searcher() + "auth = { " + auth + " }\n"),
                AllOf(StartsWith("c.toml:3: "), HasSubstr("_file"), Not(HasSubstr("hunter2"))));
  }
  EXPECT_THAT(Refusal("[archive.a]\nsearcher = { type = \"qido-rs\", url = \"https://me:hunter2@pacs.example/\" }\n"),
              AllOf(StartsWith("c.toml:2: "), HasSubstr("user info"), Not(HasSubstr("hunter2"))));
}

TEST(ConfigTest, SaysWhereTheTomlIsMalformed) {
  EXPECT_THAT(Refusal("[archive.a]\nsearcher = {\n"), StartsWith("c.toml:"));
  EXPECT_THAT(Refusal("x = \"\xFF\"\n"), StartsWith("c.toml:1: "));
}

TEST(ConfigTest, ReadsTheDocumentedExample) {
  std::ifstream in(std::filesystem::path(kSourceDirectory) / "mount/CONFIGURATION.md");
  const std::string page(std::istreambuf_iterator<char>(in), {});
  const size_t begin = page.find("```toml\n");
  ASSERT_NE(begin, std::string::npos);
  const size_t end = page.find("```", begin + 8);
  const Config config = ParseConfig(page.substr(begin + 8, end - begin - 8), "CONFIGURATION.md");
  EXPECT_THAT(config.archives, testing::Not(testing::IsEmpty()));
  // The example shows the defaults.
  const ArchiveConfig& shown = config.archives.at("hospital");
  EXPECT_EQ(shown.browse, ArchiveConfig().browse);
  EXPECT_EQ(shown.search_expiry, ArchiveConfig().search_expiry);
  EXPECT_EQ(shown.connect_timeout, ArchiveConfig().connect_timeout);
  EXPECT_EQ(shown.stall_timeout, ArchiveConfig().stall_timeout);
  EXPECT_EQ(shown.query_timeout, ArchiveConfig().query_timeout);
  EXPECT_EQ(shown.transfer_timeout, ArchiveConfig().transfer_timeout);
  EXPECT_EQ(shown.connections, ArchiveConfig().connections);
  EXPECT_EQ(shown.cache_max_size, ArchiveConfig().cache_max_size);
  EXPECT_EQ(shown.cache_min_free, ArchiveConfig().cache_min_free);
}

TEST_F(ConfigFilesTest, UsersArchivesGoOverTheSystems) {
  const ScopedEnvironment config("XDG_CONFIG_HOME", directory_.c_str());
  Write("trolleyfs/config.toml", "[archive.own]\n" + Searcher());
  EXPECT_EQ(LoadConfig(std::nullopt).archives.count("own"), 1u);
  EXPECT_EQ(DefaultConfigFiles().back(), directory_ / "trolleyfs/config.toml");
}

TEST_F(ConfigFilesTest, MissingDefaultFilesAreNoError) {
  const ScopedEnvironment config("XDG_CONFIG_HOME", directory_.c_str());
  EXPECT_NO_THROW(LoadConfig(std::nullopt));
}

TEST_F(ConfigFilesTest, AGivenFileMustExist) {
  EXPECT_THAT(RefusalOf([&] { LoadConfig(directory_ / "none.toml"); }), HasSubstr("none.toml: no such file"));
  EXPECT_THAT(RefusalOf([&] { LoadConfig(directory_); }), HasSubstr("a directory"));
  EXPECT_EQ(LoadConfig(Write("c.toml", "[archive.x]\n" + Searcher())).archives.count("x"), 1u);
}

TEST_F(ConfigFilesTest, ResolvesNamesFirstThenUrlsThenFolders) {
  Config config;
  config.archives["hospital"] = Parse(Searcher());
  config.archives["hospital"].names = NameStyle::kUid;
  EXPECT_EQ(ResolveArchive("hospital", config).names, NameStyle::kUid);

  const ArchiveConfig web = ResolveArchive("HTTP://pacs.example:8042/dicom-web/", config);
  EXPECT_EQ(AddressOf(web.searcher->endpoint()), "http://pacs.example:8042/dicom-web");
  EXPECT_EQ(AddressOf(web.downloader->endpoint()), AddressOf(web.searcher->endpoint()));
  EXPECT_EQ(web.searcher->type(), "qido-rs");
  EXPECT_EQ(web.downloader->type(), "wado-rs");
  EXPECT_EQ(web.name, "pacs.example:8042");

  std::filesystem::create_directories(directory_ / "my, data");
  const ArchiveConfig folder = ResolveArchive((directory_ / "./my, data/").string(), config);
  EXPECT_EQ(folder.searcher->type(), "folder");
  EXPECT_EQ(folder.downloader->type(), "folder");
  EXPECT_EQ(FolderOf(folder)->path, std::filesystem::canonical(directory_ / "my, data"));
  EXPECT_EQ(folder.name, "my_ data");
  EXPECT_EQ(folder.browse, "all");
}

TEST_F(ConfigFilesTest, SaysWhatWasTriedWhenThereIsNoSuchArchive) {
  Config config;
  config.archives["hospital"] = Parse(Searcher());
  EXPECT_THAT(RefusalOf([&] { ResolveArchive("hospitl", config); }),
              AllOf(HasSubstr("hospital"), HasSubstr("URL"), HasSubstr("folder")));
  EXPECT_THAT(RefusalOf([&] { ResolveArchive("", config); }), HasSubstr("''"));
  EXPECT_THAT(RefusalOf([&] { ResolveArchive("ftp://host/", config); }), HasSubstr("http"));
}

TEST_F(ConfigFilesTest, RefusesUrlsThatCarrySecrets) {
  for (const char* url :
       {"https://me:hunter2@pacs.example/x", "https://hunter2@pacs.example", "http:/me:hunter2@host/",
        "htps://me:hunter2@host", "https://pacs.example/?token=hunter2", "https://me:hun@ter2@pacs.example/",
        "me:hunter2@pacs.example", "https://pacs.example/#hunter2"}) {
    EXPECT_THAT(RefusalOf([&] { ResolveArchive(url, Config()); }),
                AllOf(Not(HasSubstr("hunter2")), Not(HasSubstr("ter2"))))
        << url;
  }
}

TEST_F(ConfigFilesTest, RefusesMalformedUrls) {
  for (const char* url : {"https://", "https:///path", "http://host:port/", "http://host:/", "http://host:70000/",
                          "http://ho st/", "http://host/a\nb", "ftp://host/", "http://[::1", "http://[::1]x/"}) {
    RefusalOf([&] { ResolveArchive(url, Config()); });
  }
  EXPECT_EQ(ResolveArchive("http://[::1]:8042/x", Config()).name, "[::1]:8042");
}

TEST(IdentityTest, DependsOnTheArchiveAndTheAccountAndNotOnTheName) {
  ArchiveConfig a = Parse(Searcher());
  ArchiveConfig b = a;
  b.name = "other";
  b.browse = "all";
  EXPECT_EQ(a.Identity(), b.Identity());
  EXPECT_NE(a.Identity(),
            Parse(Searcher() + "downloader = { type = \"wado-rs\", url = \"https://other.example\" }").Identity());
  ArchiveConfig c = Parse(Searcher() + "auth = { type = \"basic\", user = \"x\", password_env = \"P\" }");
  ArchiveConfig d = Parse(Searcher() + "auth = { type = \"basic\", user = \"y\", password_env = \"P\" }");
  EXPECT_NE(a.Identity(), c.Identity());
  EXPECT_NE(c.Identity(), d.Identity());
  EXPECT_NE(Parse("searcher = { type = \"folder\", path = \"/a\" }").Identity(),
            Parse("searcher = { type = \"folder\", path = \"/b\" }").Identity());
}

TEST(IdentityTest, DependsOnTheHeaders) {
  const auto identity = [](const std::string& headers) {
    return Parse(Searcher() + "headers = { " + headers + " }").Identity();
  };
  const std::string a = identity("X-Tenant = \"tenant-a\"");
  EXPECT_NE(a, Parse(Searcher()).Identity());
  EXPECT_NE(a, identity("X-Tenant = \"tenant-b\""));
  EXPECT_EQ(a, identity("x-tenant = \"tenant-a\""));
  EXPECT_THAT(a, Not(HasSubstr("tenant-a"))) << "it may be a secret";
  EXPECT_NE(identity("X-Key = { env = \"A\" }"), identity("X-Key = { env = \"B\" }"));
}

TEST(DefaultDirectoriesTest, FollowTheBaseDirectorySpecification) {
  const ScopedEnvironment cache("XDG_CACHE_HOME", "/c");
  const ScopedEnvironment data("XDG_DATA_HOME", "/d");
  EXPECT_EQ(DefaultCacheDirectory(), "/c/trolleyfs");
  EXPECT_EQ(DefaultDemoDirectory(), "/d/trolleyfs/demo");
}

TEST(DefaultDirectoriesTest, IgnoreRelativePaths) {
  const ScopedEnvironment cache("XDG_CACHE_HOME", "c");
  const ScopedEnvironment data("XDG_DATA_HOME", "");
  const ScopedEnvironment home("HOME", "/home/joe");
  EXPECT_EQ(DefaultCacheDirectory(), ::geteuid() == 0 ? "/var/cache/trolleyfs" : "/home/joe/.cache/trolleyfs");
  EXPECT_EQ(DefaultDemoDirectory(), "/home/joe/.local/share/trolleyfs/demo");
}

}  // namespace
}  // namespace trolley
