#ifndef TROLLEY_TESTS_SUPPORT_CERTIFICATES_H_
#define TROLLEY_TESTS_SUPPORT_CERTIFICATES_H_

#include <filesystem>
#include <string>

#include "support/temp_directory.h"

namespace trolley {

struct TestCertificate {
  std::filesystem::path certificate_file;  // PEM
  std::filesystem::path key_file;
};

struct CertificateWish {
  std::string name;                   // common name
  std::string subject_alt_name = {};  // "IP:127.0.0.1,DNS:localhost"; empty: none (a client's)
  bool expired = false;
  std::string key_password = {};  // empty: the key is not encrypted
};

// An authority of one's own, made with the openssl program.
class CertificateAuthority {
 public:
  explicit CertificateAuthority(const std::string& name = "trolley test authority");

  std::filesystem::path ca_file() const { return directory_ / "ca.pem"; }
  TestCertificate Issue(const CertificateWish& wish);

 private:
  void OpenSsl(const std::string& arguments) const;

  TempDirectory directory_;
  int issued_ = 0;
};

}  // namespace trolley

#endif  // TROLLEY_TESTS_SUPPORT_CERTIFICATES_H_
