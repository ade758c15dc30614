#include "search/mint/mint_client.h"

#include <utility>

#include "base/text.h"
#include "http/http_status.h"
#include "http/url_for_log.h"
#include "search/mint/mint_xml.h"
#include "trolley/error.h"

namespace trolley {
namespace {

// The text of a failure is left out: it may repeat the query, and with it a patient's name.
void Check(const HttpHead& head, const std::string& doing) {
  if (head.status == 405 || head.status == 501) {
    throw Error(ErrorCode::kUnsupported,
                StrCat("Cannot ", doing, ": the server does not offer this search (HTTP ", head.status, ")"));
  }
  CheckStatus(head, doing);
  if (head.status == 206) {
    throw Error(ErrorCode::kTooMany,
                StrCat("Cannot ", doing, ": the server gives only a part of the result; narrow the search"));
  }
  const bool missing = head.status == 404 || head.status == 410;
  if (!missing && (head.status < 200 || head.status > 299)) {
    throw Error(ErrorCode::kProtocol, StrCat("Cannot ", doing, ": the server responded with HTTP ", head.status));
  }
}

}  // namespace

MintClient::MintClient(std::string url, std::shared_ptr<HttpClient> http)
    : base_(WithoutTrailingSlashes(std::move(url))), http_(std::move(http)) {}

std::string MintClient::Doing(const Query& query) {
  return StrCat("search for ", query.Describe());
}

std::optional<std::string> MintClient::Search(const std::vector<std::string>& terms, const std::string& doing,
                                              const Context& context) {
  HttpResponse response = Get(terms.empty() ? "/studies" : StrCat("/studies?", Join(terms, "&")), context);
  Check(response.head, doing);
  if (response.head.status == 404 || response.head.status == 410) {
    throw Error(ErrorCode::kProtocol, StrCat("Cannot ", doing, ": the server has no MINT search at ", UrlForLog(base_),
                                             "; check the URL of the archive"));
  }
  return response.head.status == 204 ? std::nullopt : std::optional(std::move(response.body));
}

std::optional<std::string> MintClient::Study(std::string_view uuid, std::string_view path, const std::string& doing,
                                             const Context& context) {
  HttpResponse response = Get(StrCat("/studies/", PercentEncode(uuid), "/", path), context);
  Check(response.head, doing);
  return response.head.status == 200 ? std::optional(std::move(response.body)) : std::nullopt;
}

HttpResponse MintClient::Get(const std::string& path_and_query, const Context& context) {
  HttpRequest request;
  request.url = base_ + path_and_query;
  request.headers = {"Accept: application/xml, text/xml"};
  request.accept_gzip = true;
  return http_->Fetch(request, context, kMaxMintBody);
}

}  // namespace trolley
