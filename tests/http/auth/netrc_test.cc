#include "http/auth/auth_fixture.h"
#include "trolley/authenticator.h"

namespace trolley {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr char kFile[] = R"(# logins
machine elsewhere.example login a password b
macdef init
machine 127.0.0.1 login macro password macro

machine 127.0.0.1
  login reader account x
  password "two \"words\""
machine 127.0.0.1 login second password second
)";
constexpr char kReader[] = "Basic cmVhZGVyOnR3byAid29yZHMi";

class NetrcTest : public LoginFixture {
 protected:
  void Use(std::string_view content) { options_.auth = NetrcAuthentication(Secret("netrc", content).file); }
  std::string Sent() {
    server_.SetHandler([](const ReceivedRequest&, HttpReply& reply) { reply.Respond(200, "", ""); });
    Get("/");
    return server_.Requests().back().Header("authorization");
  }
};

TEST_F(NetrcTest, FindsTheLoginOfTheHost) {
  Use(kFile);
  EXPECT_EQ(Sent(), kReader);
}

TEST_F(NetrcTest, TheDefaultIsForAllOthers) {
  Use("default login x password y machine elsewhere login a password b");
  EXPECT_EQ(Sent(), "Basic eDp5");
}

TEST_F(NetrcTest, AHostThatIsNotNamedGetsNone) {
  Use("machine elsewhere.example login a password b");
  EXPECT_EQ(Sent(), "");
  server_.SetHandler([](const ReceivedRequest&, HttpReply& reply) { reply.Respond(401, "", ""); });
  EXPECT_EQ(Get("/").head.status, 401);
  EXPECT_THAT(Problems(), HasSubstr("has no login for 127.0.0.1"));
}

TEST_F(NetrcTest, IsReadAnewWhenRefused) {
  Use("machine 127.0.0.1 login a password old");
  Secret("netrc", kFile);
  server_.SetHandler([](const ReceivedRequest& request, HttpReply& reply) {
    reply.Respond(request.Header("authorization") == kReader ? 200 : 401, "", "");
  });
  EXPECT_EQ(Get("/").head.status, 200);
  EXPECT_EQ(server_.CountRequests(), 2u);
}

TEST_F(NetrcTest, ComesFromTheEnvironmentOrTheHome) {
  const auto file = Secret(".netrc", kFile).file;
  ASSERT_EQ(setenv("HOME", directory_.path().c_str(), 1), 0);
  ASSERT_EQ(unsetenv("NETRC"), 0);
  options_.auth = NetrcAuthentication("");
  EXPECT_EQ(Sent(), kReader);
  ASSERT_EQ(setenv("NETRC", (directory_ / "missing").c_str(), 1), 0);
  EXPECT_THAT(Caught([] { NetrcAuthentication(""); }).what(), HasSubstr("missing"));
  ASSERT_EQ(unsetenv("NETRC"), 0);
}

TEST_F(NetrcTest, WarnsWhenEverybodyCanReadIt) {
  const auto file = Secret("netrc", "machine a login b password s3cret").file;
  ASSERT_EQ(chmod(file.c_str(), 0644), 0);
  NetrcAuthentication(file);
  EXPECT_THAT(Problems(), HasSubstr("netrc file " + file.string() + " can be read by everybody"));
  EXPECT_THAT(Problems(), Not(HasSubstr("s3cret")));
}

TEST_F(NetrcTest, SurvivesAnyContent) {
  for (const std::string content : {"", "machine", "machine 127.0.0.1 login", "password x", "\"", "\"\\", "macdef x",
                                    "#", "machine 127.0.0.1 password only"}) {
    Use(content);
    EXPECT_EQ(Sent(), "") << content;
  }
}

class CustomHeadersTest : public LoginFixture {};

TEST_F(CustomHeadersTest, GoWithEveryRequestAndWithOtherCredentials) {
  options_.auth = BearerAuthentication({.text = "t0ken"});
  options_.headers = {{.name = "X-Site", .value = "north wing"}, {.name = "X-Api-Key", .secret = Secret("key", "old")}};
  server_.SetHandler([](const ReceivedRequest& request, HttpReply& reply) {
    const bool right = request.Header("x-api-key") == "new" && request.Header("authorization") == "Bearer t0ken";
    reply.Respond(right ? 200 : 401, "", "");
  });
  EXPECT_EQ(Get("/").head.status, 401);
  EXPECT_EQ(server_.CountRequests(), 1u);
  Secret("key", "new");
  EXPECT_EQ(Get("/").head.status, 200);
  EXPECT_EQ(server_.Requests().back().Header("x-site"), "north wing");
}

TEST_F(CustomHeadersTest, RefusesWhatIsNoHeader) {
  const std::vector<std::pair<std::string, std::string>> table = {{"", "x"},
                                                                  {"A B", "x"},
                                                                  {"A:", "x"},
                                                                  {"X", "a\r\nb"},
                                                                  {"X", ""},
                                                                  {"Host", "x"},
                                                                  {"content-LENGTH", "1"},
                                                                  {"Transfer-Encoding", "chunked"},
                                                                  {"Accept", "x"},
                                                                  {"Connection", "close"}};
  for (const auto& [name, value] : table) {
    options_.headers = {{.name = name, .value = value}};
    EXPECT_EQ(Caught([this] { HttpClient client(options_); }).code(), ErrorCode::kInvalidArgument) << name;
  }
}

// Every kind of credentials stays with its archive, whatever the archive says.
class StaysAtHomeTest : public LoginFixture {
 protected:
  StaysAtHomeTest() {
    options_.home = {server_.Url("/dicom-web")};
    options_.headers = {{.name = "X-Api-Key", .value = "s3cret"}};
    login_server_.SetHandler([](const ReceivedRequest& request, HttpReply& reply) {
      request.target == "/token" ? reply.Respond(200, "", R"({"access_token": "s3cret-token"})")
                                 : reply.Respond(403, "", "", {{"Set-Cookie", "SID=s3cret; Domain=127.0.0.1"}});
    });
    server_.SetHandler([this](const ReceivedRequest& request, HttpReply& reply) {
      if (request.target == "/login") {
        reply.Respond(200, "", "", {{"Set-Cookie", "SID=s3cret"}});
      } else if (request.Header("authorization").empty() && request.Header("cookie").empty()) {
        reply.Respond(401, "", "", {{"WWW-Authenticate", R"(Digest realm="r", nonce="s3cret")"}});
      } else {
        reply.Respond(302, "", "", {{"Location", other_.Url("/there")}});
      }
    });
    other_.SetHandler([](const ReceivedRequest&, HttpReply& reply) {
      reply.Respond(401, "", "who?", {{"WWW-Authenticate", R"(Digest realm="r", nonce="n", Basic realm="r")"}});
    });
  }
  std::vector<std::shared_ptr<Authenticator>> AllKinds() {
    const SecretSource secret = Secret("secret", "s3cret");
    const std::string netrc = StrCat("machine 127.0.0.1 login x password s3cret");
    std::vector<std::shared_ptr<Authenticator>> kinds;
    kinds.push_back(BasicAuthentication("x", secret));
    kinds.push_back(BearerAuthentication(secret));
    kinds.push_back(DigestAuthentication("x", secret));
    kinds.push_back(NetrcAuthentication(Secret("netrc", netrc).file));
    kinds.push_back(OAuth2Authentication(
        {.token_url = login_server_.Url("/token"), .client_id = "x", .client_secret = secret}, Login()));
    kinds.push_back(
        VitreaAuthentication({.login_url = server_.Url("/login"), .user = "x", .password = secret}, Login()));
    kinds.push_back(
        ImpaxAuthentication({.wado_url = login_server_.Url("/wado"), .user = "x", .password = secret}, Login()));
    return kinds;
  }

  FakeHttpServer other_;
};

TEST_F(StaysAtHomeTest, WhenRedirectedAndWhenAskedForAnotherHostsUrl) {
  for (const auto& kind : AllKinds()) {
    options_.auth = kind;
    HttpClient client(options_);
    const size_t before = other_.CountRequests();
    const size_t at_login = login_server_.CountRequests();
    EXPECT_EQ(client.Fetch({.url = server_.Url("/dicom-web/studies")}, Patient()).head.status, 401);
    EXPECT_EQ(other_.CountRequests(), before + 1);
    const auto last = server_.Requests().back();
    EXPECT_EQ(last.Header("x-api-key"), "s3cret");
    EXPECT_NE(last.Header("authorization") + last.Header("cookie"), "");
    // A BulkDataURI
    client.Fetch({.url = other_.Url("/bulk"), .headers = {"Authorization: Basic s3cret", "Cookie: s3cret"}}, Patient());
    EXPECT_EQ(other_.CountRequests(), before + 2);
    EXPECT_LE(login_server_.CountRequests(), at_login + 2);
  }
  for (const std::string part : {"s3cret", "authorization", "cookie", "x-api-key"}) {
    EXPECT_THAT(Everything(other_), Not(HasSubstr(part)));
  }
  EXPECT_THAT(Everything(login_server_), Not(HasSubstr("x-api-key")));
}

TEST_F(StaysAtHomeTest, SeveralOriginsCanBeHome) {
  options_.home = {server_.Url(), other_.Url("/wado")};
  options_.auth = BearerAuthentication({.text = "t0ken"});
  Get("/dicom-web/studies");
  EXPECT_EQ(other_.Requests()[0].Header("authorization"), "Bearer t0ken");
}

TEST_F(StaysAtHomeTest, RefusesAHomeThatIsNoUrl) {
  options_.home = {"pacs.example"};
  EXPECT_EQ(Caught([this] { HttpClient client(options_); }).code(), ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace trolley
