// URLs from users may hold passwords and tokens, so messages never repeat more of them than WithoutSecrets() leaves.
#include "config/service_url.h"

#include <algorithm>

#include "base/text.h"
#include "trolley/error.h"

namespace trolley {
namespace {

[[noreturn]] void Refuse(std::string_view url, std::string_view reason) {
  throw Error(ErrorCode::kInvalidArgument, StrCat("Cannot use the URL '", WithoutSecrets(url), "': ", reason));
}

bool IsUrlCharacter(char c) {
  return c > ' ' && c < 0x7f && std::string_view("\"<>\\^`{|}").find(c) == std::string_view::npos;
}

void CheckAuthority(std::string_view url, std::string_view authority) {
  std::string_view host = authority;
  std::string_view port;
  if (host.starts_with('[')) {
    const size_t end = host.find(']');
    if (end == std::string_view::npos || (end + 1 < host.size() && host[end + 1] != ':')) {
      Refuse(url, "the IPv6 address is malformed");
    }
    port = end + 1 < host.size() ? host.substr(end + 2) : std::string_view();
    if (end + 1 < host.size() && port.empty()) {
      Refuse(url, "the port is missing after ':'");
    }
    host = host.substr(0, end + 1);
  } else if (const size_t colon = host.find(':'); colon != std::string_view::npos) {
    port = host.substr(colon + 1);
    host = host.substr(0, colon);
    if (port.empty()) {
      Refuse(url, "the port is missing after ':'");
    }
  }
  if (host.empty() || host == "[]") {
    Refuse(url, "it names no host");
  }
  const auto number = ParseUint(port);
  if (!port.empty() && (!number || *number == 0 || *number > 65535)) {
    Refuse(url, "the port is not a number from 1 to 65535");
  }
}

}  // namespace

std::string WithoutSecrets(std::string_view text) {
  const size_t scheme = text.find(":/");
  size_t start = 0;
  if (scheme != std::string_view::npos) {
    start = std::min(text.find_first_not_of('/', scheme + 1), text.size());
  }
  std::string_view rest = text.substr(start);
  std::string shown(text.substr(0, start));
  if (const size_t at = rest.rfind('@'); at != std::string_view::npos) {
    shown += "...";
    rest.remove_prefix(at);
  }
  if (const size_t end = rest.find_first_of("?#"); end != std::string_view::npos) {
    return StrCat(shown, rest.substr(0, end), "...");
  }
  return StrCat(shown, rest);
}

std::string NormalizeServiceUrl(std::string_view url) {
  std::string scheme;
  if (StartsWithIgnoreCase(url, "https://")) {
    scheme = "https://";
  } else if (StartsWithIgnoreCase(url, "http://")) {
    scheme = "http://";
  } else {
    Refuse(url, "only http:// and https:// URLs of a DICOMweb service are supported");
  }
  std::string_view rest = url.substr(scheme.size());
  if (rest.substr(0, rest.find_first_of("/?#")).find('@') != std::string_view::npos) {
    Refuse(url,
           "it contains user info, which everybody on this machine can see; "
           "put auth = { type = \"basic\", user = ..., password_file = ... } into the configuration");
  }
  if (rest.find_first_of("?#") != std::string_view::npos) {
    Refuse(url, "the base of a DICOMweb service has no query and no fragment");
  }
  if (!std::all_of(rest.begin(), rest.end(), IsUrlCharacter)) {
    Refuse(url, "it contains characters that have to be percent-encoded");
  }
  const size_t slash = std::min(rest.find('/'), rest.size());
  std::string authority = AsciiLower(rest.substr(0, slash));
  CheckAuthority(url, authority);
  const std::string_view default_port = scheme == "https://" ? ":443" : ":80";
  if (authority.ends_with(default_port)) {
    authority.resize(authority.size() - default_port.size());
  }
  std::string_view path = rest.substr(slash);
  while (path.ends_with('/')) {
    path.remove_suffix(1);
  }
  return StrCat(scheme, authority, path);
}

std::string ServiceUrlHost(std::string_view url) {
  const size_t start = url.find("://") + 3;
  return std::string(url.substr(start, url.find('/', start) - start));
}

}  // namespace trolley
