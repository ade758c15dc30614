// MakeTlsChannel() of association_stream.h: TLS (PS3.15 annex B) by OpenSSL on a non-blocking socket.
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <system_error>

#include "base/sigpipe_block.h"
#include "base/text.h"
#include "dimse/association_stream.h"
#include "trolley/error.h"

namespace trolley::internal {
namespace {

struct Free {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};

// The first of the library's complaints; all are taken off its list.
std::string SslText() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) {
    return "unknown TLS error";
  }
  const char* reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : StrCat("TLS error ", code);
}

[[noreturn]] void FailFile(const char* what, const std::string& file) {
  throw Error(ErrorCode::kUnavailable, StrCat("Cannot read ", what, " ", file, ": ", SslText()));
}

int GivePassword(char* room, int size, int /*for_writing*/, void* secret) {
  const auto* password = static_cast<const std::string*>(secret);
  if (password->size() > static_cast<size_t>(size)) {
    return -1;
  }
  std::copy(password->begin(), password->end(), room);
  return static_cast<int>(password->size());
}

void UseOwnCertificate(SSL_CTX* context, const DicomTls& tls) {
  if (tls.certificate_file.empty()) {
    return;
  }
  if (SSL_CTX_use_certificate_chain_file(context, tls.certificate_file.c_str()) != 1) {
    FailFile("the certificate", tls.certificate_file);
  }
  // Without a password of ours the library would ask on the terminal.
  std::string password = tls.key_password ? tls.key_password() : std::string();
  SSL_CTX_set_default_passwd_cb(context, GivePassword);
  SSL_CTX_set_default_passwd_cb_userdata(context, &password);
  const std::string& key = tls.key_file.empty() ? tls.certificate_file : tls.key_file;
  const bool read = SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) == 1;
  SSL_CTX_set_default_passwd_cb_userdata(context, nullptr);
  std::fill(password.begin(), password.end(), '\0');
  if (!read || SSL_CTX_check_private_key(context) != 1) {
    FailFile("the key", key);
  }
}

std::unique_ptr<SSL_CTX, Free> MakeContext(const DicomTls& tls) {
  std::unique_ptr<SSL_CTX, Free> context(SSL_CTX_new(TLS_client_method()));
  if (!context || SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION) != 1) {
    throw Error(ErrorCode::kUnavailable, StrCat("Cannot prepare TLS: ", SslText()));
  }
  SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  const bool found = tls.ca_file.empty()
                         ? SSL_CTX_set_default_verify_paths(context.get()) == 1
                         : SSL_CTX_load_verify_locations(context.get(), tls.ca_file.c_str(), nullptr) == 1;
  if (!found && tls.verify) {
    FailFile("the certificates of", tls.ca_file.empty() ? "the system" : tls.ca_file);
  }
  ERR_clear_error();
  SSL_CTX_set_verify(context.get(), tls.verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  UseOwnCertificate(context.get(), tls);
  return context;
}

class TlsChannel : public Channel {
 public:
  TlsChannel(int socket, const DicomPeer& peer) : tls_(*peer.tls), context_(MakeContext(tls_)) {
    ssl_.reset(SSL_new(context_.get()));
    if (!ssl_ || SSL_set_fd(ssl_.get(), socket) != 1) {
      throw Error(ErrorCode::kUnavailable, StrCat("Cannot prepare TLS: ", SslText()));
    }
    X509_VERIFY_PARAM* expected = SSL_get0_param(ssl_.get());
    const bool is_address = X509_VERIFY_PARAM_set1_ip_asc(expected, peer.host.c_str()) == 1;
    if (!is_address) {
      SSL_set_tlsext_host_name(ssl_.get(), peer.host.c_str());
    }
    if (!tls_.check_host) {
      X509_VERIFY_PARAM_set1_ip(expected, nullptr, 0);
    } else if (!is_address && X509_VERIFY_PARAM_set1_host(expected, peer.host.c_str(), 0) != 1) {
      throw Error(ErrorCode::kUnavailable, StrCat("Cannot prepare TLS: ", SslText()));
    }
    SSL_set_connect_state(ssl_.get());
    ERR_clear_error();
  }

  Attempt Handshake() override {
    const SigpipeBlock no_sigpipe;
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl_.get());
    return result == 1 ? Attempt{} : Explain(result);
  }
  Attempt Read(std::span<std::byte> room) override {
    const SigpipeBlock no_sigpipe;
    ERR_clear_error();
    const int result = SSL_read(ssl_.get(), room.data(), static_cast<int>(std::min<size_t>(room.size(), INT_MAX)));
    return result > 0 ? Attempt{Attempt::kDone, static_cast<size_t>(result)} : Explain(result);
  }
  Attempt Write(std::string_view bytes) override {
    const SigpipeBlock no_sigpipe;
    ERR_clear_error();
    const int result = SSL_write(ssl_.get(), bytes.data(), static_cast<int>(std::min<size_t>(bytes.size(), INT_MAX)));
    return result > 0 ? Attempt{Attempt::kDone, static_cast<size_t>(result)} : Explain(result);
  }
  bool HasBuffered() override { return SSL_pending(ssl_.get()) > 0; }

 private:
  Attempt Explain(int result) const {
    const int os_error = errno;
    switch (SSL_get_error(ssl_.get(), result)) {
      case SSL_ERROR_WANT_READ:
        return {Attempt::kWantsToRead};
      case SSL_ERROR_WANT_WRITE:
        return {Attempt::kWantsToWrite};
      case SSL_ERROR_ZERO_RETURN:
        return {Attempt::kEnd};
      case SSL_ERROR_SYSCALL:
        ERR_clear_error();
        return {Attempt::kEnd, 0, os_error == 0 ? std::string() : std::generic_category().message(os_error)};
      default:
        return {Attempt::kEnd, 0, Problem()};
    }
  }

  std::string Problem() const {
    const long verdict = SSL_get_verify_result(ssl_.get());
    if (!tls_.verify || verdict == X509_V_OK) {
      return SslText();
    }
    ERR_clear_error();
    const char* advice = verdict == X509_V_ERR_HOSTNAME_MISMATCH || verdict == X509_V_ERR_IP_ADDRESS_MISMATCH
                             ? "name the host as its certificate does, or do not check the host"
                         : tls_.ca_file.empty() ? "give the certificate of its authority as ca_file"
                                                : "ca_file is ";
    return StrCat("the peer's certificate is not trusted: ", X509_verify_cert_error_string(verdict), "; ", advice,
                  std::string_view(advice).ends_with("is ") ? tls_.ca_file : std::string());
  }

  const DicomTls tls_;
  std::unique_ptr<SSL_CTX, Free> context_;
  std::unique_ptr<SSL, Free> ssl_;
};

}  // namespace

std::unique_ptr<Channel> MakeTlsChannel(int socket, const DicomPeer& peer) {
  return std::make_unique<TlsChannel>(socket, peer);
}

}  // namespace trolley::internal
