#include "search/qido/qido_client.h"

#include <string_view>
#include <utility>

#include "base/text.h"
#include "http/http_status.h"
#include "http/url_for_log.h"
#include "trolley/error.h"
#include "trolley/log.h"
#include "trolley/tag.h"

namespace trolley {
namespace {

// Error texts of servers may repeat the query, and with it a patient's name.
std::string_view WithoutPatientData(std::string_view body, const Query& query) {
  const std::string lower = AsciiLower(body);
  for (const auto& [tag, value] : query.keys()) {
    for (const std::string_view word : Split(value, '*')) {
      if (!word.empty() && lower.find(AsciiLower(word)) != std::string::npos) {
        return "";
      }
    }
  }
  return body;
}

// Whether a level above the one that is searched is not named in the path.
bool IsRelational(const Query& query, const QidoUrl& url) {
  const size_t above = query.level() == Level::kStudy ? 0 : query.level() == Level::kSeries ? 1 : 2;
  return url.in_path.size() < above;
}

QidoPage NotRelational(std::string reason) {
  QidoPage page;
  page.not_relational = std::move(reason);
  return page;
}

bool Refused(const HttpHead& head) {
  return head.status == 400 || head.status == 422;
}

}  // namespace

QidoClient::QidoClient(std::string url, const QidoProfile& profile, std::shared_ptr<HttpClient> http)
    : base_(WithoutTrailingSlashes(std::move(url))), profile_(profile), http_(std::move(http)) {}

std::string QidoClient::Doing(const Query& query) {
  return StrCat("search for ", query.Describe());
}

QidoPage QidoClient::Fetch(const Query& query, const QidoUrl& url, std::optional<uint64_t> limit, uint64_t offset,
                           const Context& context, const OnRow& each) {
  QidoReader reader(Doing(query), each);
  Get(url.PathAndQuery(limit, offset), reader, context);
  return Read(query, url, reader, context);
}

std::optional<QidoPage> QidoClient::TryFetch(const Query& query, const QidoUrl& url, uint64_t limit, uint64_t offset,
                                             const Context& context, const OnRow& each) {
  QidoReader reader(Doing(query), each);
  Get(url.PathAndQuery(limit, offset), reader, context);
  return Refused(reader.head()) ? std::nullopt : std::optional(Read(query, url, reader, context));
}

void QidoClient::Get(const std::string& path_and_query, QidoReader& reader, const Context& context) {
  HttpRequest request;
  request.url = base_ + path_and_query;
  request.headers = {StrCat("Accept: ", profile_.accept)};
  request.accept_gzip = true;
  http_->Stream(request, reader, context);
}

QidoPage QidoClient::Read(const Query& query, const QidoUrl& url, QidoReader& reader, const Context& context) {
  const int status = reader.head().status;
  if (status == 404 || status == 410) {
    return ReadMissing(query, url, context);
  }
  const std::string doing = Doing(query);
  if (status == 405 || status == 501) {
    const std::string message = StrCat("Cannot ", doing, ": the server does not offer this search (HTTP ", status, ")");
    if (IsRelational(query, url)) {
      return NotRelational(message);
    }
    throw Error(ErrorCode::kUnsupported, message);
  }
  CheckStatus(reader.head(), doing, WithoutPatientData(reader.text(), query));
  if (status < 200 || status > 299) {
    throw Error(ErrorCode::kProtocol, StrCat("Cannot ", doing, ": the server responded with HTTP ", status));
  }
  QidoPage page = reader.Finish();
  base_works_.store(true, std::memory_order_relaxed);
  if (page.not_fuzzy && query.fuzzy()) {
    throw Error(ErrorCode::kUnsupported, StrCat("Cannot ", doing, ": the server has no fuzzy matching"));
  }
  return page;
}

// HTTP 404 means that the archive has no such study or series only when the server is known to search at all.
QidoPage QidoClient::ReadMissing(const Query& query, const QidoUrl& url, const Context& context) {
  const std::string doing = Doing(query);
  if (url.path == "/studies") {
    throw Error(ErrorCode::kProtocol, StrCat("Cannot ", doing, ": the server has no DICOMweb search at ",
                                             UrlForLog(base_), "; check the URL of the archive"));
  }
  if (!base_works_.load(std::memory_order_relaxed)) {
    const Query any(Level::kStudy);
    Fetch(any, MakeQidoUrl(any, true), 1, 0, context);
  }
  if (url.in_path.empty()) {
    return NotRelational(
        StrCat("Cannot ", doing, ": the server searches series and instances of one study only; name it"));
  }
  if (!HasParent(query, url, context)) {
    return {};
  }
  if (IsRelational(query, url)) {
    return NotRelational(
        StrCat("Cannot ", doing, ": the server does not search all instances of a study; name the series"));
  }
  throw Error(ErrorCode::kUnsupported, StrCat("Cannot ", doing, ": the server does not offer this search (HTTP 404)"));
}

// Whether the archive has what the path names.
bool QidoClient::HasParent(const Query& query, const QidoUrl& url, const Context& context) {
  const bool in_series = url.in_path.size() == 2;
  Query parent(in_series ? Level::kSeries : Level::kStudy);
  for (const Tag tag : url.in_path) {
    parent.Where(tag, query.Get(tag));
  }
  return !Fetch(parent, MakeQidoUrl(parent, true), 1, 0, context).rows.empty();
}

bool QidoClient::Decodes(const Query& query, const Context& context) {
  if (!NeedsPercentEncoding(query)) {
    return true;
  }
  Decoding known = decoding_.load(std::memory_order_relaxed);
  if (known == Decoding::kUnknown) {
    const Query any(Level::kStudy);
    QidoReader reader(Doing(any));
    Get("/studies?limit=%31", reader, context);
    if (Refused(reader.head())) {
      known = Decoding::kNo;
      LogInfo("The archive does not decode percent-encoded queries: special characters are searched with wildcards");
    } else {
      Read(any, MakeQidoUrl(any, true), reader, context);
      known = Decoding::kYes;
    }
    decoding_.store(known, std::memory_order_relaxed);
  }
  return known == Decoding::kYes;
}

}  // namespace trolley
