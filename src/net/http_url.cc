#include <curl/curl.h>

#include <memory>

#include "base/text.h"
#include "net/http_exchange.h"

namespace trolley::internal {
namespace {

struct Deleter {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
using Url = std::unique_ptr<CURLU, Deleter>;

Url Parse(const std::string& text) {
  Url url(curl_url());
  if (!url || curl_url_set(url.get(), CURLUPART_URL, text.c_str(), 0) != CURLUE_OK) {
    return nullptr;
  }
  return url;
}

std::optional<std::string> Get(const Url& url, CURLUPart part) {
  char* text = nullptr;
  if (curl_url_get(url.get(), part, &text, part == CURLUPART_PORT ? CURLU_DEFAULT_PORT : 0U) != CURLUE_OK) {
    return std::nullopt;
  }
  std::string result(text);
  curl_free(text);
  return result;
}

std::optional<std::string> Origin(const Url& url) {
  const auto scheme = Get(url, CURLUPART_SCHEME);
  const auto host = Get(url, CURLUPART_HOST);
  const auto port = Get(url, CURLUPART_PORT);
  if (!scheme || !host || host->empty() || !port || (*scheme != "http" && *scheme != "https")) {
    return std::nullopt;
  }
  return StrCat(*scheme, "://", AsciiLower(*host), ":", *port);
}

}  // namespace

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
