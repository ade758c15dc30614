#include "http/url_for_log.h"

#include <algorithm>

#include "base/text.h"

namespace trolley {
namespace {

constexpr size_t kMaxLoggedUrl = 1000;

bool IsPort(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// A password with "/", "?" or "#" that was not encoded ends the authority too early: show nothing of it then.
bool IsHostAndPort(std::string_view authority) {
  const size_t bracket = authority.rfind(']');
  const size_t colon = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  return colon == std::string_view::npos || IsPort(authority.substr(colon + 1));
}

void AppendPrintable(std::string& out, std::string_view text) {
  for (const char c : text) {
    out.push_back((c >= ' ' && c <= '~') ? c : '?');
  }
}

}  // namespace

std::string UrlForLog(std::string_view url) {
  std::string out;
  if (const size_t scheme = url.find("://"); scheme != std::string_view::npos && scheme <= 10) {
    AppendPrintable(out, url.substr(0, scheme + 3));
    url.remove_prefix(scheme + 3);
  }
  std::string_view authority = url.substr(0, url.find_first_of("/?#"));
  url.remove_prefix(authority.size());
  if (const size_t at = authority.rfind('@'); at != std::string_view::npos) {
    authority.remove_prefix(at + 1);
  }
  if (!IsHostAndPort(authority)) {
    return out + "...";
  }
  AppendPrintable(out, authority);
  url = url.substr(0, url.find('#'));
  const size_t query = url.find('?');
  AppendPrintable(out, url.substr(0, query));
  if (query != std::string_view::npos) {
    char before = '?';
    for (const std::string_view term : Split(url.substr(query + 1), '&')) {
      out.push_back(before);
      before = '&';
      const size_t equals = term.find('=');
      if (equals != std::string_view::npos) {
        AppendPrintable(out, term.substr(0, equals + 1));
      }
      if (!term.empty()) {
        out += "...";
      }
    }
  }
  if (out.size() > kMaxLoggedUrl) {
    out.resize(kMaxLoggedUrl);
    out += "...";
  }
  return out;
}

}  // namespace trolley
