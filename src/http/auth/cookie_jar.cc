// A jar is a value: one login fills it, and all threads read it. libcurl's cookie engine is a state of handles (shared
// by CURLSH with locks of its own) that every response may change. With it, a refused request could not tell which
// session it had sent, and two requests that are refused together would log in twice; a new login could not begin
// without the old cookies while other transfers still use them.
#include "http/auth/cookie_jar.h"

#include <algorithm>

#include "base/text.h"
#include "http/auth/auth_text.h"
#include "http/http_url.h"

namespace trolley::internal {
namespace {

constexpr size_t kMaxCookies = 50;
constexpr size_t kMaxCookie = 4096;  // name and value, as browsers have it

bool IsWithin(std::string_view host, std::string_view domain) {
  const bool address = host.find_first_not_of("0123456789.") == std::string_view::npos || host.starts_with("[");
  return host == domain || (!address && host.size() > domain.size() && host.ends_with(domain) &&
                            host[host.size() - domain.size() - 1] == '.');
}

// "name=value" without blanks around either.
std::pair<std::string_view, std::string_view> Halves(std::string_view text) {
  const size_t equals = text.find('=');
  return {Trim(text.substr(0, equals)), equals == std::string_view::npos ? "" : Trim(text.substr(equals + 1))};
}

}  // namespace

void CookieJar::Add(const std::string& url, const HttpHead& head) {
  const auto from = ParseHttpUrl(url);
  for (const auto& [header, text] : head.headers) {
    if (header != "set-cookie" || !from) {
      continue;
    }
    const std::vector<std::string_view> pieces = Split(text, ';');
    const auto [name, value] = Halves(pieces.front());
    Cookie cookie{std::string(name), std::string(value), from->host};
    bool valid = !name.empty() && text.find('=') < pieces.front().size() && !HasControl(pieces.front()) &&
                 name.size() + value.size() <= kMaxCookie;
    bool deleted = false;
    for (auto piece = pieces.begin() + 1; piece != pieces.end(); ++piece) {
      const auto [attribute, setting] = Halves(*piece);
      if (EqualsIgnoreCase(attribute, "secure")) {
        cookie.secure = from->scheme == "https";
      } else if (EqualsIgnoreCase(attribute, "domain") && !setting.empty()) {
        cookie.host = AsciiLower(setting.substr(setting.front() == '.' ? 1 : 0));
        cookie.with_subdomains = true;
        // Not for all of ".org": such a cookie would go to unrelated hosts.
        valid = valid && IsWithin(from->host, cookie.host) &&
                (cookie.host == from->host || cookie.host.find('.') != std::string::npos);
      } else if (EqualsIgnoreCase(attribute, "max-age")) {
        deleted = deleted || setting == "0" || setting.starts_with('-');
      } else if (EqualsIgnoreCase(attribute, "expires")) {
        deleted = deleted || setting.find("1970") != std::string_view::npos;
      }
    }
    std::erase_if(cookies_,
                  [&cookie](const Cookie& old) { return old.name == cookie.name && old.host == cookie.host; });
    if (valid && !deleted && cookies_.size() < kMaxCookies) {
      cookies_.push_back(std::move(cookie));
    }
  }
}

std::string CookieJar::Line(const std::string& url) const {
  const auto to = ParseHttpUrl(url);
  std::string line;
  for (const Cookie& cookie : cookies_) {
    if (to && (to->host == cookie.host || (cookie.with_subdomains && IsWithin(to->host, cookie.host))) &&
        (!cookie.secure || to->scheme == "https")) {
      line += StrCat(line.empty() ? "Cookie: " : "; ", cookie.name, "=", cookie.value);
    }
  }
  return line;
}

}  // namespace trolley::internal
