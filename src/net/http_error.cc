#include <curl/curl.h>

#include <algorithm>
#include <system_error>

#include "base/text.h"
#include "net/http_exchange.h"

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
        return {ErrorCode::kTimedOut, "no answer"};
      }
      return {ErrorCode::kUnavailable, os_error == 0 ? text : LowerFirst(std::generic_category().message(os_error))};
    case CURLE_OPERATION_TIMEDOUT:  // the only one of curl's that is set
      return {ErrorCode::kTimedOut, StrCat("no answer within ", DurationText(options.connect_timeout))};
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_PROXY:
      return {ErrorCode::kUnavailable, text};
    case CURLE_GOT_NOTHING:
      return {ErrorCode::kUnavailable, "the server closed the connection without an answer"};
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
      if (text.find("chunk") != std::string::npos) {
        return {ErrorCode::kProtocol, text};
      }
      return {ErrorCode::kUnavailable, StrCat("the connection was lost: ", text)};
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
      return {ErrorCode::kUnavailable,
              StrCat("the server's certificate is not trusted: ", text, "; ", AboutCaFile(options))};
    case CURLE_SSL_CACERT_BADFILE:
      return {ErrorCode::kUnavailable, StrCat("no certificates can be read: ", text, "; ", AboutCaFile(options))};
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM:
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
