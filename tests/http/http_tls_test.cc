#include <httplib.h>

#include <thread>

#include "http/http_fixture.h"
#include "support/temp_directory.h"
#include "trolley/http_client.h"

namespace trolley {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// Self-signed, for 127.0.0.1 alone, valid for a hundred years, and worth nothing outside of this test.
constexpr std::string_view kCertificate = R"(-----BEGIN CERTIFICATE-----
MIIBmjCCAUCgAwIBAgIUXadEOdcs4R0bLEkZgXzhYN5uI1wwCgYIKoZIzj0EAwIw
GTEXMBUGA1UEAwwOdHJvbGxleWZzIHRlc3QwIBcNMjYxMTIyMjMzMzA5WhgPMjEy
NjEwMjkyMzMzMDlaMBkxFzAVBgNVBAMMDnRyb2xsZXlmcyB0ZXN0MFkwEwYHKoZI
zj0CAQYIKoZIzj0DAQcDQgAEwpU9jxtQRqu87zkNwrMHi1kwaH9acxXEk5C8KKzB
4klJa95LEhWY0ftyAEd9UBCR4xAZyPgqjxpXxDZobWmShqNkMGIwHQYDVR0OBBYE
FKW8IT6aC5sMfsCUc6aWt5YExM25MB8GA1UdIwQYMBaAFKW8IT6aC5sMfsCUc6aW
t5YExM25MA8GA1UdEwEB/wQFMAMBAf8wDwYDVR0RBAgwBocEfwAAATAKBggqhkjO
PQQDAgNIADBFAiEA2gSTZfd51p48So/bcBRf98VLpn4mi8h8PhPs4ORZCQcCIGbL
YASW7/CkXVBZxi7uAsO6Qrz0xzaBZx74pwINca4C
-----END CERTIFICATE-----
)";
constexpr std::string_view kKey = R"(-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg2bWRtud+eOjcuRGA
O8tGlauwLBiSBKUW1bl5qLiCDimhRANCAATClT2PG1BGq7zvOQ3CsweLWTBof1pz
FcSTkLworMHiSUlr3ksSFZjR+3IAR31QEJHjEBnI+CqPGlfENmhtaZKG
-----END PRIVATE KEY-----
)";

class HttpTlsTest : public HttpFixture {
 protected:
  HttpTlsTest()
      : certificate_(directory_.Write("certificate.pem", kCertificate)),
        tls_(certificate_.c_str(), directory_.Write("key.pem", kKey).c_str()) {
    tls_.Get("/ok",
             [](const httplib::Request&, httplib::Response& response) { response.set_content("ok", "text/plain"); });
    tls_.Get("/down", [this](const httplib::Request&, httplib::Response& response) {
      response.set_redirect(server_.Url("/ok"));
    });
    tls_.set_keep_alive_timeout(1);  // how long stop() waits for kept connections
    port_ = tls_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { tls_.listen_after_bind(); });
    while (!tls_.is_running()) {
      std::this_thread::yield();
    }
  }
  ~HttpTlsTest() override {
    tls_.stop();
    thread_.join();
  }
  HttpResponse GetTls(const std::string& path, const std::string& host = "127.0.0.1") {
    return Client().Fetch({.url = StrCat("https://", host, ":", port_, path)}, Patient());
  }
  Error GetTlsError(const std::string& path, const std::string& host = "127.0.0.1") {
    return Caught([&] { GetTls(path, host); });
  }

  TempDirectory directory_;
  const std::filesystem::path certificate_;
  httplib::SSLServer tls_;
  int port_ = 0;
  std::thread thread_;
};

TEST_F(HttpTlsTest, TrustsTheCaFile) {
  options_.ca_file = certificate_;
  EXPECT_EQ(GetTls("/ok").body, "ok");
  EXPECT_EQ(GetTls("/ok").body, "ok");
}

TEST_F(HttpTlsTest, RefusesAnUnknownAuthority) {
  const Error error = GetTlsError("/ok?PatientID=1");
  EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
  EXPECT_THAT(error.what(), AllOf(HasSubstr("PatientID=...: the server's certificate is not trusted"),
                                  HasSubstr("give the certificate of its authority as ca_file")));
}

TEST_F(HttpTlsTest, RefusesAnotherHostsCertificate) {
  options_.ca_file = certificate_;
  const Error error = GetTlsError("/ok", "localhost");
  EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
  EXPECT_THAT(error.what(),
              AllOf(HasSubstr("certificate is not trusted"), HasSubstr("use a host name in the URL that")));
}

TEST_F(HttpTlsTest, NamesACaFileWithoutCertificates) {
  options_.ca_file = directory_.Write("garbage.pem", "no certificate");
  const Error error = GetTlsError("/ok");
  EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
  EXPECT_THAT(error.what(), HasSubstr(options_.ca_file));
}

TEST_F(HttpTlsTest, RefusesToLeaveTls) {
  options_.ca_file = certificate_;
  EXPECT_EQ(GetTlsError("/down").code(), ErrorCode::kProtocol);
  EXPECT_EQ(server_.CountRequests(), 0u);
}

TEST_F(HttpTlsTest, AServerWithoutTlsIsUnavailable) {
  // The first bytes of a handshake are not a request: this responds to them as servers do.
  httplib::Server plain;
  const int port = plain.bind_to_any_port("127.0.0.1");
  std::thread thread([&] { plain.listen_after_bind(); });
  const Error error = Caught([&] { Client().Fetch({.url = StrCat("https://127.0.0.1:", port, "/")}, Patient()); });
  EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
  EXPECT_THAT(error.what(), HasSubstr("TLS"));
  plain.stop();
  thread.join();
}

}  // namespace
}  // namespace trolley
