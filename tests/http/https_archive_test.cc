#include <sys/stat.h>

#include <thread>

#include "http/http_fixture.h"
#include "http/http_status.h"
#include "support/certificates.h"
#include "support/nginx.h"
#include "support/sockets.h"
#include "trolley/log.h"

namespace trolley {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

// nginx, with certificates of an authority of its own.
class HttpsTest : public HttpFixture {
 protected:
  // The first two ask for, or demand, a client's certificate.
  enum Server : size_t { kAsks, kDemands, kExpired, kForeign, kHttp2 };

  static void SetUpTestSuite() {
    ASSERT_TRUE(NginxServer::Installed()) << "install nginx-light";
    ca_ = new CertificateAuthority("trolley test authority");
    foreign_ca_ = new CertificateAuthority("foreign authority");
    const TestCertificate good = ca_->Issue({.name = "server", .subject_alt_name = "IP:127.0.0.1"});
    const TestCertificate expired =
        ca_->Issue({.name = "old server", .subject_alt_name = "IP:127.0.0.1", .expired = true});
    const TestCertificate foreign = foreign_ca_->Issue({.name = "foreign", .subject_alt_name = "IP:127.0.0.1"});
    const std::string verify = StrCat("ssl_client_certificate ", ca_->ca_file().string(), "; ssl_verify_client ");
    nginx_ = new NginxServer(StrCat(ServerBlock("PORT0", good, verify + "optional;"),
                                    ServerBlock("PORT1", good, verify + "on;"), ServerBlock("PORT2", expired, ""),
                                    ServerBlock("PORT3", foreign, ""), ServerBlock("PORT4", good, "", "http2")),
                             5);
  }
  static void TearDownTestSuite() {
    delete nginx_;
    delete foreign_ca_;
    delete ca_;
  }
  static std::string ServerBlock(std::string_view port, const TestCertificate& own, std::string_view more,
                                 std::string_view protocol = "") {
    return StrCat("server { listen 127.0.0.1:", port, " ssl ", protocol, "; ssl_certificate ",
                  own.certificate_file.string(), "; ssl_certificate_key ", own.key_file.string(), "; ", more,
                  " location /protocol { return 200 \"$server_protocol\"; }"
                  " location /behind/ { proxy_pass http://127.0.0.1:$arg_port$uri; proxy_buffering off; }"
                  " location / { return 200 \"client=$ssl_client_s_dn\"; }"
                  " location /redirect { return 302 https://127.0.0.1:PORT0/there; } }\n");
  }
  static std::string Url(Server server, const std::string& path = "/", const std::string& host = "127.0.0.1") {
    return StrCat("https://", host, ":", nginx_->port(server), path);
  }

  HttpsTest() { options_.ca_file = ca_->ca_file(); }
  void ShowCertificate(const TestCertificate& own) {
    options_.client_certificate = {.certificate_file = own.certificate_file, .key_file = own.key_file};
  }
  // What a searcher or a downloader makes of the response.
  std::string Ask(const std::string& url) {
    HttpClient client(options_);
    const HttpResponse response = client.Fetch({.url = url}, Patient());
    CheckStatus(response.head, "list the studies", response.body);
    return response.body;
  }
  Error AskError(const std::string& url) {
    return Caught([&] { Ask(url); });
  }

  static CertificateAuthority* ca_;
  static CertificateAuthority* foreign_ca_;
  static NginxServer* nginx_;
};

CertificateAuthority* HttpsTest::ca_ = nullptr;
CertificateAuthority* HttpsTest::foreign_ca_ = nullptr;
NginxServer* HttpsTest::nginx_ = nullptr;

TEST_F(HttpsTest, TrustsTheCaFile) {
  EXPECT_EQ(Ask(Url(kAsks)), "client=");
}

TEST_F(HttpsTest, RefusesTheWrongAuthority) {
  const Error error = AskError(Url(kForeign));
  EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
  EXPECT_THAT(error.what(), AllOf(HasSubstr("certificate is not trusted"), EndsWith("ca_file is " + options_.ca_file)));
  options_.ca_file = "";  // the system's authorities do not know ours
  EXPECT_THAT(AskError(Url(kAsks)).what(), EndsWith("give the certificate of its authority as ca_file"));
}

TEST_F(HttpsTest, RefusesAnExpiredCertificate) {
  const Error error = AskError(Url(kExpired));
  EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
  EXPECT_THAT(error.what(), AllOf(HasSubstr("has expired"), HasSubstr("the server needs a new one")));
}

TEST_F(HttpsTest, RefusesAnotherHostsCertificate) {
  const Error error = AskError(Url(kAsks, "/", "localhost"));
  EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
  EXPECT_THAT(error.what(), HasSubstr("use a host name in the URL that its certificate has"));
}

TEST_F(HttpsTest, SpeaksHttp2WhereThatIsWantedAndOffered) {
  EXPECT_EQ(Ask(Url(kHttp2, "/protocol")), "HTTP/1.1");
  options_.http2 = true;
  EXPECT_EQ(Ask(Url(kHttp2, "/protocol")), "HTTP/2.0");
  EXPECT_EQ(Ask(Url(kAsks, "/protocol")), "HTTP/1.1");
}

TEST_F(HttpsTest, BodiesOverHttp2AreExactOrAnError) {
  options_.http2 = true;
  std::string body(3000000, ' ');
  for (size_t i = 0; i < body.size(); ++i) {
    body[i] = static_cast<char>(i * 7 / 5);
  }
  const std::string url = Url(kHttp2, StrCat("/behind/x?port=", server_.port()));
  for (const bool with_length : {true, false}) {
    for (const bool whole : {true, false, true}) {
      server_.SetHandler([&](const ReceivedRequest&, HttpReply& reply) {
        const std::string sent = whole ? body : body.substr(0, body.size() / 2);
        if (with_length) {
          reply.Head(200, {{"Content-Length", std::to_string(body.size())}});
          reply.Send(sent);
        } else {
          reply.Head(200, {{"Transfer-Encoding", "chunked"}});
          reply.Send(StrCat("2dc6c0\r\n", sent, whole ? "\r\n0\r\n\r\n" : ""));
        }
        reply.Close();
      });
      if (whole) {
        EXPECT_TRUE(Ask(url) == body) << with_length;
      } else {
        const ErrorCode code = AskError(url).code();
        EXPECT_TRUE(code == ErrorCode::kUnavailable || code == ErrorCode::kProtocol) << with_length;
      }
    }
  }
}

TEST_F(HttpsTest, ShowsItsOwnCertificate) {
  ShowCertificate(ca_->Issue({.name = "workstation"}));
  EXPECT_EQ(Ask(Url(kDemands)), "client=CN=workstation");
}

TEST_F(HttpsTest, WithoutACertificateWhereOneIsDemandedAccessIsDenied) {
  const Error error = AskError(Url(kDemands));
  EXPECT_EQ(error.code(), ErrorCode::kAccessDenied);
  EXPECT_THAT(error.what(), HasSubstr("the server responded with 400; it wants a client certificate that it knows"));
}

// Other servers end the connection with an alert: TLS 1.3 tells why, TLS 1.2 does not.
TEST_F(HttpsTest, ARefusalWithinTlsIsUnderstood) {
  const TestCertificate own = ca_->Issue({.name = "server", .subject_alt_name = "IP:127.0.0.1"});
  for (const bool tls13 : {true, false}) {
    const int port = FreePort();
    Process server({"openssl", "s_server", "-accept", StrCat("127.0.0.1:", port), "-cert", own.certificate_file, "-key",
                    own.key_file, "-CAfile", ca_->ca_file(), "-Verify", "1", "-verify_return_error",
                    tls13 ? "-tls1_3" : "-tls1_2", "-quiet", "-www"});
    while (!ConnectToLoopback(port)) {
      ASSERT_TRUE(server.Running()) << server.Err();
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    const Error error = AskError(StrCat("https://127.0.0.1:", port, "/"));
    EXPECT_EQ(error.code(), tls13 ? ErrorCode::kAccessDenied : ErrorCode::kUnavailable) << error.what();
    EXPECT_THAT(error.what(),
                HasSubstr(tls13 ? "the server wants a client certificate" : "may want a client certificate"));
  }
}

TEST_F(HttpsTest, WithAForeignCertificateAccessIsDenied) {
  ShowCertificate(foreign_ca_->Issue({.name = "stranger"}));
  EXPECT_EQ(AskError(Url(kDemands)).code(), ErrorCode::kAccessDenied);
}

TEST_F(HttpsTest, TheKeyMayBeEncrypted) {
  const TestCertificate own = ca_->Issue({.name = "workstation", .key_password = "k3ypass"});
  ShowCertificate(own);
  options_.client_certificate.key_password = {.text = "k3ypass"};
  EXPECT_EQ(Ask(Url(kDemands)), "client=CN=workstation");
  for (const SecretSource& wrong : {SecretSource{.text = "wr0ng"}, SecretSource{}}) {  // none: nobody is asked for it
    options_.client_certificate.key_password = wrong;
    const Error error = AskError(Url(kDemands));
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    EXPECT_THAT(error.what(), AllOf(HasSubstr(own.key_file.string()),
                                    HasSubstr("check both files and the key's password"), Not(HasSubstr("wr0ng"))));
  }
}

TEST_F(HttpsTest, CertificateAndKeyMayBeOneFile) {
  const TestCertificate own = ca_->Issue({.name = "workstation"});
  const TempDirectory directory;
  options_.client_certificate.certificate_file =
      directory.Write("both.pem", ReadFile(own.certificate_file) + ReadFile(own.key_file));
  ASSERT_EQ(chmod(options_.client_certificate.certificate_file.c_str(), 0644), 0);
  EXPECT_EQ(Ask(Url(kDemands)), "client=CN=workstation");
  EXPECT_THAT(Join(RecentProblems(), "\n"), HasSubstr("both.pem can be read by everybody"));
}

TEST_F(HttpsTest, NamesCertificateFilesThatAreOfNoUse) {
  const TempDirectory directory;
  options_.client_certificate.certificate_file = directory / "missing.pem";
  EXPECT_THAT(AskError(Url(kAsks)).what(), HasSubstr("missing.pem"));
  options_.client_certificate.certificate_file = directory.Write("garbage.pem", "no certificate");
  EXPECT_EQ(AskError(Url(kAsks)).code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(AskError(Url(kAsks)).what(), HasSubstr("garbage.pem"));
  options_.client_certificate = {.key_file = "key.pem"};
  EXPECT_THAT(AskError(Url(kAsks)).what(), HasSubstr("without a certificate"));
}

TEST_F(HttpsTest, TheCertificateIsShownAtHomeOnly) {
  ShowCertificate(ca_->Issue({.name = "workstation"}));
  EXPECT_EQ(Ask(Url(kAsks)), "client=CN=workstation");
  EXPECT_EQ(Ask(Url(kDemands, "/redirect")), "client=");
  options_.home = {Url(kDemands)};
  EXPECT_EQ(Ask(Url(kAsks)), "client=");  // as a BulkDataURI may ask
  options_.home = {Url(kDemands), Url(kAsks)};
  EXPECT_EQ(Ask(Url(kDemands, "/redirect")), "client=CN=workstation");
}

}  // namespace
}  // namespace trolley
