#include "http/http_error.h"

#include <curl/curl.h>

#include <algorithm>
#include <system_error>

#include "base/text.h"
#include "http/url_for_log.h"

namespace trolley::internal {
namespace {

std::string LowerFirst(std::string text) {
  if (text.size() > 1 && text[0] >= 'A' && text[0] <= 'Z' && text[1] >= 'a' && text[1] <= 'z') {
    text[0] = static_cast<char>(text[0] - 'A' + 'a');
  }
  return text;
}

// Some of it comes from the server.
std::string Printable(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return text;
}

std::string AboutCaFile(const HttpOptions& options) {
  return options.ca_file.empty() ? "give the certificate of its authority as ca_file"
                                 : StrCat("ca_file is ", options.ca_file);
}

bool Contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

HttpFailure Untrusted(const std::string& text, const HttpOptions& options) {
  std::string advice = AboutCaFile(options);
  if (Contains(text, "has expired") || Contains(text, "not yet valid")) {
    advice = "the server needs a new one, or the clock of this computer is wrong";
  } else if (Contains(text, "host name") || Contains(text, "hostname") || Contains(text, "IP address")) {
    advice = "use a host name in the URL that its certificate has";
  }
  return {ErrorCode::kUnavailable, StrCat("the server's certificate is not trusted: ", text, "; ", advice)};
}

// True: the TLS error is about the client's certificate. TLS 1.3 reports it when the first response is read.
bool IsAboutClientCertificate(const std::string& text) {
  for (const std::string_view alert :
       {"alert certificate required", "alert bad certificate", "alert unknown ca", "alert certificate unknown",
        "alert certificate expired", "alert access denied", "alert certificate revoked",
        "alert unsupported certificate", "peer did not return a certificate"}) {
    if (Contains(text, alert)) {
      return true;
    }
  }
  return false;
}

HttpFailure CertificateRefused(const std::string& text, const HttpOptions& options) {
  const std::string& own = options.client_certificate.certificate_file;
  return {ErrorCode::kAccessDenied,
          own.empty() ? StrCat("the server wants a client certificate (", text, "); give one in the configuration")
                      : StrCat("the server refused the client certificate ", own, ": ", text)};
}

HttpFailure OwnCertificateProblem(const std::string& text, const HttpOptions& options) {
  const ClientCertificate& own = options.client_certificate;
  return {ErrorCode::kInvalidArgument, StrCat("the client certificate ", own.certificate_file, " or its key",
                                              own.key_file.empty() ? "" : StrCat(" ", own.key_file),
                                              " cannot be used: ", text, "; check both files and the key's password")};
}

}  // namespace

Error HttpError(ErrorCode code, std::string_view method, std::string_view url, std::string_view reason) {
  return Error(code, StrCat("Cannot ", method, " ", UrlForLog(url), ": ", reason));
}

std::string DurationText(std::chrono::milliseconds time) {
  const auto ms = time.count();
  return ms % 1000 == 0 ? StrCat(ms / 1000, " s") : StrCat(ms, " ms");
}

HttpFailure ExplainCurl(int curl_code, std::string_view curl_text, int os_error, const HttpOptions& options) {
  const auto code = static_cast<CURLcode>(curl_code);
  const std::string text = LowerFirst(Printable(curl_text.empty() ? curl_easy_strerror(code) : std::string(curl_text)));
  switch (code) {
    case CURLE_COULDNT_CONNECT:
      if (os_error == ETIMEDOUT) {
        return {ErrorCode::kTimedOut, "no response"};
      }
      return {ErrorCode::kUnavailable, os_error == 0 ? text : LowerFirst(std::generic_category().message(os_error))};
    case CURLE_OPERATION_TIMEDOUT:  // the only one of curl's that is set
      return {ErrorCode::kTimedOut, StrCat("no response within ", DurationText(options.connect_timeout))};
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_PROXY:
      return {ErrorCode::kUnavailable, text};
    case CURLE_GOT_NOTHING:
      return {ErrorCode::kUnavailable, "the server closed the connection without a response"};
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
      if (Contains(text, "chunk")) {
        return {ErrorCode::kProtocol, text};
      }
      if (IsAboutClientCertificate(text)) {
        return CertificateRefused(text, options);
      }
      return {ErrorCode::kUnavailable, StrCat("the connection was lost: ", text)};
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
      return Untrusted(text, options);
    case CURLE_SSL_CACERT_BADFILE:
      return {ErrorCode::kUnavailable,
              StrCat("no trusted certificates can be read: ", text, "; ",
                     options.ca_file.empty() ? "install the package ca-certificates, or give the certificate of the "
                                               "server's authority as ca_file"
                                             : AboutCaFile(options))};
    case CURLE_SSL_CERTPROBLEM:
      return OwnCertificateProblem(text, options);
    case CURLE_SSL_CONNECT_ERROR:
      if (IsAboutClientCertificate(text)) {
        return CertificateRefused(text, options);
      }
      return {ErrorCode::kUnavailable,
              StrCat("no TLS connection: ", text,
                     Contains(text, "alert handshake failure") ? "; the server may want a client certificate" : "")};
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ENGINE_INITFAILED:
      return {ErrorCode::kUnavailable, StrCat("no TLS connection: ", text)};
    case CURLE_URL_MALFORMAT:
      return {ErrorCode::kInvalidArgument, text};
    default:  // CURLE_OUT_OF_MEMORY too: curl's own limit for a line of a header
      return {ErrorCode::kProtocol, text};
  }
}

}  // namespace trolley::internal
