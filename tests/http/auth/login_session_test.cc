#include <set>

#include "http/auth/auth_fixture.h"
#include "trolley/authenticator.h"

namespace trolley {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

// Sessions of a server: a cookie each.
class Sessions {
 public:
  std::string Begin() {
    const std::lock_guard lock(mutex_);
    ++begun_;
    return *valid_.insert(StrCat("SID=", begun_)).first;
  }
  void EndAll() {
    const std::lock_guard lock(mutex_);
    valid_.clear();
  }
  bool Has(const std::string& cookie) const {
    const std::lock_guard lock(mutex_);
    return valid_.count(cookie) > 0;
  }
  size_t begun() const {
    const std::lock_guard lock(mutex_);
    return begun_;
  }

 private:
  mutable std::mutex mutex_;
  std::set<std::string> valid_;
  size_t begun_ = 0;
};

constexpr char kJettyPage[] = "<html><head><title>Error 401</title></head><body><h2>HTTP ERROR 401</h2></body></html>";

// A Vitrea Connection: everything but /login wants a session.
class VitreaAuthTest : public LoginFixture {
 protected:
  VitreaAuthTest() {
    vitrea_.login_url = server_.Url("/login");
    vitrea_.user = "reader";
    vitrea_.password = Secret("password", "s3cret");
    server_.SetHandler([this](const ReceivedRequest& request, HttpReply& reply) {
      request.target == "/login" ? RespondToLogin(request, reply) : RespondToQuery(request, reply);
    });
  }
  void RespondToLogin(const ReceivedRequest& request, HttpReply& reply) {
    const bool right = request.Header("x-userid") == "reader" && request.Header("x-password") == "s3cret" &&
                       request.Header("x-realm") == "DefaultSystemRealm" && request.method == "POST";
    // A cookie of an ended session is refused, whatever comes with it.
    if (!right || !request.Header("cookie").empty()) {
      reply.Respond(401, "text/plain", "Login failed: bad username/password");
      return;
    }
    reply.Respond(200, "application/json", R"({"access_token": "ignored", "token_type": "Bearer"})",
                  {{"Set-Cookie", sessions_.Begin() + "; Path=/; HttpOnly"}});
  }
  void RespondToQuery(const ReceivedRequest& request, HttpReply& reply) {
    sessions_.Has(request.Header("cookie")) ? reply.Respond(200, "text/xml", "found")
                                            : reply.Respond(401, "text/html", kJettyPage);
  }
  void Use() { options_.auth = VitreaAuthentication(vitrea_, login_); }

  VitreaOptions vitrea_;
  LoginOptions login_ = Login();
  Sessions sessions_;
};

TEST_F(VitreaAuthTest, LogsInWhenRefused) {
  Use();
  EXPECT_EQ(Get("/studies").body, "found");
  EXPECT_EQ(Get("/studies").body, "found");
  EXPECT_THAT(server_.Targets(), ElementsAre("/studies", "/login", "/studies", "/studies"));
}

TEST_F(VitreaAuthTest, DoesNotLogInForARequestThatSaysSo) {
  Use();
  HttpRequest request;
  request.url = server_.Url("/system");
  request.renew_credentials = false;
  EXPECT_EQ(Client().Fetch(request, Patient()).head.status, 401);
  EXPECT_EQ(sessions_.begun(), 0u);
  EXPECT_EQ(Get("/studies").body, "found");
}

// The seed's issue 26: after the session had timed out, the login was refused because of the old cookie.
TEST_F(VitreaAuthTest, LogsInAgainWithoutTheOldCookie) {
  Use();
  EXPECT_EQ(Get("/studies").body, "found");
  sessions_.EndAll();
  Advance(3600);
  EXPECT_EQ(Get("/studies").body, "found");
  EXPECT_THAT(server_.Targets(), ElementsAre("/studies", "/login", "/studies", "/studies", "/login", "/studies"));
  EXPECT_EQ(server_.Requests()[4].Header("cookie"), "");
  EXPECT_EQ(server_.Requests()[5].Header("cookie"), "SID=2");
}

TEST_F(VitreaAuthTest, AWrongPasswordIsSaidAtOnce) {
  vitrea_.password = Secret("password", "wr0ng");
  Use();
  for (int i = 0; i < 3; ++i) {
    const Error error = GetError("/studies");
    EXPECT_EQ(error.code(), ErrorCode::kAccessDenied);
    EXPECT_STREQ(error.what(),
                 StrCat("Cannot log in at ", vitrea_.login_url,
                        ": the server responded with 401; check the user and the password or token in the "
                        "configuration")
                     .c_str());
  }
  EXPECT_EQ(server_.CountRequests("/login"), 1u);
  Secret("password", "s3cret");  // corrected while it runs
  EXPECT_EQ(Get("/studies").body, "found");
}

TEST_F(VitreaAuthTest, ManyThreadsShareOneLogin) {
  Use();
  (void)Client();
  for (size_t logins = 1; logins <= 2; ++logins) {
    Together(8, [this] { EXPECT_EQ(Get("/studies").body, "found"); });
    EXPECT_EQ(sessions_.begun(), logins);
    sessions_.EndAll();
    Advance(60);
  }
}

TEST_F(VitreaAuthTest, ManyThreadsWithAWrongPasswordTryItOnce) {
  vitrea_.password = Secret("password", "wr0ng");
  Use();
  (void)Client();
  Together(8, [this] { EXPECT_EQ(GetError("/studies").code(), ErrorCode::kAccessDenied); });
  EXPECT_EQ(server_.CountRequests("/login"), 1u);
}

TEST_F(VitreaAuthTest, ASessionThatIsOfNoUseMakesNoLoginStorm) {
  server_.SetHandler([this](const ReceivedRequest& request, HttpReply& reply) {
    if (request.target == "/login") {
      RespondToLogin(request, reply);
    } else {
      reply.Respond(401, "text/html", kJettyPage);
    }
  });
  Use();
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(Get("/studies").head.status, 401);
  }
  EXPECT_EQ(sessions_.begun(), 1u);
}

TEST_F(VitreaAuthTest, SaysWhatIsWrongWithTheLogin) {
  struct Case {
    int status;
    HttpReply::Headers headers;
    ErrorCode code;
    std::string message;
  };
  const std::vector<Case> table = {
      {200, {}, ErrorCode::kProtocol, "without a session cookie; check login_url"},
      {200, {{"Set-Cookie", "SID=x; Max-Age=0"}}, ErrorCode::kProtocol, "without a session cookie"},
      {200, {{"Set-Cookie", "SID=x; Domain=elsewhere.example"}}, ErrorCode::kProtocol, "without a session cookie"},
      {404, {}, ErrorCode::kProtocol, "responded with 404"},
      {302, {{"Location", "/other"}}, ErrorCode::kProtocol, "responded with 302"},
      {403, {}, ErrorCode::kAccessDenied, "responded with 403"},
      {503, {}, ErrorCode::kUnavailable, "responded with 503"},
  };
  for (const Case& expected : table) {
    login_server_.SetHandler([&expected](const ReceivedRequest&, HttpReply& reply) {
      reply.Respond(expected.status, "text/plain", "s3cret is what you said", expected.headers);
    });
    vitrea_.login_url = login_server_.Url("/login");
    HttpOptions options;
    options.auth = VitreaAuthentication(vitrea_, login_);
    HttpClient client(options);
    const Error error = Caught([&] { client.Fetch({.url = server_.Url("/studies")}, Patient()); });
    EXPECT_EQ(error.code(), expected.code) << error.what();
    EXPECT_THAT(error.what(), AllOf(HasSubstr(expected.message), Not(HasSubstr("s3cret"))));
  }
}

TEST_F(VitreaAuthTest, RefusesNamesThatWouldBreakAHeader) {
  for (const std::string user : {"", "a\r\nX: b"}) {
    vitrea_.user = user;
    EXPECT_EQ(Caught([this] { VitreaAuthentication(vitrea_, login_); }).code(), ErrorCode::kInvalidArgument);
  }
}

// An IMPAX Data Center: a request without session gets the page that asks for a password, with 200.
class ImpaxAuthTest : public LoginFixture {
 protected:
  ImpaxAuthTest() {
    impax_.wado_url = server_.Url("/wado/");
    impax_.user = "r&d";
    impax_.password = Secret("password", "s3cret?&=");
    server_.SetHandler([this](const ReceivedRequest& request, HttpReply& reply) {
      if (request.target.starts_with("/wado/j_security_check")) {
        RespondToLogin(request, reply);
      } else if (request.target.find("requestType") != std::string::npos && sessions_.Has(request.Header("cookie"))) {
        reply.Respond(200, "application/dicom", "DICM");
      } else {
        reply.Respond(200, "text/html", "<form action=j_security_check>", {{"Set-Cookie", "SID=new; Path=/wado"}});
      }
    });
  }
  void RespondToLogin(const ReceivedRequest& request, HttpReply& reply) {
    const bool right = request.target == "/wado/j_security_check?j_username=r%26d&j_password=s3cret%3F%26%3D";
    if (!right || request.Header("cookie") != "SID=new") {
      reply.Respond(200, "text/html", "<html>Login Failed!</html>");
      return;
    }
    reply.Respond(403, "text/html", "Access to the requested resource has been denied",
                  {{"Set-Cookie", sessions_.Begin() + "; Path=/wado"}});
  }
  void Use() { options_.auth = ImpaxAuthentication(impax_, login_); }
  std::string Instance() { return Get("/wado?requestType=WADO").body; }

  ImpaxOptions impax_;
  LoginOptions login_ = Login();
  Sessions sessions_;
};

TEST_F(ImpaxAuthTest, LogsInBeforeTheFirstRequest) {
  Use();
  EXPECT_EQ(Instance(), "DICM");
  EXPECT_EQ(Instance(), "DICM");
  EXPECT_EQ(sessions_.begun(), 1u);
  EXPECT_EQ(server_.CountRequests(), 4u);
  EXPECT_EQ(server_.Targets().front(), "/wado");
}

TEST_F(ImpaxAuthTest, LogsInAgainWhenTheSessionHasEnded) {
  Use();
  EXPECT_EQ(Instance(), "DICM");
  sessions_.EndAll();
  Advance(3600);
  EXPECT_EQ(Instance(), "DICM");
  EXPECT_EQ(sessions_.begun(), 2u);
}

TEST_F(ImpaxAuthTest, LoginFailedIsAFailureDespiteIts200) {
  impax_.password = Secret("password", "wr0ng");
  Use();
  for (int i = 0; i < 3; ++i) {
    const Error error = GetError("/wado?requestType=WADO");
    EXPECT_EQ(error.code(), ErrorCode::kAccessDenied);
    EXPECT_STREQ(error.what(), StrCat("Cannot log in at ", server_.Url("/wado/j_security_check"),
                                      ": \"Login Failed!\"; check the user and the password in the configuration")
                                   .c_str());
  }
  EXPECT_EQ(server_.CountRequests("j_security_check"), 1u);
  EXPECT_EQ(server_.CountRequests("requestType"), 0u);
}

TEST_F(ImpaxAuthTest, ThePasswordInTheQueryStaysOutOfErrors) {
  Use();
  for (const int status : {200, 401, 404, 500, 0}) {
    server_.SetHandler([status](const ReceivedRequest& request, HttpReply& reply) {
      if (status == 0 && request.target.find("j_password") != std::string::npos) {
        reply.Cut();
        return;
      }
      reply.Respond(status == 0 ? 200 : status, "text/html", request.target);
    });
    EXPECT_THAT(GetError("/wado?requestType=WADO").what(), AllOf(HasSubstr("/wado"), Not(HasSubstr("s3cret"))));
    Advance(100);
  }
  EXPECT_THAT(Problems(), Not(HasSubstr("s3cret")));
}

TEST_F(ImpaxAuthTest, ManyThreadsShareOneLogin) {
  Use();
  (void)Client();
  Together(8, [this] { EXPECT_EQ(Instance(), "DICM"); });
  EXPECT_EQ(sessions_.begun(), 1u);
}

}  // namespace
}  // namespace trolley
