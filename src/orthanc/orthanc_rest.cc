#include "orthanc/orthanc_rest.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <functional>
#include <mutex>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/async_call.h"
#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "orthanc/orthanc_detection.h"
#include "orthanc/orthanc_instances.h"
#include "orthanc/orthanc_json.h"

namespace trolley {
namespace {

using nlohmann::json;

constexpr size_t kMaxList = size_t{256} << 20;  // read as it comes
constexpr size_t kMaxBody = size_t{32} << 20;   // read at once
constexpr size_t kMaxInstances = 1000000;       // more is for DICOMweb to crop
constexpr size_t kMaxRemembered = 100000;       // identifiers; a few tens of MB
constexpr auto kTryAgainAfter = std::chrono::minutes(10);
constexpr auto kGuessAgainAfter = std::chrono::hours(1);  // where something else is
constexpr auto kGuessPatience = std::chrono::seconds(2);
constexpr auto kPatience = std::chrono::seconds(10);  // all of it can be done without
constexpr std::string_view kDoing = "use Orthanc's REST interface";

// Says no to us or to all, as against failing.
bool RefusesRest(int status) {
  return status == 401 || status == 403 || status == 404 || status == 405 || status == 410 || status == 501;
}

// Nothing but what stands between quotes in a path.
bool IsIdentifier(std::string_view text) {
  return !text.empty() && text.size() <= 64 && text.find_first_not_of("0123456789abcdef-") == std::string_view::npos;
}

[[noreturn]] void NotOrthanc(std::string_view what) {
  throw Error(ErrorCode::kProtocol, StrCat("Cannot ", kDoing, ": ", what));
}

using Identifiers = std::unordered_map<Uid, std::string>;

struct StoredInstances {
  OrthancRest::Sizes sizes;
  Identifiers ids;

  void Add(OrthancInstance instance) {
    if (!instance.uid || !IsIdentifier(instance.id)) {
      NotOrthanc("an instance is described without its identifiers");
    }
    if (!ids.try_emplace(*instance.uid, std::move(instance.id)).second) {
      sizes.erase(*instance.uid);  // stored under two PatientIDs: who knows which is meant
    } else if (instance.size && *instance.size > 0) {
      sizes.emplace(*std::move(instance.uid), *instance.size);
    }
  }
};

}  // namespace

class OrthancRest::Impl {
 public:
  Impl(std::string url, std::shared_ptr<HttpClient> http, Basis basis)
      : base_(WithoutTrailingSlashes(std::move(url))), http_(std::move(http)), basis_(basis) {}

  bool Usable(const Context& context) {
    {
      const std::lock_guard lock(mutex_);
      if (usable_) {
        return true;
      }
      if (guessing_ || Clock::now() < not_before_) {
        return false;
      }
      guessing_ = is_guess();
    }
    return is_guess() ? Guess(context) : AskSystem(context);
  }

  bool UsableByNow(const Context& context) {
    if (!is_guess()) {
      return Usable(context);
    }
    const std::lock_guard lock(mutex_);
    return usable_;
  }

  bool is_guess() const { return basis_ == Basis::kGuess; }

  void GiveUp(std::string_view reason) {
    const std::lock_guard lock(mutex_);
    usable_ = false;
    not_before_ = Clock::now() + kTryAgainAfter;
    if (!std::exchange(told_, true)) {
      LogInfo(StrCat("Orthanc's own REST interface cannot be used, DICOMweb does everything: ", reason));
    }
  }

  std::optional<std::string> FileUrl(const InstanceReference& instance, bool fresh, const Context& context) {
    if (!fresh) {
      const std::lock_guard lock(mutex_);
      if (const auto series = known_.find(instance.series_reference()); series != known_.end()) {
        if (const auto at = series->second.find(instance.instance); at != series->second.end()) {
          return UrlOf(at->second);
        }
      }
    }
    const json found = Find("Instance", instance.series_reference(), &instance.instance, false, context);
    const std::vector<std::string> ids = IdentifiersIn(found);
    if (ids.empty()) {
      return std::nullopt;
    }
    Remember(instance.series_reference(), {{instance.instance, ids.front()}});
    return UrlOf(ids.front());
  }

  Sizes SizesOf(const SeriesReference& series, const Context& context) {
    StoredInstances found;
    for (const std::string& id : IdentifiersIn(Find("Series", series, nullptr, false, context))) {
      AskForInstances(
          InstancesOf(id), [&](OrthancInstance instance) { found.Add(std::move(instance)); }, context);
    }
    Remember(series, std::move(found.ids));
    return std::move(found.sizes);
  }

  Sizes SizesOf(const InstanceReference& instance, const Context& context) {
    StoredInstances found;
    AskForInstances(
        FindRequest("Instance", instance.series_reference(), &instance.instance, true),
        [&](OrthancInstance described) { found.Add(std::move(described)); }, context);
    Remember(instance.series_reference(), std::move(found.ids));
    return std::move(found.sizes);
  }

  std::optional<std::vector<Instance>> List(const SeriesReference& series, const Context& context) {
    std::vector<Instance> instances;
    Identifiers ids;
    for (const json& described : Find("Series", series, nullptr, true, context)) {
      const std::string id = described.is_object() ? JsonText(described, "ID") : "";
      const auto tags = described.find("MainDicomTags");
      const auto children = described.find("Instances");
      if (!IsIdentifier(id) || tags == described.end() || JsonText(*tags, "SeriesInstanceUID") != series.series.str() ||
          children == described.end() || !children->is_array()) {
        NotOrthanc("a series is not described");
      }
      const size_t before = instances.size();
      uint64_t bytes = 0;
      bool doubtful = false;
      const auto add = [&](OrthancInstance instance) {
        const bool here = instance.series_id.empty() || instance.series_id == id;
        if (!here || instances.size() >= kMaxInstances || !instance.uid || !IsIdentifier(instance.id) ||
            instance.size.value_or(0) == 0) {
          doubtful = true;
          return;
        }
        bytes += *instance.size;
        doubtful = doubtful || !ids.try_emplace(*instance.uid, std::move(instance.id)).second;
        Attributes attributes{{tag::kSOPInstanceUID, instance.uid->str()}};
        if (!instance.number.empty()) {
          attributes.Set(tag::kInstanceNumber, instance.number);
        }
        attributes.ShrinkToFit();
        instances.push_back({*std::move(instance.uid), std::move(attributes), instance.size});
      };
      instances.reserve(before + std::min(children->size(), kMaxRemembered));
      AsyncCall<std::optional<uint64_t>> total(context,
                                               [this, id](const Context& limited) { return TotalSize(id, limited); });
      AskForInstances(InstancesOf(id), add, context);
      if (doubtful || instances.size() - before != children->size() || !IsSumOfSizes(bytes, total.Get())) {
        return std::nullopt;
      }
    }
    if (instances.empty()) {
      return std::nullopt;
    }
    Remember(series, std::move(ids));
    return instances;
  }

 private:
  bool AskSystem(const Context& context) {
    HttpRequest request;
    request.url = base_ + "/system";
    const HttpResponse response = Fetch(request, context);
    if (!RefusesRest(response.head.status)) {
      CheckStatus(response.head, kDoing, response.body);
    }
    const json system = json::parse(response.body, nullptr, false);
    if (response.head.status != 200 || !system.is_object() || !system.contains("ApiVersion")) {
      GiveUp(StrCat("HTTP ", response.head.status, " for ", UrlForLog(request.url)));
      return false;
    }
    const std::lock_guard lock(mutex_);
    usable_ = true;
    return true;
  }

  bool Guess(const Context& context) {
    Context limited = context;
    limited.deadline = std::min(context.deadline, Clock::now() + kGuessPatience);
    std::optional<std::string> version;
    Clock::duration pause = kTryAgainAfter;
    try {
      version = RecogniseOrthanc(base_, *http_, limited);
      pause = kGuessAgainAfter;
    } catch (const Error& error) {
      if (context.stop.stop_requested()) {
        const std::lock_guard lock(mutex_);
        guessing_ = false;
        throw;
      }
      LogDebug(StrCat("Whether this is an Orthanc cannot be told: ", error.what()));
    }
    if (version) {
      LogInfo(StrCat("This is an Orthanc ", *version, ": its own REST interface is used where that is faster"));
    }
    const std::lock_guard lock(mutex_);
    guessing_ = false;
    usable_ = version.has_value();
    not_before_ = Clock::now() + pause;
    return usable_;
  }

  // Of the files of a series, and of what else is kept of its instances.
  std::optional<uint64_t> TotalSize(const std::string& series_id, const Context& context) {
    HttpRequest request;
    request.url = StrCat(base_, "/series/", series_id, "/statistics");
    const json statistics = Ask(request, context);
    std::string told = JsonText(statistics, "DicomUncompressedSize");
    return ParseUint(told.empty() ? JsonText(statistics, "UncompressedSize") : told);
  }

  // As against sizes that are told modulo 4 GiB each.
  static bool IsSumOfSizes(uint64_t bytes, std::optional<uint64_t> total) {
    return total && *total >= bytes && *total - bytes < uint64_t{1} << 32;
  }

  HttpRequest InstancesOf(const std::string& series_id) const {
    HttpRequest request;
    request.url = StrCat(base_, "/series/", series_id, "/instances");
    request.accept_gzip = true;
    return request;
  }

  void AskForInstances(const HttpRequest& request, const std::function<void(OrthancInstance)>& each,
                       const Context& context) {
    OrthancInstanceSink sink(each, kMaxList);
    const HttpHead head =
        Patiently(context, [&](const Context& limited) { return http_->Stream(request, sink, limited); });
    CheckAnswer(head, request, sink.text());
    sink.Finish();
  }

  HttpResponse Fetch(const HttpRequest& request, const Context& context) {
    return Patiently(context, [&](const Context& limited) { return http_->Fetch(request, limited, kMaxBody); });
  }

  template <typename F>
  auto Patiently(const Context& context, const F& ask) -> decltype(ask(context)) {
    Context limited = context;
    limited.deadline = std::min(context.deadline, Clock::now() + kPatience);
    try {
      return ask(limited);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kTimedOut || Clock::now() >= context.deadline) {
        throw;
      }
      GiveUp(error.what());
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

  json Find(const char* level, const SeriesReference& series, const Uid* instance, bool expand,
            const Context& context) {
    json found = Ask(FindRequest(level, series, instance, expand), context);
    if (!found.is_array()) {
      NotOrthanc("the answer is not the list that it should be");
    }
    return found;
  }

  // A list or an object.
  json Ask(const HttpRequest& request, const Context& context) {
    const HttpResponse response = Fetch(request, context);
    CheckAnswer(response.head, request, response.body);
    json answer = json::parse(response.body, nullptr, false);
    if (!answer.is_structured()) {
      NotOrthanc("the answer is not JSON");
    }
    return answer;
  }

  void CheckAnswer(const HttpHead& head, const HttpRequest& request, std::string_view body) {
    if (RefusesRest(head.status)) {
      const std::string reason = StrCat("HTTP ", head.status, " for ", UrlForLog(request.url));
      if (head.status != 404 || request.method == "POST") {  // else just this series is no more
        GiveUp(reason);
      }
      throw Error(ErrorCode::kUnsupported, StrCat("Cannot ", kDoing, ": ", reason));
    }
    CheckStatus(head, kDoing, body);
    if (head.status != 200) {
      NotOrthanc(StrCat("HTTP ", head.status));
    }
  }

  static std::vector<std::string> IdentifiersIn(const json& found) {
    std::vector<std::string> ids;
    for (const json& id : found) {
      if (!id.is_string() || !IsIdentifier(id.get_ref<const std::string&>())) {
        NotOrthanc("an identifier is malformed");
      }
      ids.push_back(id.get<std::string>());
    }
    return ids;
  }

  void Remember(const SeriesReference& series, Identifiers ids) {
    if (ids.empty()) {
      return;
    }
    const std::lock_guard lock(mutex_);
    const auto [at, is_new] = known_.try_emplace(series);
    if (is_new) {
      order_.push_back(series);
    }
    remembered_ -= at->second.size();
    ids.merge(at->second);  // the newer ones count
    at->second = std::move(ids);
    remembered_ += at->second.size();
    while (remembered_ > kMaxRemembered && order_.size() > 1) {
      const auto oldest = known_.find(order_.front());
      remembered_ -= oldest->second.size();
      known_.erase(oldest);
      order_.pop_front();
    }
  }

  std::string base_;
  const std::shared_ptr<HttpClient> http_;
  const Basis basis_;
  std::mutex mutex_;
  bool usable_ = false;
  bool guessing_ = false;
  bool told_ = false;
  Clock::time_point not_before_ = Clock::time_point::min();
  std::unordered_map<SeriesReference, Identifiers> known_;  // Orthanc's identifiers
  std::deque<SeriesReference> order_;                       // of known_, oldest first
  size_t remembered_ = 0;
};

OrthancRest::OrthancRest(std::string url, std::shared_ptr<HttpClient> http, Basis basis)
    : impl_(std::make_unique<Impl>(std::move(url), std::move(http), basis)) {}

OrthancRest::~OrthancRest() = default;

bool OrthancRest::Usable(const Context& context) {
  return impl_->Usable(context);
}

bool OrthancRest::UsableByNow(const Context& context) {
  return impl_->UsableByNow(context);
}

bool OrthancRest::is_guess() const {
  return impl_->is_guess();
}

void OrthancRest::GiveUp(std::string_view reason) {
  impl_->GiveUp(reason);
}

std::optional<std::string> OrthancRest::FileUrl(const InstanceReference& instance, bool fresh, const Context& context) {
  return impl_->FileUrl(instance, fresh, context);
}

OrthancRest::Sizes OrthancRest::SizesOf(const SeriesReference& series, const Context& context) {
  return impl_->SizesOf(series, context);
}

OrthancRest::Sizes OrthancRest::SizesOf(const InstanceReference& instance, const Context& context) {
  return impl_->SizesOf(instance, context);
}

std::optional<std::vector<Instance>> OrthancRest::List(const SeriesReference& series, const Context& context) {
  return impl_->List(series, context);
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
