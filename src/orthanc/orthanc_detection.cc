#include "orthanc/orthanc_detection.h"

#include <nlohmann/json.hpp>
#include <string_view>

#include "base/text.h"
#include "http/url_for_log.h"
#include "orthanc/orthanc_json.h"
#include "trolley/error.h"

namespace trolley {
namespace {

using nlohmann::json;

constexpr size_t kMaxProbeBody = size_t{1} << 20;

// The parsed JSON object, or null.
json Probe(const std::string& url, HttpClient& http, const Context& context) {
  HttpRequest request;
  request.url = url;
  request.follow_redirects = false;
  request.renew_credentials = false;
  const HttpResponse response = http.Fetch(request, context, kMaxProbeBody);
  json parsed = json::parse(response.body, nullptr, false);
  if (response.head.status != 200 || !parsed.is_object()) {
    return {};
  }
  return parsed;  // moved: a copy goes as deep as the archive likes
}

// As "1.10.1", "mainline".
bool IsVersion(std::string_view text) {
  constexpr std::string_view kOfVersions = "0123456789.abcdefghijklmnopqrstuvwxyz-";
  return !text.empty() && text.size() < 30 && text.find_first_not_of(kOfVersions) == std::string_view::npos;
}

}  // namespace

std::optional<std::string> DetectOrthanc(const std::string& url, HttpClient& http, const Context& context) {
  const json system = Probe(StrCat(url, "/system"), http, context);
  const std::string version = JsonText(system, "Version");
  const auto api = system.find("ApiVersion");
  if (api == system.end() || !api->is_number() || !IsVersion(version)) {
    return std::nullopt;
  }
  // Without that plugin, the DICOMweb service at this address belongs to another server.
  const json plugin = Probe(StrCat(url, "/plugins/dicom-web"), http, context);
  return JsonText(plugin, "ID") == "dicom-web" ? std::optional(version) : std::nullopt;
}

std::string OrthancRoot(std::string_view dicom_web_url) {
  while (dicom_web_url.ends_with('/')) {
    dicom_web_url.remove_suffix(1);
  }
  const size_t scheme = dicom_web_url.find("://");
  const size_t host = scheme == std::string_view::npos ? 0 : scheme + 3;
  const size_t slash = dicom_web_url.rfind('/');
  if (slash == std::string_view::npos || slash < host) {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat("Cannot tell where Orthanc is from ", UrlForLog(dicom_web_url),
                       ": it has no path like /dicom-web; give the URL of Orthanc itself"));
  }
  return std::string(dicom_web_url.substr(0, slash));
}

}  // namespace trolley
