#include "orthanc/orthanc_detection.h"

#include <nlohmann/json.hpp>
#include <string_view>

#include "base/text.h"
#include "orthanc/orthanc_json.h"

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

}  // namespace trolley
