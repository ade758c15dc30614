// The keys of each transport, and the use of its address in messages, cache keys and warnings. A new transport makes
// each visitor here fail to compile until it is handled.
#include "config/endpoint.h"

#include <algorithm>
#include <string_view>

#include "base/text.h"
#include "config/config_table.h"
#include "config/registry.h"
#include "config/secret_keys.h"
#include "config/service_url.h"
#include "http/http_url.h"

namespace trolley {
namespace {

template <typename... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <typename... F>
Overloaded(F...) -> Overloaded<F...>;

template <typename T>
const T* OfKind(const Endpoint* endpoint) {
  return endpoint == nullptr ? nullptr : std::get_if<T>(endpoint);
}

HttpEndpoint ReadHttp(ConfigTable& table, const HttpEndpoint& inherited) {
  HttpEndpoint endpoint = inherited;
  if (const auto url = ReadServiceUrl(table, "url", endpoint.url.empty())) {
    endpoint.url = *url;
  }
  if (auto auth = table.Table("auth")) {
    endpoint.auth = ReadAuth(*auth);
  }
  return endpoint;
}

std::string HostAndPort(const DicomEndpoint& dicom) {
  return StrCat(dicom.peer.called_aet, "@", dicom.peer.host, ":", dicom.peer.port);
}

bool IsLoopback(std::string_view host) {
  return host.starts_with("127.") || host.starts_with("localhost") || host.starts_with("[::1]");
}

}  // namespace

HttpEndpoint ReadHttpEndpoint(ConfigTable& table) {
  return ReadHttp(table, {});
}

HttpEndpoint ReadDicomWebEndpoint(ConfigTable& table, const Endpoint* searcher) {
  const auto* inherited = OfKind<HttpEndpoint>(searcher);
  HttpEndpoint endpoint = inherited != nullptr && inherited->dicom_web ? *inherited : HttpEndpoint();
  endpoint.dicom_web = true;
  return ReadHttp(table, endpoint);
}

DicomEndpoint ReadDicomEndpoint(ConfigTable& table, const Endpoint* searcher) {
  const auto* inherited = OfKind<DicomEndpoint>(searcher);
  DicomEndpoint endpoint = inherited != nullptr ? *inherited : DicomEndpoint();
  const std::string inherited_host = endpoint.peer.host;
  if (const auto host = table.String("host")) {
    endpoint.peer.host = *host;
  }
  if (endpoint.peer.host.empty()) {
    endpoint.peer.host = table.RequiredString("host");
  }
  if (endpoint.peer.host != inherited_host) {
    // The credentials for one host are not shown to another.
    endpoint.user.clear();
    endpoint.passcode = {};
  }
  uint32_t port = endpoint.peer.port;
  table.Number("port", 1, 65535, port);
  endpoint.peer.port = static_cast<uint16_t>(port);
  ReadAeTitle(table, "aet", endpoint.peer.calling_aet);
  ReadAeTitle(table, "aec", endpoint.peer.called_aet);
  table.Bool("tls", endpoint.tls);
  table.Bool("check_host", endpoint.check_host);
  if (const auto user = table.String("user")) {
    endpoint.user = *user;
  }
  const SecretSource passcode = ReadSecretSource(table, "passcode");
  if (!passcode.empty()) {
    endpoint.passcode = passcode;
  }
  if (!endpoint.passcode.empty() && endpoint.user.empty()) {
    table.Refuse("a passcode needs 'user'");
  }
  return endpoint;
}

FolderEndpoint ReadFolderEndpoint(ConfigTable& table, const Endpoint* searcher) {
  const auto* inherited = OfKind<FolderEndpoint>(searcher);
  const auto path = table.Path("path");
  if (!path) {
    return inherited != nullptr ? *inherited : FolderEndpoint{table.RequiredString("path")};
  }
  if (inherited != nullptr && inherited->path != *path) {
    table.Refuse("path", "searcher and downloader name different folders");
  }
  return FolderEndpoint{*path};
}

std::string AddressOf(const Endpoint& endpoint) {
  return std::visit(Overloaded{[](const HttpEndpoint& http) { return http.url; },
                               [](const DicomEndpoint& dicom) { return HostAndPort(dicom); },
                               [](const FolderEndpoint& folder) { return folder.path.string(); }},
                    endpoint);
}

std::string IdentityOf(const Endpoint& endpoint) {
  return std::visit(
      Overloaded{[](const HttpEndpoint& http) { return http.url; },
                 [](const DicomEndpoint& dicom) { return StrCat(HostAndPort(dicom), " as ", dicom.peer.calling_aet); },
                 [](const FolderEndpoint& folder) { return folder.path.string(); }},
      endpoint);
}

std::string AccountOf(const Endpoint& endpoint, const AuthConfig* auth) {
  const auto account = [](const AuthConfig* used) { return used == nullptr ? std::string() : used->Identity(); };
  return std::visit(
      Overloaded{
          [&](const HttpEndpoint& http) { return account(http.auth != nullptr ? http.auth.get() : auth); },
          [](const DicomEndpoint& dicom) { return dicom.user.empty() ? std::string() : StrCat("user:", dicom.user); },
          // Nobody logs in to a folder; its part of the key is as it always was.
          [&](const FolderEndpoint&) { return account(auth); }},
      endpoint);
}

std::optional<std::string> PlainTextWarning(const Endpoint& endpoint, const AuthConfig* auth) {
  const auto warning = [](std::string_view host, std::string_view remedy) -> std::optional<std::string> {
    if (IsLoopback(host)) {
      return std::nullopt;
    }
    return StrCat("credentials go unencrypted to ", host, "; use ", remedy);
  };
  return std::visit(
      Overloaded{[&](const HttpEndpoint& http) -> std::optional<std::string> {
                   const bool plain = http.url.starts_with("http://");
                   return plain && !AccountOf(endpoint, auth).empty() ? warning(ServiceUrlHost(http.url), "https")
                                                                      : std::nullopt;
                 },
                 [&](const DicomEndpoint& dicom) -> std::optional<std::string> {
                   return !dicom.tls && !dicom.passcode.empty() ? warning(dicom.peer.host, "tls = true") : std::nullopt;
                 },
                 [](const FolderEndpoint&) -> std::optional<std::string> { return std::nullopt; }},
      endpoint);
}

bool IsAeTitle(std::string_view title) {
  return !title.empty() && title.size() <= 16 && title.find_first_not_of(' ') != std::string_view::npos &&
         std::all_of(title.begin(), title.end(), [](char c) { return c >= ' ' && c < 0x7f && c != '\\'; });
}

void ReadAeTitle(ConfigTable& table, const char* key, std::string& title) {
  const auto text = table.String(key);
  if (!text) {
    return;
  }
  title = std::string(Trim(*text));
  if (!IsAeTitle(title)) {
    table.Refuse(key, StrCat("'", key, "' is not an AE title: 1 to 16 printable characters without backslash"));
  }
}

}  // namespace trolley
