#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "http/http_fixture.h"
#include "trolley/authenticator.h"
#include "trolley/http_client.h"

namespace trolley {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

// Gives tokens "1", "2", ... up to the last one.
class CountingAuthenticator : public Authenticator {
 public:
  explicit CountingAuthenticator(int last) : last_(last) {}
  std::vector<std::string> Headers(const AuthRequest&) override {
    return {StrCat("Authorization: Bearer ", token_.load())};
  }
  bool Renew(const AuthRequest& request, const HttpHead& refusal, const std::vector<std::string>& sent) override {
    EXPECT_EQ(refusal.status, 401);
    const std::lock_guard lock(mutex_);
    if (sent != Headers(request)) {
      return true;
    }
    ++renewals;
    if (token_ >= last_) {
      return false;
    }
    ++token_;
    return true;
  }
  std::atomic<int> renewals = 0;

 private:
  const int last_;
  std::mutex mutex_;
  std::atomic<int> token_ = 1;
};

// Redirects, 401 and who gets to see the credentials.
class HttpCredentialsTest : public HttpFixture {
 protected:
  std::vector<std::string> Authorizations() const {
    std::vector<std::string> values;
    for (const ReceivedRequest& request : server_.Requests()) {
      values.push_back(request.Header("authorization"));
    }
    return values;
  }
  std::shared_ptr<CountingAuthenticator> UseAuthenticator(int last) {
    auto authenticator = std::make_shared<CountingAuthenticator>(last);
    options_.auth = authenticator;
    return authenticator;
  }
  void AcceptToken(int token) {
    server_.SetHandler([token](const ReceivedRequest& request, HttpReply& reply) {
      const bool accepted = request.Header("authorization") == StrCat("Bearer ", token);
      accepted ? reply.Respond(200, "", "ok") : reply.Respond(401, "text/html", "who are you?");
    });
  }
  void RedirectTo(const std::string& location, int status = 302) {
    server_.SetHandler([location, status](const ReceivedRequest& request, HttpReply& reply) {
      if (request.target.starts_with("/there")) {
        reply.Respond(200, "", "there");
      } else {
        reply.Respond(status, "text/html", "elsewhere", {{"Location", location}});
      }
    });
  }
  HttpResponse GetWithSecrets(const std::string& url) {
    return Client().Fetch({.url = url, .headers = {"Authorization: Basic c2VjcmV0", "Cookie: secret", "X-Kept: 1"}},
                          Patient());
  }

  FakeHttpServer other_;
};

TEST_F(HttpCredentialsTest, SendsTheAuthenticatorsHeaders) {
  UseAuthenticator(1);
  AcceptToken(1);
  EXPECT_EQ(Get("/").body, "ok");
}

TEST_F(HttpCredentialsTest, RenewsOnceAfter401) {
  const auto authenticator = UseAuthenticator(9);
  AcceptToken(2);
  RecordingSink sink;
  Client().Stream({.url = server_.Url("/")}, sink, Patient());
  EXPECT_EQ(sink.heads.size(), 1u);
  EXPECT_EQ(sink.body, "ok");
  EXPECT_THAT(Authorizations(), ElementsAre("Bearer 1", "Bearer 2"));
  EXPECT_EQ(server_.CountConnections(), 1u);
}

TEST_F(HttpCredentialsTest, ASecond401IsTheResponse) {
  const auto authenticator = UseAuthenticator(9);
  AcceptToken(5);
  const HttpResponse response = Get("/");
  EXPECT_EQ(response.head.status, 401);
  EXPECT_EQ(response.body, "who are you?");
  EXPECT_EQ(authenticator->renewals, 1);
  EXPECT_EQ(server_.CountRequests(), 2u);
}

TEST_F(HttpCredentialsTest, DoesNotRepeatWhatCannotBeRenewed) {
  const auto authenticator = UseAuthenticator(1);
  AcceptToken(5);
  EXPECT_EQ(Get("/").head.status, 401);
  EXPECT_EQ(authenticator->renewals, 1);
  EXPECT_EQ(server_.CountRequests(), 1u);
}

TEST_F(HttpCredentialsTest, A401WithoutAuthenticatorIsTheResponse) {
  AcceptToken(1);
  EXPECT_EQ(Get("/").head.status, 401);
  EXPECT_EQ(server_.CountRequests(), 1u);
}

TEST_F(HttpCredentialsTest, A401WithALongBodyIsNotReadToItsEnd) {
  UseAuthenticator(2);
  server_.SetHandler([](const ReceivedRequest& request, HttpReply& reply) {
    if (request.Header("authorization") == "Bearer 2") {
      reply.Respond(200, "", "ok");
      return;
    }
    reply.Send("HTTP/1.1 401 No\r\n\r\n");
    while (reply.Send("no no no no no no no no no no no no no no no no no no no no no no no no no no\n")) {
    }
  });
  EXPECT_EQ(Get("/").body, "ok");
}

TEST_F(HttpCredentialsTest, CallsRefusedTogetherShareOneRenewal) {
  constexpr size_t kThreads = 8;
  const auto authenticator = UseAuthenticator(2);
  std::mutex mutex;
  std::condition_variable all_here;
  size_t here = 0;
  server_.SetHandler([&](const ReceivedRequest& request, HttpReply& reply) {
    if (request.Header("authorization") == "Bearer 2") {
      reply.Respond(200, "", "ok");
      return;
    }
    std::unique_lock lock(mutex);
    ++here;
    all_here.notify_all();
    all_here.wait_for(lock, std::chrono::seconds(60), [&] { return here >= kThreads; });
    lock.unlock();
    reply.Respond(401, "", "no");
  });
  HttpClient& client = Client();
  std::vector<std::thread> threads;
  for (size_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] { EXPECT_EQ(client.Fetch({.url = server_.Url("/")}, Patient()).body, "ok"); });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(authenticator->renewals, 1);
}

TEST_F(HttpCredentialsTest, FollowsRedirects) {
  for (const int status : {301, 302, 303, 307, 308}) {
    for (const std::string& location : {std::string("/there?x=1"), std::string("there"), server_.Url("/there")}) {
      RedirectTo(location, status);
      RecordingSink sink;
      Client().Stream({.url = server_.Url("/here")}, sink, Patient());
      EXPECT_EQ(sink.heads.size(), 1u);
      EXPECT_EQ(sink.body, "there") << status << location;
    }
  }
}

TEST_F(HttpCredentialsTest, KeepsCredentialsWithinTheOrigin) {
  UseAuthenticator(1);
  RedirectTo("/there");
  Get("/here");
  EXPECT_THAT(Authorizations(), ElementsAre("Bearer 1", "Bearer 1"));
}

TEST_F(HttpCredentialsTest, NeverSendsCredentialsToAnotherOrigin) {
  UseAuthenticator(1);
  for (const std::string user : {"", "evil:pw@"}) {
    RedirectTo(StrCat("http://", user, "127.0.0.1:", other_.port(), "/there"));
    EXPECT_EQ(GetWithSecrets(server_.Url("/here")).head.status, 404);
  }
  GetWithSecrets(StrCat("http://user:password@127.0.0.1:", server_.port(), "/here"));
  ASSERT_EQ(other_.CountRequests(), 3u);
  for (const ReceivedRequest& request : other_.Requests()) {
    EXPECT_EQ(request.Header("authorization"), "");
    EXPECT_EQ(request.Header("cookie"), "");
    EXPECT_EQ(request.Header("x-kept"), "1");
    EXPECT_THAT(request.raw, Not(HasSubstr("ecret")));
  }
}

TEST_F(HttpCredentialsTest, A401OfAnotherOriginRenewsNothing) {
  const auto authenticator = UseAuthenticator(9);
  RedirectTo(other_.Url("/there"));
  other_.SetHandler([](const ReceivedRequest&, HttpReply& reply) { reply.Respond(401, "", "no"); });
  EXPECT_EQ(Get("/here").head.status, 401);
  EXPECT_EQ(authenticator->renewals, 0);
}

TEST_F(HttpCredentialsTest, UserInfoOfTheUrlStaysWithItsOrigin) {
  RedirectTo("/there");
  Client().Fetch({.url = StrCat("http://user:password@127.0.0.1:", server_.port(), "/here")}, Patient());
  EXPECT_THAT(Authorizations(), ElementsAre("Basic dXNlcjpwYXNzd29yZA==", "Basic dXNlcjpwYXNzd29yZA=="));
}

TEST_F(HttpCredentialsTest, GivesUpAfterFiveRedirects) {
  RedirectTo("/again");
  const Error error = GetError("/here");
  EXPECT_EQ(error.code(), ErrorCode::kProtocol);
  EXPECT_THAT(error.what(), HasSubstr("redirects"));
  EXPECT_EQ(server_.CountRequests(), 6u);
}

TEST_F(HttpCredentialsTest, RefusesRedirectsToOtherSchemes) {
  for (const std::string location : {"file:///etc/passwd", "ftp://127.0.0.1/", "javascript:1", "http://"}) {
    RedirectTo(location);
    EXPECT_EQ(GetError("/here").code(), ErrorCode::kProtocol) << location;
  }
}

TEST_F(HttpCredentialsTest, OnlyGetIsRedirected) {
  RedirectTo("/there", 307);
  EXPECT_EQ(Client().Fetch({.method = "POST", .url = server_.Url("/here"), .body = "x"}, Patient()).head.status, 307);
  EXPECT_EQ(server_.CountRequests(), 1u);
}

TEST_F(HttpCredentialsTest, ARedirectToNowhereIsTheResponse) {
  server_.SetHandler([](const ReceivedRequest&, HttpReply& reply) { reply.Respond(302, "", "where?"); });
  EXPECT_EQ(Get("/").body, "where?");
}

}  // namespace
}  // namespace trolley
