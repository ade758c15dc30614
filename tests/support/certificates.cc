#include "support/certificates.h"

#include <stdexcept>

#include "base/text.h"
#include "support/process.h"

namespace trolley {
namespace {

constexpr std::string_view kNewKey = " -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 ";

}  // namespace

CertificateAuthority::CertificateAuthority(const std::string& name) {
  OpenSsl(StrCat("req -x509 -nodes -days 2 -subj '/CN=", name, "' -keyout ca.key -out ca.pem", kNewKey));
}

TestCertificate CertificateAuthority::Issue(const CertificateWish& wish) {
  const std::string file = StrCat("issued", ++issued_);
  const std::string cipher = wish.key_password.empty() ? "-nodes" : StrCat("-passout pass:", wish.key_password);
  OpenSsl(StrCat("req ", cipher, " -subj '/CN=", wish.name, "' -keyout ", file, ".key -out ", file, ".csr", kNewKey));
  directory_.Write(file + ".ext",
                   wish.subject_alt_name.empty() ? "" : StrCat("subjectAltName=", wish.subject_alt_name, "\n"));
  OpenSsl(StrCat("x509 -req -CA ca.pem -CAkey ca.key -set_serial ", 100 + issued_, " -days ", wish.expired ? "-1" : "2",
                 " -extfile ", file, ".ext -in ", file, ".csr -out ", file, ".pem"));
  return {directory_ / (file + ".pem"), directory_ / (file + ".key")};
}

void CertificateAuthority::OpenSsl(const std::string& arguments) const {
  RunOptions options;
  options.directory = directory_.path();
  const RunResult result = RunShell("openssl " + arguments, options);
  if (result.exit_code != 0) {
    throw std::runtime_error(StrCat("openssl ", arguments, ": ", result.err));
  }
}

}  // namespace trolley
