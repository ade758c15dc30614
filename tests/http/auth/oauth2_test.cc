#include <condition_variable>
#include <mutex>

#include "http/auth/auth_fixture.h"
#include "trolley/authenticator.h"

namespace trolley {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

// The token server gives "token1", "token2", ... for an hour each; the archive takes the last one.
class OAuth2Test : public LoginFixture {
 protected:
  OAuth2Test() {
    oauth2_.token_url = login_server_.Url("/token");
    oauth2_.client_id = "reader";
    oauth2_.client_secret = Secret("client-secret", "s3cret\n");
    login_server_.SetHandler([this](const ReceivedRequest&, HttpReply& reply) { GiveToken(reply); });
    server_.SetHandler([this](const ReceivedRequest& request, HttpReply& reply) {
      const bool accepted = request.Header("authorization") == StrCat("Bearer token", accepted_.load());
      accepted ? reply.Respond(200, "", "ok") : reply.Respond(401, "", "no");
    });
  }
  void GiveToken(HttpReply& reply, const std::string& more = "") {
    const int number = ++given_;
    accepted_ = number;
    reply.Respond(
        200, "application/json",
        StrCat(R"({"access_token": "token)", number, R"(", "token_type": "Bearer", "expires_in": 3600)", more, "}"));
  }
  void RespondWithToken(int status, const std::string& body) {
    login_server_.SetHandler([status, body](const ReceivedRequest&, HttpReply& reply) {
      reply.Respond(status, "application/json;charset=UTF-8", body);
    });
  }
  void Use() { options_.auth = OAuth2Authentication(oauth2_, login_); }
  int Status() { return Get("/studies").head.status; }
  std::vector<std::string> Bodies() const {
    std::vector<std::string> bodies;
    for (const ReceivedRequest& request : login_server_.Requests()) {
      bodies.push_back(request.body);
    }
    return bodies;
  }
  std::string Refusal() {
    return Caught([this] { OAuth2Authentication(oauth2_, login_); }).what();
  }

  OAuth2Options oauth2_;
  LoginOptions login_ = Login();
  std::atomic<int> given_ = 0;
  std::atomic<int> accepted_ = 0;
};

TEST_F(OAuth2Test, ClientCredentialsGiveAToken) {
  oauth2_.client_id = "a reader:1";
  oauth2_.scope = "dicom.read dicom.find";
  oauth2_.parameters = {{"audience", "https://pacs.example/"}};
  Use();
  EXPECT_EQ(login_server_.CountRequests(), 0u);
  EXPECT_EQ(Status(), 200);
  EXPECT_EQ(Status(), 200);
  ASSERT_EQ(login_server_.CountRequests(), 1u);
  const ReceivedRequest request = login_server_.Requests()[0];
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.Header("content-type"), "application/x-www-form-urlencoded");
  EXPECT_EQ(request.Header("authorization"), "Basic YSUyMHJlYWRlciUzQTE6czNjcmV0");  // a%20reader%3A1:s3cret
  EXPECT_EQ(request.body,
            "grant_type=client_credentials&scope=dicom.read%20dicom.find&audience=https%3A%2F%2Fpacs.example%2F");
}

TEST_F(OAuth2Test, TheClientsSecretMayGoInTheBody) {
  oauth2_.client_authentication = OAuth2Options::ClientAuthentication::kBody;
  oauth2_.client_secret = Secret("client-secret", "s3&cret");
  Use();
  EXPECT_EQ(Status(), 200);
  EXPECT_THAT(Bodies(), ElementsAre("grant_type=client_credentials&client_id=reader&client_secret=s3%26cret"));
  EXPECT_EQ(login_server_.Requests()[0].Header("authorization"), "");
}

TEST_F(OAuth2Test, RenewsBeforeTheEnd) {
  Use();
  EXPECT_EQ(Status(), 200);
  Advance(3600 - 61);
  EXPECT_EQ(Status(), 200);
  EXPECT_EQ(given_, 1);
  Advance(2);
  EXPECT_EQ(Status(), 200);
  EXPECT_EQ(given_, 2);
  EXPECT_EQ(server_.CountRequests(), 3u);  // none was refused
}

TEST_F(OAuth2Test, WhatIsStillGoodIsUsedWhenItCannotBeRenewed) {
  Use();
  EXPECT_EQ(Status(), 200);
  RespondWithToken(503, "");
  Advance(3550);
  EXPECT_EQ(Status(), 200);
  EXPECT_EQ(Status(), 200);
  EXPECT_EQ(login_server_.CountRequests(), 2u);  // the next try is later
  Advance(60);
  EXPECT_EQ(GetError("/studies").code(), ErrorCode::kUnavailable);
}

TEST_F(OAuth2Test, RenewsOnceAfter401) {
  Use();
  EXPECT_EQ(Status(), 200);
  Advance(60);
  accepted_ = 99;  // revoked
  EXPECT_EQ(Status(), 200);
  EXPECT_EQ(given_, 2);
  server_.SetHandler([](const ReceivedRequest&, HttpReply& reply) { reply.Respond(401, "", "never"); });
  EXPECT_EQ(Status(), 401);  // fresh as it is, another one would be no better
  EXPECT_EQ(given_, 2);
}

TEST_F(OAuth2Test, ManyThreadsShareOneToken) {
  Use();
  (void)Client();
  login_server_.SetHandler([this](const ReceivedRequest&, HttpReply& reply) {
    reply.Wait(std::chrono::milliseconds(50));
    GiveToken(reply);
  });
  Together(8, [this] { EXPECT_EQ(Status(), 200); });
  EXPECT_EQ(given_, 1);
  Advance(60);
  accepted_ = 99;
  Together(8, [this] { EXPECT_EQ(Status(), 200); });
  EXPECT_EQ(given_, 2);
}

TEST_F(OAuth2Test, ManyThreadsShareOneRefusal) {
  RespondWithToken(401, R"({"error": "invalid_client"})");
  Use();
  (void)Client();
  Together(8, [this] { EXPECT_EQ(GetError("/studies").code(), ErrorCode::kAccessDenied); });
  EXPECT_EQ(login_server_.CountRequests(), 1u);
  EXPECT_EQ(server_.CountRequests(), 0u);
}

TEST_F(OAuth2Test, ARefusedSecretIsNotTriedAgainForAWhile) {
  RespondWithToken(400, R"({"error": "invalid_client", "error_description": "no such client"})");
  Use();
  for (int i = 0; i < 3; ++i) {
    EXPECT_STREQ(GetError("/studies").what(),
                 StrCat("Cannot get a token from ", oauth2_.token_url,
                        ": the server says invalid_client (no such client); check the client id, its secret in the "
                        "configuration")
                     .c_str());
  }
  EXPECT_EQ(login_server_.CountRequests(), 1u);
  Secret("client-secret", "another");
  GetError("/studies");
  EXPECT_EQ(login_server_.CountRequests(), 2u);
  Advance(61);
  GetError("/studies");
  EXPECT_EQ(login_server_.CountRequests(), 3u);
}

TEST_F(OAuth2Test, RefreshTokensAreRotatedInMemory) {
  oauth2_.client_secret = {};
  oauth2_.refresh_token = Secret("refresh", "first");
  login_server_.SetHandler([this](const ReceivedRequest&, HttpReply& reply) {
    GiveToken(reply, StrCat(R"(, "refresh_token": "rotated)", given_ + 1, "\""));
  });
  Use();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(Status(), 200);
    Advance(3600);
  }
  EXPECT_THAT(Problems(), AllOf(HasSubstr("new refresh token"), HasSubstr("refresh"), Not(HasSubstr("rotated1"))));
  Secret("refresh", "renewed");  // by hand: it counts from now on
  EXPECT_EQ(Status(), 200);
  EXPECT_THAT(Bodies(), ElementsAre("grant_type=refresh_token&refresh_token=first&client_id=reader",
                                    "grant_type=refresh_token&refresh_token=rotated1&client_id=reader",
                                    "grant_type=refresh_token&refresh_token=rotated2&client_id=reader",
                                    "grant_type=refresh_token&refresh_token=renewed&client_id=reader"));
}

TEST_F(OAuth2Test, TellsFailuresApart) {
  struct Case {
    int status;
    std::string body;
    ErrorCode code;
    std::string message;
  };
  const std::vector<Case> table = {
      {400, R"({"error": "invalid_grant"})", ErrorCode::kAccessDenied, "invalid_grant"},
      {401, R"({"error": "x\ny", "error_description": "two\nlines"})", ErrorCode::kAccessDenied, "x?y (two?lines)"},
      {400, R"({"error": "invalid_client", "error_description": "got s3cret"})", ErrorCode::kAccessDenied, "(...)"},
      {400, "<html>s3cret</html>", ErrorCode::kProtocol, "responded with 400"},
      {401, "[]", ErrorCode::kAccessDenied, "responded with 401"},
      {404, "", ErrorCode::kProtocol, "check the token URL"},
      {302, "", ErrorCode::kProtocol, "responded with 302"},
      {429, R"({"error": "slow_down"})", ErrorCode::kUnavailable, "receives too many requests"},
      {503, "", ErrorCode::kUnavailable, "responded with 503"},
      {200, "<html>", ErrorCode::kProtocol, "no access token"},
      {200, R"({"access_token": 5})", ErrorCode::kProtocol, "no access token"},
      {200, R"({"access_token": "a\r\nX: b"})", ErrorCode::kProtocol, "malformed"},
      {200, R"({"access_token": "a", "token_type": "mac"})", ErrorCode::kUnsupported, "Bearer"},
      {200, std::string(300'000, ' '), ErrorCode::kTooMany, "longer"},
  };
  for (const Case& expected : table) {
    RespondWithToken(expected.status, expected.body);
    HttpOptions options;
    options.auth = OAuth2Authentication(oauth2_, login_);
    HttpClient client(options);
    const Error error = Caught([&] { client.Fetch({.url = server_.Url("/")}, Patient()); });
    EXPECT_EQ(error.code(), expected.code) << expected.body;
    EXPECT_THAT(error.what(), AllOf(HasSubstr(expected.message), HasSubstr("/token"), Not(HasSubstr("s3cret"))));
  }
  EXPECT_EQ(server_.CountRequests(), 0u);
}

TEST_F(OAuth2Test, TakesOddLifetimes) {
  for (const std::string more : {"", R"(, "expires_in": "3600")", R"(, "expires_in": 0)", R"(, "expires_in": -1)",
                                 R"(, "expires_in": 1e300)", R"(, "expires_in": null)"}) {
    RespondWithToken(200, StrCat(R"({"access_token": "token0")", more, "}"));
    HttpOptions options;
    options.auth = OAuth2Authentication(oauth2_, login_);
    HttpClient client(options);
    EXPECT_EQ(client.Fetch({.url = server_.Url("/")}, Patient()).head.status, 200) << more;
  }
}

TEST_F(OAuth2Test, ATokenServerThatHangsIsLeftAlone) {
  login_server_.SetHandler([](const ReceivedRequest&, HttpReply& reply) { reply.Hang(); });
  login_.timeout = std::chrono::milliseconds(100);
  Use();
  EXPECT_EQ(GetError("/studies").code(), ErrorCode::kTimedOut);
}

TEST_F(OAuth2Test, WhoeverWaitsCanGiveUp) {
  login_server_.SetHandler([](const ReceivedRequest&, HttpReply& reply) { reply.Hang(); });
  Use();
  (void)Client();
  std::stop_source first;
  std::thread leader([&] {
    EXPECT_EQ(GetError("/studies", Context::WithTimeout(std::chrono::minutes(1), first.get_token())).code(),
              ErrorCode::kCancelled);
  });
  ASSERT_TRUE(login_server_.WaitForRequests(1));
  EXPECT_EQ(GetError("/studies", Context::WithTimeout(std::chrono::milliseconds(20))).code(), ErrorCode::kTimedOut);
  // Another one that waits takes over when the first goes.
  std::thread second([&] { EXPECT_EQ(Status(), 200); });
  login_server_.SetHandler([this](const ReceivedRequest&, HttpReply& reply) { GiveToken(reply); });
  first.request_stop();
  leader.join();
  second.join();
}

TEST_F(OAuth2Test, TheTokenServerSeesNothingOfTheArchives) {
  login_.http.home = {server_.Url("/dicom-web")};
  login_.http.headers = {{"X-Api-Key", "for the archive"}};
  login_.http.auth = BasicAuthentication("archive-user", {.text = "archive-password"});
  Use();
  EXPECT_EQ(Status(), 200);
  EXPECT_THAT(Everything(login_server_), Not(HasSubstr("x-api-key")));
  EXPECT_EQ(login_server_.Requests()[0].Header("authorization"), "Basic cmVhZGVyOnMzY3JldA==");  // reader:s3cret
}

TEST_F(OAuth2Test, RefusesOptionsThatMakeNoSense) {
  oauth2_.token_url = "http://login.example/token";
  EXPECT_THAT(Refusal(), HasSubstr("unencrypted"));
  oauth2_.token_url = "ftp://login.example/token";
  EXPECT_THAT(Refusal(), HasSubstr("https"));
  oauth2_.token_url = "https://login.example/token";
  oauth2_.parameters = {{"client_secret", "x"}};
  EXPECT_THAT(Refusal(), HasSubstr("client_secret"));
  oauth2_.parameters = {};
  oauth2_.client_id = "";
  EXPECT_THAT(Refusal(), HasSubstr("client id"));
  oauth2_.client_id = "x";
  oauth2_.client_secret = {};
  EXPECT_THAT(Refusal(), HasSubstr("refresh token"));
  oauth2_.client_secret = {.file = directory_ / "missing"};
  EXPECT_THAT(Refusal(), HasSubstr("missing"));
}

}  // namespace
}  // namespace trolley
