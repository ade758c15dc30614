#include "http/http_status.h"

#include "base/text.h"
#include "trolley/error.h"
#include "trolley/log.h"

namespace trolley {
namespace {

constexpr size_t kMaxExcerpt = 200;

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

// nginx sends 400 with this text.
bool WantsCertificate(int status, std::string_view body) {
  return status == 400 && body.find("SSL certificate") != std::string_view::npos;
}

struct StatusClass {
  ErrorCode code;
  std::string_view advice;
};

StatusClass ClassifyStatus(int status) {
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
      return {ErrorCode::kTooMany, "; narrow the query"};
    case 429:
      return {ErrorCode::kUnavailable, "; it receives too many requests"};
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

}  // namespace

void CheckStatus(const HttpHead& head, std::string_view doing, std::string_view body) {
  if ((head.status >= 200 && head.status <= 299) || head.status == 404 || head.status == 410) {
    return;
  }
  const StatusClass status_class =
      WantsCertificate(head.status, body)
          ? StatusClass{ErrorCode::kAccessDenied,
                        "; it wants a client certificate that it knows, see the configuration"}
          : ClassifyStatus(head.status);
  std::string message = StrCat("Cannot ", doing, ": the server responded with ", head.status, status_class.advice);
  if (const std::string_view wait = head.Header("retry-after");
      (head.status == 429 || head.status == 503) && ParseUint(wait)) {
    message += StrCat("; it asks to retry after ", wait, " s");
  }
  // Servers quote the query in their response, names of patients included: such an excerpt is left out.
  if (const std::string excerpt = Excerpt(body); !excerpt.empty() && Sensitive(excerpt) == excerpt) {
    message += StrCat(" (\"", excerpt, "\")");
  }
  throw Error(status_class.code, message);
}

}  // namespace trolley
