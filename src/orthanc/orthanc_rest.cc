// Orthanc's REST interface: requests, and whether it is available. Called by the searcher and the downloader of this
// room, on the threads that run their queries and transfers.
#include "orthanc/orthanc_rest.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/async_call.h"
#include "base/mutex.h"
#include "base/text.h"
#include "http/http_status.h"
#include "http/url_for_log.h"
#include "orthanc/orthanc_detection.h"
#include "orthanc/orthanc_identifiers.h"
#include "orthanc/orthanc_instances.h"
#include "orthanc/orthanc_json.h"
#include "orthanc/orthanc_lists.h"
#include "trolley/error.h"
#include "trolley/log.h"

namespace trolley {
namespace {

using nlohmann::json;

constexpr size_t kMaxList = size_t{256} << 20;  // bytes; parsed as it arrives
constexpr size_t kMaxBody = size_t{32} << 20;   // bytes; kept in memory
constexpr size_t kMaxReserved = 100000;         // instances
constexpr auto kRetryPause = std::chrono::minutes(10);
constexpr auto kDetectionPause = std::chrono::hours(1);  // after something else was found
constexpr auto kDetectionTimeout = std::chrono::seconds(2);
constexpr auto kTimeout = std::chrono::seconds(10);

// The server refuses, which is not a failure: the interface is closed to us or to all.
bool RefusesRest(int status) {
  return status == 401 || status == 403 || status == 404 || status == 405 || status == 410 || status == 501;
}

}  // namespace

class OrthancRest::Impl {
 public:
  Impl(std::string url, std::shared_ptr<HttpClient> http, Basis basis)
      : base_(WithoutTrailingSlashes(std::move(url))), http_(std::move(http)), basis_(basis) {}

  bool IsAvailable(const Context& context) {
    {
      const MutexLock lock(mutex_);
      if (available_) {
        return true;
      }
      if (detecting_ || Clock::now() < not_before_) {
        return false;
      }
      detecting_ = is_detected();
    }
    return is_detected() ? Detect(context) : RequestSystem(context);
  }

  bool IsKnownAvailable(const Context& context) {
    if (!is_detected()) {
      return IsAvailable(context);
    }
    const MutexLock lock(mutex_);
    return available_;
  }

  bool is_detected() const { return basis_ == Basis::kDetected; }

  void MarkUnavailable(std::string_view reason) {
    const MutexLock lock(mutex_);
    available_ = false;
    not_before_ = Clock::now() + kRetryPause;
    if (!std::exchange(logged_, true)) {
      LogInfo(StrCat("Orthanc's own REST interface cannot be used, DICOMweb does everything: ", reason));
    }
  }

  File FindFile(const InstanceReference& instance, bool refresh, const Context& context) {
    if (!refresh) {
      if (const auto id = known_.Find(instance)) {
        return {false, UrlOf(*id)};
      }
    }
    const auto found = Find("Instance", instance.series_reference(), &instance.instance, false, context);
    if (!found) {
      return {true, ""};
    }
    const std::vector<std::string> ids = IdentifiersIn(*found);
    if (ids.empty()) {
      return {false, ""};
    }
    known_.Remember(instance.series_reference(), {{instance.instance, ids.front()}});
    return {false, UrlOf(ids.front())};
  }

  std::optional<Sizes> SizesOf(const SeriesReference& series, const Context& context) {
    const auto resources = Find("Series", series, nullptr, false, context);
    if (!resources) {
      return std::nullopt;
    }
    OrthancStoredInstances found;
    for (const std::string& id : IdentifiersIn(*resources)) {
      const auto add = [&](OrthancInstance instance) { found.Add(std::move(instance)); };
      if (!ReadInstances(InstancesOf(id), add, context)) {
        return std::nullopt;
      }
    }
    known_.Remember(series, std::move(found.ids));
    return std::move(found.sizes);
  }

  std::optional<Sizes> SizesOf(const InstanceReference& instance, const Context& context) {
    OrthancStoredInstances found;
    const HttpRequest request = FindRequest("Instance", instance.series_reference(), &instance.instance, true);
    const auto add = [&](OrthancInstance described) { found.Add(std::move(described)); };
    if (!ReadInstances(request, add, context)) {
      return std::nullopt;
    }
    known_.Remember(instance.series_reference(), std::move(found.ids));
    return std::move(found.sizes);
  }

  std::optional<std::vector<Instance>> List(const SeriesReference& series, const Context& context) {
    const auto resources = Find("Series", series, nullptr, true, context);
    if (!resources) {
      return std::nullopt;
    }
    OrthancSeriesList list;
    for (const json& described : *resources) {
      if (!AddInstances(described, series, list, context)) {
        return std::nullopt;
      }
    }
    if (list.instances.empty()) {
      return std::nullopt;
    }
    known_.Remember(series, std::move(list.ids));
    return std::move(list.instances);
  }

 private:
  // Adds the instances of one series resource. False when the interface refuses or the list is doubtful.
  bool AddInstances(const json& described, const SeriesReference& series, OrthancSeriesList& list,
                    const Context& context) {
    const std::string id = described.is_object() ? JsonText(described, "ID") : "";
    const auto tags = described.find("MainDicomTags");
    const auto children = described.find("Instances");
    if (!IsOrthancIdentifier(id) || tags == described.end() ||
        JsonText(*tags, "SeriesInstanceUID") != series.series.str() || children == described.end() ||
        !children->is_array()) {
      NotOrthanc("a series is not described");
    }
    const size_t before = list.instances.size();
    list.bytes = 0;
    list.instances.reserve(before + std::min(children->size(), kMaxReserved));
    AsyncCall<std::optional<uint64_t>> total(context,
                                             [this, id](const Context& limited) { return TotalSize(id, limited); });
    const auto add = [&](OrthancInstance instance) { list.Add(std::move(instance), id); };
    return ReadInstances(InstancesOf(id), add, context) && !list.doubtful &&
           list.instances.size() - before == children->size() && IsSumOfSizes(list.bytes, total.Get());
  }

  bool RequestSystem(const Context& context) {
    HttpRequest request;
    request.url = base_ + "/system";
    const HttpResponse response = Fetch(request, context);
    if (!RefusesRest(response.head.status)) {
      CheckStatus(response.head, kOrthancDoing, response.body);
    }
    const json system = json::parse(response.body, nullptr, false);
    if (response.head.status != 200 || !system.is_object() || !system.contains("ApiVersion")) {
      MarkUnavailable(StrCat("HTTP ", response.head.status, " for ", UrlForLog(request.url)));
      return false;
    }
    const MutexLock lock(mutex_);
    available_ = true;
    return true;
  }

  bool Detect(const Context& context) {
    Context limited = context;
    limited.deadline = std::min(context.deadline, Clock::now() + kDetectionTimeout);
    std::optional<std::string> version;
    Clock::duration pause = kRetryPause;
    try {
      version = DetectOrthanc(base_, *http_, limited);
      pause = kDetectionPause;
    } catch (const Error& error) {
      if (context.stop.stop_requested()) {
        const MutexLock lock(mutex_);
        detecting_ = false;
        throw;
      }
      LogDebug(StrCat("Cannot find out whether this is an Orthanc: ", error.what()));
    }
    if (version) {
      LogInfo(StrCat("This is an Orthanc ", *version, ": its own REST interface is used where that is faster"));
    }
    const MutexLock lock(mutex_);
    detecting_ = false;
    available_ = version.has_value();
    not_before_ = Clock::now() + pause;
    return available_;
  }

  // Of the files of a series, and of what else is kept of its instances.
  std::optional<uint64_t> TotalSize(const std::string& series_id, const Context& context) {
    HttpRequest request;
    request.url = StrCat(base_, "/series/", series_id, "/statistics");
    const auto statistics = FetchJson(request, context);
    if (!statistics) {
      return std::nullopt;
    }
    const std::string size = JsonText(*statistics, "DicomUncompressedSize");
    return ParseUint(size.empty() ? JsonText(*statistics, "UncompressedSize") : size);
  }

  // As against sizes that are given modulo 4 GiB each.
  static bool IsSumOfSizes(uint64_t bytes, std::optional<uint64_t> total) {
    return total && *total >= bytes && *total - bytes < uint64_t{1} << 32;
  }

  HttpRequest InstancesOf(const std::string& series_id) const {
    HttpRequest request;
    request.url = StrCat(base_, "/series/", series_id, "/instances");
    request.accept_gzip = true;
    return request;
  }

  // False when the interface refuses.
  bool ReadInstances(const HttpRequest& request, const std::function<void(OrthancInstance)>& each,
                     const Context& context) {
    OrthancInstanceSink sink(each, kMaxList);
    const HttpHead head =
        WithTimeLimit(context, [&](const Context& limited) { return http_->Stream(request, sink, limited); });
    if (!IsAccepted(head, request, sink.text())) {
      return false;
    }
    sink.Finish();
    return true;
  }

  HttpResponse Fetch(const HttpRequest& request, const Context& context) {
    return WithTimeLimit(context, [&](const Context& limited) { return http_->Fetch(request, limited, kMaxBody); });
  }

  // DICOMweb can do everything that is done here, so a slow response is not waited for.
  template <typename F>
  auto WithTimeLimit(const Context& context, const F& send) -> decltype(send(context)) {
    Context limited = context;
    limited.deadline = std::min(context.deadline, Clock::now() + kTimeout);
    try {
      return send(limited);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kTimedOut || Clock::now() >= context.deadline) {
        throw;
      }
      MarkUnavailable(error.what());
      throw Error(ErrorCode::kUnavailable, error.what());
    }
  }

  std::string UrlOf(const std::string& id) const { return StrCat(base_, "/instances/", id, "/file"); }

  // Resources of a level with these UIDs. (/tools/lookup would know one UID only, and the same SeriesInstanceUID may be
  // in two studies.)
  HttpRequest FindRequest(const char* level, const SeriesReference& series, const Uid* instance, bool expand) const {
    json query = {{"StudyInstanceUID", series.study.str()}, {"SeriesInstanceUID", series.series.str()}};
    if (instance != nullptr) {
      query["SOPInstanceUID"] = instance->str();
    }
    HttpRequest request;
    request.method = "POST";
    request.url = base_ + "/tools/find";
    request.headers = {"Content-Type: application/json"};
    request.body = json{{"Level", level}, {"Expand", expand}, {"Query", query}}.dump();
    return request;
  }

  // A list; nullopt when the interface refuses.
  std::optional<json> Find(const char* level, const SeriesReference& series, const Uid* instance, bool expand,
                           const Context& context) {
    auto found = FetchJson(FindRequest(level, series, instance, expand), context);
    if (found && !found->is_array()) {
      NotOrthanc("the response is not the list that it should be");
    }
    return found;
  }

  // A list or an object; nullopt when the interface refuses.
  std::optional<json> FetchJson(const HttpRequest& request, const Context& context) {
    const HttpResponse response = Fetch(request, context);
    if (!IsAccepted(response.head, request, response.body)) {
      return std::nullopt;
    }
    std::optional<json> parsed(std::in_place, json::parse(response.body, nullptr, false));
    if (!parsed->is_structured()) {
      NotOrthanc("the response is not JSON");
    }
    return parsed;
  }

  // False when the interface refuses the request. Throws for other failures.
  bool IsAccepted(const HttpHead& head, const HttpRequest& request, std::string_view body) {
    if (RefusesRest(head.status)) {
      const std::string reason = StrCat("HTTP ", head.status, " for ", UrlForLog(request.url));
      if (head.status != 404 || request.method == "POST") {  // else only this series was removed
        MarkUnavailable(reason);
      }
      LogDebug(StrCat("Cannot ", kOrthancDoing, ": ", reason));
      return false;
    }
    CheckStatus(head, kOrthancDoing, body);
    if (head.status != 200) {
      NotOrthanc(StrCat("HTTP ", head.status));
    }
    return true;
  }

  static std::vector<std::string> IdentifiersIn(const json& found) {
    std::vector<std::string> ids;
    for (const json& id : found) {
      if (!id.is_string() || !IsOrthancIdentifier(id.get_ref<const std::string&>())) {
        NotOrthanc("an identifier is malformed");
      }
      ids.push_back(id.get<std::string>());
    }
    return ids;
  }

  const std::string base_;
  const std::shared_ptr<HttpClient> http_;
  const Basis basis_;
  OrthancIdentifiers known_;
  Mutex mutex_;
  bool available_ TROLLEY_GUARDED_BY(mutex_) = false;
  bool detecting_ TROLLEY_GUARDED_BY(mutex_) = false;
  bool logged_ TROLLEY_GUARDED_BY(mutex_) = false;  // that it is not available
  Clock::time_point not_before_ TROLLEY_GUARDED_BY(mutex_) = Clock::time_point::min();
};

OrthancRest::OrthancRest(std::string url, std::shared_ptr<HttpClient> http, Basis basis)
    : impl_(std::make_unique<Impl>(std::move(url), std::move(http), basis)) {}

OrthancRest::~OrthancRest() = default;

bool OrthancRest::IsAvailable(const Context& context) {
  return impl_->IsAvailable(context);
}

bool OrthancRest::IsKnownAvailable(const Context& context) {
  return impl_->IsKnownAvailable(context);
}

bool OrthancRest::is_detected() const {
  return impl_->is_detected();
}

void OrthancRest::MarkUnavailable(std::string_view reason) {
  impl_->MarkUnavailable(reason);
}

OrthancRest::File OrthancRest::FindFile(const InstanceReference& instance, bool refresh, const Context& context) {
  return impl_->FindFile(instance, refresh, context);
}

std::optional<OrthancRest::Sizes> OrthancRest::SizesOf(const SeriesReference& series, const Context& context) {
  return impl_->SizesOf(series, context);
}

std::optional<OrthancRest::Sizes> OrthancRest::SizesOf(const InstanceReference& instance, const Context& context) {
  return impl_->SizesOf(instance, context);
}

std::optional<std::vector<Instance>> OrthancRest::List(const SeriesReference& series, const Context& context) {
  return impl_->List(series, context);
}

}  // namespace trolley
