#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "http/http_client.h"

namespace trolley {
namespace {

constexpr size_t kMaxExcerpt = 200;
constexpr size_t kMaxLoggedUrl = 1000;

bool IsPrintable(char c) {
  return c >= ' ' && c <= '~';
}

// The first words of a body, in one line; markup is left out.
std::string Excerpt(std::string_view body) {
  std::string text;
  bool in_tag = false;
  for (const char c : body.substr(0, 20 * kMaxExcerpt)) {
    const bool ends_tag = c == '>' && in_tag;
    in_tag = c == '<' || (in_tag && !ends_tag);
    if (!in_tag && !ends_tag && IsPrintable(c) && c != ' ') {
      text.push_back(c);
    } else if (!text.empty() && text.back() != ' ') {
      text.push_back(' ');
    }
    if (text.size() >= kMaxExcerpt) {
      return text + "...";
    }
  }
  return std::string(Trim(text));
}

// nginx has no status of its own for it.
bool WantsCertificate(int status, std::string_view body) {
  return status == 400 && body.find("SSL certificate") != std::string_view::npos;
}

struct Verdict {
  ErrorCode code;
  std::string_view advice;
};

Verdict Judge(int status) {
  switch (status) {
    case 401:
      return {ErrorCode::kAccessDenied, "; check the user and the password or token in the configuration"};
    case 403:
      return {ErrorCode::kAccessDenied, "; this user or this computer may not do that there"};
    case 407:
      return {ErrorCode::kAccessDenied, "; the proxy wants credentials"};
    case 408:
    case 504:
      return {ErrorCode::kTimedOut, ""};
    case 413:
      return {ErrorCode::kTooMany, "; narrow the question"};
    case 429:
      return {ErrorCode::kUnavailable, "; it is asked too often"};
    default:
      break;
  }
  if (status >= 500 && status <= 599) {
    return {ErrorCode::kUnavailable, ""};
  }
  if (status >= 300 && status <= 399) {
    return {ErrorCode::kProtocol, "; configure the address that it redirects to"};
  }
  return {ErrorCode::kProtocol, ""};
}

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
    out.push_back(IsPrintable(c) ? c : '?');
  }
}

}  // namespace

void CheckStatus(const HttpHead& head, std::string_view doing, std::string_view body) {
  if ((head.status >= 200 && head.status <= 299) || head.status == 404 || head.status == 410) {
    return;
  }
  const Verdict verdict =
      WantsCertificate(head.status, body)
          ? Verdict{ErrorCode::kAccessDenied, "; it wants a client certificate that it knows, see the configuration"}
          : Judge(head.status);
  std::string message = StrCat("Cannot ", doing, ": the server answered ", head.status, verdict.advice);
  if (const std::string_view wait = head.Header("retry-after");
      (head.status == 429 || head.status == 503) && ParseUint(wait)) {
    message += StrCat("; it wants to be asked again after ", wait, " s");
  }
  // Servers quote the question in their answer, names of patients included.
  if (const std::string excerpt = Excerpt(body); !excerpt.empty() && Sensitive(excerpt) == excerpt) {
    message += StrCat(" (\"", excerpt, "\")");
  }
  throw Error(verdict.code, message);
}

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
  const size_t question = url.find('?');
  AppendPrintable(out, url.substr(0, question));
  if (question != std::string_view::npos) {
    char before = '?';
    for (const std::string_view term : Split(url.substr(question + 1), '&')) {
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
