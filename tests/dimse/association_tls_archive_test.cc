// DICOM over TLS, with stunnel before a server that does not know it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include "base/text.h"
#include "dimse/association_pool.h"
#include "support/certificates.h"
#include "support/fake_scp.h"
#include "support/process.h"
#include "support/sockets.h"
#include "trolley/error.h"

namespace trolley {
namespace {

using testing::HasSubstr;

class AssociationTlsTest : public testing::Test {
 protected:
  static CertificateAuthority& Authority() {
    static CertificateAuthority authority;
    return authority;
  }
  static TestCertificate& ServerCertificate() {
    static TestCertificate certificate =
        Authority().Issue({.name = "server", .subject_alt_name = "IP:127.0.0.1,DNS:localhost"});
    return certificate;
  }

  // `more` are lines of stunnel's configuration.
  void StartTls(const std::string& more = "") {
    port_ = FreePort();
    const auto file = directory_.Write(
        "stunnel.conf",
        StrCat("foreground = yes\npid =\ndebug = err\n[dicom]\naccept = 127.0.0.1:", port_,
               "\nconnect = 127.0.0.1:", scp_.port(), "\ncert = ", ServerCertificate().certificate_file.string(),
               "\nkey = ", ServerCertificate().key_file.string(), "\n", more));
    stunnel_ = std::make_unique<Process>(std::vector<std::string>{"stunnel", file.string()});
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (!ConnectToLoopback(port_)) {
      ASSERT_TRUE(stunnel_->Running() && std::chrono::steady_clock::now() < deadline) << stunnel_->Err();
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }
  DicomPeer Peer(DicomTls tls) const {
    DicomPeer peer = scp_.Peer();
    peer.port = static_cast<uint16_t>(port_);
    peer.tls = std::move(tls);
    return peer;
  }
  // Empty: it worked.
  static std::string Problem(const DicomPeer& peer) {
    try {
      AssociationPool pool(peer);
      Echo(pool, Context::WithTimeout(std::chrono::seconds(30)));
      return "";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUnavailable) << error.what();
      return error.what();
    }
  }
  std::string Problem(DicomTls tls) { return Problem(Peer(std::move(tls))); }

  TempDirectory directory_;
  FakeScp scp_{FakeScp::Serving(
      [](FakeConversation& conversation, const FakeMessage& message) { conversation.Respond(message, 0); })};
  int port_ = 0;
  std::unique_ptr<Process> stunnel_;
};

TEST_F(AssociationTlsTest, TrustsTheConfiguredAuthorityAlone) {
  StartTls();
  EXPECT_EQ(Problem({.ca_file = Authority().ca_file()}), "");
  const CertificateAuthority other("somebody else");
  const std::string wrong = Problem({.ca_file = other.ca_file()});
  EXPECT_THAT(wrong, HasSubstr("certificate is not trusted"));
  EXPECT_THAT(wrong, HasSubstr(other.ca_file().string()));
  EXPECT_THAT(Problem(DicomTls()), HasSubstr("give the certificate of its authority as ca_file"));
  EXPECT_EQ(Problem({.verify = false}), "");
  EXPECT_THAT(Problem({.ca_file = "/no/such/file"}), HasSubstr("/no/such/file"));
}

TEST_F(AssociationTlsTest, ChecksTheHost) {
  StartTls();
  DicomPeer peer = Peer({.ca_file = Authority().ca_file()});
  peer.host = "127.0.0.2";
  EXPECT_NE(Problem(peer), "");  // nobody listens there
  peer.host = "localhost";
  EXPECT_EQ(Problem(peer), "");
  const TestCertificate elsewhere = Authority().Issue({.name = "x", .subject_alt_name = "DNS:elsewhere.example"});
  StartTls(StrCat("cert = ", elsewhere.certificate_file.string(), "\nkey = ", elsewhere.key_file.string(), "\n"));
  DicomTls tls{.ca_file = Authority().ca_file()};
  EXPECT_THAT(Problem(tls), HasSubstr("name the host as its certificate does"));
  tls.check_host = false;
  EXPECT_EQ(Problem(tls), "");
}

TEST_F(AssociationTlsTest, ShowsItsOwnCertificate) {
  StartTls(StrCat("CAfile = ", Authority().ca_file().string(), "\nverifyChain = yes\nrequireCert = yes\n"));
  const TestCertificate own = Authority().Issue({.name = "reader", .key_password = "s3cret"});
  DicomTls tls{.ca_file = Authority().ca_file(),
               .certificate_file = own.certificate_file,
               .key_file = own.key_file,
               .key_password = [] { return std::string("s3cret"); }};
  EXPECT_EQ(Problem(tls), "");
  tls.key_password = [] { return std::string("wr0ng"); };
  const std::string wrong = Problem(tls);
  EXPECT_THAT(wrong, HasSubstr(own.key_file.string()));
  EXPECT_EQ(wrong.find("wr0ng"), std::string::npos);
  tls.key_password = nullptr;
  EXPECT_THAT(Problem(tls), HasSubstr(own.key_file.string()));
  EXPECT_NE(Problem({.ca_file = Authority().ca_file()}), "");
  const TestCertificate foreign = CertificateAuthority("somebody else").Issue({.name = "reader"});
  EXPECT_NE(Problem(DicomTls{.ca_file = Authority().ca_file(),
                             .certificate_file = foreign.certificate_file,
                             .key_file = foreign.key_file}),
            "");
}

TEST_F(AssociationTlsTest, SaysWhenThePeerDoesNotSpeakTls) {
  FakeScp plain([](FakeConversation& conversation) {
    conversation.SendBytes(internal::EncodeShort(internal::PduType::kAbort));
    conversation.Close();
  });
  DicomPeer peer = plain.Peer();
  peer.tls = DicomTls{.ca_file = Authority().ca_file()};
  EXPECT_THAT(Problem(peer), HasSubstr("no TLS connection"));
}

}  // namespace
}  // namespace trolley
