#include "http/http_url.h"

#include <curl/curl.h>

#include <memory>

#include "base/text.h"

namespace trolley::internal {
namespace {

struct UrlDeleter {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
using Url = std::unique_ptr<CURLU, UrlDeleter>;

Url Parse(const std::string& text) {
  Url url(curl_url());
  if (!url || curl_url_set(url.get(), CURLUPART_URL, text.c_str(), 0) != CURLUE_OK) {
    return nullptr;
  }
  return url;
}

std::optional<std::string> Get(const Url& url, CURLUPart part, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url.get(), part, &text, flags) != CURLUE_OK) {
    return std::nullopt;
  }
  std::string result(text);
  curl_free(text);
  return result;
}

std::optional<HttpUrl> Parts(const Url& url) {
  const auto scheme = Get(url, CURLUPART_SCHEME);
  const auto host = Get(url, CURLUPART_HOST);
  const auto port = Get(url, CURLUPART_PORT, CURLU_DEFAULT_PORT);
  if (!scheme || !host || host->empty() || !port || (*scheme != "http" && *scheme != "https")) {
    return std::nullopt;
  }
  const auto path = Get(url, CURLUPART_PATH, CURLU_URLENCODE);
  const auto query = Get(url, CURLUPART_QUERY);
  return HttpUrl{*scheme, AsciiLower(*host), *port, StrCat(path.value_or("/"), query ? "?" : "", query.value_or(""))};
}

std::optional<std::string> Origin(const Url& url) {
  const auto parts = Parts(url);
  return parts ? std::optional(StrCat(parts->scheme, "://", parts->host, ":", parts->port)) : std::nullopt;
}

}  // namespace

std::optional<HttpUrl> ParseHttpUrl(const std::string& url) {
  const Url parsed = Parse(url);
  return parsed ? Parts(parsed) : std::nullopt;
}

bool IsLoopback(std::string_view host) {
  const bool ipv4 = host.find_first_not_of("0123456789.") == std::string_view::npos;
  return host == "localhost" || host == "[::1]" || (ipv4 && host.starts_with("127."));
}

std::optional<std::string> HttpOrigin(const std::string& url) {
  const Url parsed = Parse(url);
  return parsed ? Origin(parsed) : std::nullopt;
}

std::optional<std::string> ResolveRedirect(const std::string& base, const std::string& location) {
  const Url from = Parse(base);
  const Url to = Parse(base);
  if (!from || !to || curl_url_set(to.get(), CURLUPART_URL, location.c_str(), CURLU_URLENCODE) != CURLUE_OK) {
    return std::nullopt;
  }
  const auto origin = Origin(to);
  if (!origin) {
    return std::nullopt;
  }
  const bool same = origin == Origin(from);
  for (const CURLUPart part : {CURLUPART_USER, CURLUPART_PASSWORD}) {
    const auto value = same ? Get(from, part) : std::nullopt;
    curl_url_set(to.get(), part, value ? value->c_str() : nullptr, 0);
  }
  curl_url_set(to.get(), CURLUPART_FRAGMENT, nullptr, 0);
  return Get(to, CURLUPART_URL);
}

}  // namespace trolley::internal
