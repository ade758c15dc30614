#include "base/message_digest.h"
#include "http/auth/auth_fixture.h"
#include "http/auth/challenge.h"
#include "trolley/authenticator.h"

namespace trolley {
namespace {

using internal::ParseChallenges;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

std::string Md5(const std::string& text) {
  return HexDigest(DigestAlgorithm::kMd5, text);
}
std::string Sha256(const std::string& text) {
  return HexDigest(DigestAlgorithm::kSha256, text);
}

// What a server computes; checked against the example of RFC 7616, section 3.9.1, below.
std::string Response(std::string (*hash)(const std::string&), const std::string& password, const std::string& method,
                     const internal::AuthChallenge& sent) {
  const std::string secret = hash(StrCat(sent.Parameter("username"), ":", sent.Parameter("realm"), ":", password));
  return hash(StrCat(secret, ":", sent.Parameter("nonce"), ":", sent.Parameter("nc"), ":", sent.Parameter("cnonce"),
                     ":", sent.Parameter("qop"), ":", hash(StrCat(method, ":", sent.Parameter("uri")))));
}

class DigestTest : public LoginFixture {
 protected:
  DigestTest() {
    password_ = Secret("password", "Circle of Life");
    options_.auth = DigestAuthentication("Mufasa", password_);
  }
  // A server with these challenges; "NONCE" is its current nonce.
  void Challenge(std::vector<std::string> challenges, std::string (*hash)(const std::string&)) {
    server_.SetHandler([this, challenges, hash](const ReceivedRequest& request, HttpReply& reply) {
      const auto sent = ParseChallenges(request.Header("authorization"));
      const std::string nonce = StrCat("n\"onc\\e", nonce_.load());
      bool stale = false;
      if (!sent.empty() && sent[0].Parameter("uri") == request.target &&
          sent[0].Parameter("response") == Response(hash, "Circle of Life", request.method, sent[0])) {
        if (sent[0].Parameter("nonce") == nonce) {
          nonce_ += one_time_nonces_ ? 1 : 0;
          reply.Respond(200, "", "ok");
          return;
        }
        stale = true;
      }
      HttpReply::Headers headers;
      for (std::string challenge : challenges) {
        challenge.replace(challenge.find("NONCE"), 5, StrCat("n\\\"onc\\\\e", nonce_.load()));
        headers.emplace_back("WWW-Authenticate", challenge + (stale ? ", stale=TRUE" : ""));
      }
      reply.Respond(401, "text/html", "no", headers);
    });
  }
  std::vector<std::string> Sent(const std::string& parameter) const {
    std::vector<std::string> values;
    for (const ReceivedRequest& request : server_.Requests()) {
      const auto sent = ParseChallenges(request.Header("authorization"));
      values.push_back(sent.empty() ? "" : sent[0].Parameter(parameter));
    }
    return values;
  }
  int Status(const std::string& path = "/studies?PatientName=A%20B&x=1") { return Get(path).head.status; }

  SecretSource password_;
  std::atomic<int> nonce_ = 1;
  std::atomic<bool> one_time_nonces_ = false;
};

TEST(DigestExampleTest, TheServersSideAgreesWithTheRfc) {
  const auto sent = ParseChallenges(
      R"(Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", algorithm=MD5, )"
      R"(nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001, )"
      R"(cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth)");
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(Response(Md5, "Circle of Life", "GET", sent[0]), "8ca523f5e9506fed4657c9700eebdbec");
  EXPECT_EQ(Response(Sha256, "Circle of Life", "GET", sent[0]),
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1");
}

TEST_F(DigestTest, RespondsToAChallengeAndKeepsItsNonce) {
  Challenge({R"(Digest realm="pacs, \"A\"", qop="auth-int, auth", nonce="NONCE", opaque="op")"}, Md5);
  EXPECT_EQ(Status(), 200);
  EXPECT_EQ(Status(), 200);
  EXPECT_THAT(Sent("nc"), ElementsAre("", "00000001", "00000002"));
  EXPECT_THAT(Sent("opaque"), ElementsAre("", "op", "op"));
  EXPECT_THAT(Everything(server_), Not(HasSubstr("circle")));
}

TEST_F(DigestTest, TakesTheStrongestOfSeveral) {
  Challenge({R"(Basic realm="x", Digest realm="r", nonce="NONCE", qop="auth", algorithm=MD5)",
             R"(Digest realm="r", nonce="NONCE", qop="auth", algorithm=SHA-256, Negotiate)"},
            Sha256);
  EXPECT_EQ(Status(), 200);
  EXPECT_THAT(Sent("algorithm"), ElementsAre("", "SHA-256"));
}

TEST_F(DigestTest, RespondsWithoutQopAsOfOld) {
  server_.SetHandler([](const ReceivedRequest& request, HttpReply& reply) {
    const auto sent = ParseChallenges(request.Header("authorization"));
    const std::string expected = Md5(StrCat(Md5("Mufasa:r:Circle of Life"), ":n:", Md5("GET:/a")));
    const bool right = !sent.empty() && sent[0].Parameter("response") == expected && sent[0].Parameter("nc").empty();
    reply.Respond(right ? 200 : 401, "", "", {{"WWW-Authenticate", R"(Digest realm="r", nonce="n")"}});
  });
  EXPECT_EQ(Status("/a"), 200);
}

TEST_F(DigestTest, ComputesSessions) {
  server_.SetHandler([](const ReceivedRequest& request, HttpReply& reply) {
    const auto sent = ParseChallenges(request.Header("authorization"));
    bool right = false;
    if (!sent.empty()) {
      const std::string cnonce = sent[0].Parameter("cnonce");
      const std::string secret = Md5(StrCat(Md5("Mufasa:r:Circle of Life"), ":n:", cnonce));
      right = sent[0].Parameter("response") == Md5(StrCat(secret, ":n:00000001:", cnonce, ":auth:", Md5("GET:/a")));
    }
    reply.Respond(right ? 200 : 401, "", "",
                  {{"WWW-Authenticate", R"(Digest realm="r", nonce="n", qop="auth", algorithm=md5-sess)"}});
  });
  EXPECT_EQ(Status("/a"), 200);
}

TEST_F(DigestTest, AStaleNonceIsReplaced) {
  Challenge({R"(Digest realm="r", nonce="NONCE", qop="auth")"}, Md5);
  EXPECT_EQ(Status(), 200);
  ++nonce_;
  EXPECT_EQ(Status(), 200);
  EXPECT_EQ(server_.CountRequests(), 4u);
}

TEST_F(DigestTest, LivesWithNoncesForOneRequest) {
  one_time_nonces_ = true;
  Challenge({R"(Digest realm="r", nonce="NONCE", qop="auth")"}, Md5);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(Status(), 200);
  }
}

TEST_F(DigestTest, ManyThreadsGetResponses) {
  Challenge({R"(Digest realm="r", nonce="NONCE", qop="auth")"}, Md5);
  (void)Client();
  Together(8, [this] { EXPECT_EQ(Status(), 200); });
}

TEST_F(DigestTest, AWrongPasswordIsTriedOnce) {
  Secret("password", "wrong");
  options_.auth = DigestAuthentication("Mufasa", password_);
  Challenge({R"(Digest realm="r", nonce="NONCE", qop="auth")"}, Md5);
  EXPECT_EQ(Status(), 401);
  EXPECT_EQ(server_.CountRequests(), 2u);
  EXPECT_EQ(Status(), 401);
  EXPECT_EQ(server_.CountRequests(), 3u);
  Secret("password", "Circle of Life");  // corrected while it runs
  EXPECT_EQ(Status(), 200);
}

TEST_F(DigestTest, SaysWhenTheServerOffersSomethingElse) {
  for (const std::string challenge :
       {R"(Basic realm="r")", R"(Digest realm="r", nonce="n", algorithm=SHA-3)",
        R"(Digest realm="r", nonce="n", qop="auth-int")", R"(Digest realm="r")", "\"", "=,"}) {
    server_.SetHandler([challenge](const ReceivedRequest&, HttpReply& reply) {
      reply.Respond(401, "", "", {{"WWW-Authenticate", challenge}});
    });
    EXPECT_EQ(Status(), 401) << challenge;
  }
  EXPECT_EQ(server_.CountRequests(), 6u);
  EXPECT_THAT(Problems(), HasSubstr("does not offer digest"));
}

}  // namespace
}  // namespace trolley
