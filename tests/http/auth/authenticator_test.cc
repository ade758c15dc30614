#include "trolley/authenticator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/secret_reader.h"
#include "http/auth/auth_text.h"
#include "support/temp_directory.h"
#include "trolley/error.h"
#include "trolley/http_client.h"
#include "trolley/log.h"

namespace trolley {
namespace {

const std::string kUrl = "http://pacs.example/dicom-web";
const Context kPatient = Context::WithTimeout(std::chrono::seconds(60));
const AuthRequest kRequest{"GET", kUrl, kPatient};

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class AuthTest : public testing::Test {
 protected:
  static std::vector<std::string> Lines(const std::unique_ptr<Authenticator>& auth) { return auth->Headers(kRequest); }
  static bool Renews(const std::unique_ptr<Authenticator>& auth) {
    HttpHead refusal;
    refusal.status = 401;
    return auth->Renew(kRequest, refusal, Lines(auth));
  }
  std::filesystem::path Secret(std::string_view content, mode_t mode = 0600) {
    const auto file = directory_.Write("secret", content);
    EXPECT_EQ(chmod(file.c_str(), mode), 0);
    return file;
  }
  template <typename Function>
  std::string Refusal(Function function) {
    try {
      function();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
      return error.what();
    }
    ADD_FAILURE() << "nothing was thrown";
    return "";
  }

  TempDirectory directory_;
};

TEST_F(AuthTest, BasicEncodesUserAndPassword) {
  const std::vector<std::tuple<std::string, std::string, std::string>> table = {
      {"Aladdin", "open sesame", "QWxhZGRpbjpvcGVuIHNlc2FtZQ=="},  // RFC 7617
      {"a", "b", "YTpi"},
      {"a", "bc", "YTpiYw=="},
      {"a", "bcd", "YTpiY2Q="},
      {"", "", "Og=="},
      {"test", "123\u00a3", "dGVzdDoxMjPCow=="},  // RFC 7617, UTF-8
      {"u", "p:q", "dTpwOnE="},
  };
  for (const auto& [user, password, encoded] : table) {
    EXPECT_EQ(internal::BasicHeader(user, password), "Authorization: Basic " + encoded);
  }
  const auto auth = BasicAuthentication("a", {.text = "b"});
  EXPECT_THAT(Lines(auth), ElementsAre("Authorization: Basic YTpi"));
  EXPECT_FALSE(Renews(auth));
}

TEST_F(AuthTest, BearerSendsTheToken) {
  EXPECT_THAT(Lines(BearerAuthentication({.text = "a.b-c_d~e+f/g="})),
              ElementsAre("Authorization: Bearer a.b-c_d~e+f/g="));
}

TEST_F(AuthTest, RefusesSecretsThatWouldBreakTheHeader) {
  for (const std::string& secret : {std::string("hidden\r\nX: y"), std::string("hidden\n"), std::string("hidden\0", 7),
                                    std::string("hidden\x7f")}) {
    EXPECT_THAT(Refusal([&] { BasicAuthentication("user", {.text = secret}); }), Not(HasSubstr("hidden")));
    EXPECT_THAT(Refusal([&] { BasicAuthentication(secret, {.text = "password"}); }), Not(HasSubstr("hidden")));
    EXPECT_THAT(Refusal([&] { BearerAuthentication({.text = secret}); }), Not(HasSubstr("hidden")));
  }
  Refusal([] { BasicAuthentication("us:er", {.text = "password"}); });
  Refusal([] { BearerAuthentication({.text = "two words"}); });
  Refusal([] { BearerAuthentication(SecretSource{}); });
}

TEST_F(AuthTest, ReadsTheFirstLineOfASecretFile) {
  for (const std::string content : {"s3cret", "s3cret\n", "s3cret\r\n", "s3cret\nmore\n"}) {
    EXPECT_EQ(ReadSecretFile(Secret(content)), "s3cret");
  }
  EXPECT_EQ(ReadSecretFile(Secret(" with blanks \n")), " with blanks ");
}

TEST_F(AuthTest, RefusesSecretFilesWithoutSecret) {
  for (const std::string& content :
       {std::string(), std::string("\n"), std::string("\r\nsecond"), std::string(100'000, 'x')}) {
    EXPECT_THAT(Refusal([&] { ReadSecretFile(Secret(content)); }), HasSubstr("secret"));
  }
  EXPECT_THAT(Refusal([&] { ReadSecretFile(directory_ / "missing"); }), HasSubstr("missing"));
  EXPECT_THAT(Refusal([&] { ReadSecretFile(directory_.path()); }), HasSubstr("regular"));
  ASSERT_EQ(mkfifo((directory_ / "pipe").c_str(), 0600), 0);
  EXPECT_THAT(Refusal([&] { ReadSecretFile(directory_ / "pipe"); }), HasSubstr("regular"));
}

TEST_F(AuthTest, WarnsWhenEverybodyCanReadTheSecret) {
  ReadSecretFile(Secret("s3cret", 0604));
  EXPECT_THAT(RecentProblems(), Contains(HasSubstr("can be read by everybody")));
  EXPECT_THAT(RecentProblems(), Not(Contains(HasSubstr("s3cret"))));
}

TEST_F(AuthTest, ReadsSecretsFromTheEnvironment) {
  ASSERT_EQ(setenv("TROLLEY_TEST_SECRET", "abc", 1), 0);
  EXPECT_EQ(ReadSecretEnvironment("TROLLEY_TEST_SECRET"), "abc");
  ASSERT_EQ(setenv("TROLLEY_TEST_SECRET", "", 1), 0);
  EXPECT_THAT(Refusal([] { ReadSecretEnvironment("TROLLEY_TEST_SECRET"); }), HasSubstr("TROLLEY_TEST_SECRET"));
  ASSERT_EQ(unsetenv("TROLLEY_TEST_SECRET"), 0);
  EXPECT_THAT(Refusal([] { ReadSecretEnvironment("TROLLEY_TEST_SECRET"); }), HasSubstr("not set"));
}

TEST_F(AuthTest, ReadsSystemdCredentials) {
  Secret("s3cret\n");
  ASSERT_EQ(setenv("CREDENTIALS_DIRECTORY", directory_.path().c_str(), 1), 0);
  EXPECT_EQ(ReadSecret({.credential = "secret"}), "s3cret");
  for (const std::string name : {"..", "../secret", "missing", "/etc/passwd"}) {
    Refusal([&] { ReadSecret({.credential = name}); });
  }
  ASSERT_EQ(unsetenv("CREDENTIALS_DIRECTORY"), 0);
  EXPECT_THAT(Refusal([] { ReadSecret({.credential = "secret"}); }), HasSubstr("LoadCredential=secret:FILE"));
}

TEST_F(AuthTest, ASecretHasOneSource) {
  EXPECT_EQ(ReadSecret({.text = "s3cret"}), "s3cret");
  EXPECT_THAT(Refusal([] { ReadSecret({}); }), HasSubstr("no file"));
  EXPECT_THAT(Refusal([] { ReadSecret({.environment = "A", .text = "s3cret"}); }), HasSubstr("more than one"));
  for (const SecretSource& source : {SecretSource{.text = "s3cret"}, SecretSource{.file = "/x"}, SecretSource{}}) {
    EXPECT_THAT(source.Describe(), Not(HasSubstr("s3cret")));
  }
}

TEST_F(AuthTest, RenewsWhenTheFileChanged) {
  const auto file = Secret("one");
  const auto bearer = BearerAuthentication({.file = file});
  const auto basic = BasicAuthentication("u", {.file = file});
  EXPECT_FALSE(Renews(bearer));
  Secret("two");
  EXPECT_THAT(Lines(bearer), ElementsAre("Authorization: Bearer one"));
  EXPECT_TRUE(Renews(bearer));
  EXPECT_TRUE(Renews(basic));
  EXPECT_THAT(Lines(bearer), ElementsAre("Authorization: Bearer two"));
  EXPECT_THAT(Lines(basic), ElementsAre("Authorization: Basic dTp0d28="));
  EXPECT_FALSE(Renews(bearer));
}

TEST_F(AuthTest, KeepsTheOldSecretWhenTheFileIsGone) {
  const auto file = Secret("one");
  const auto bearer = BearerAuthentication({.file = file});
  std::filesystem::remove(file);
  EXPECT_FALSE(Renews(bearer));
  EXPECT_THAT(Lines(bearer), ElementsAre("Authorization: Bearer one"));
  EXPECT_THAT(Refusal([&] { BearerAuthentication({.file = file}); }), HasSubstr(file.string()));
}

}  // namespace
}  // namespace trolley
