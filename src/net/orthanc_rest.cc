#include "net/orthanc_rest.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <mutex>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"

namespace trolley {
namespace {

using nlohmann::json;

constexpr size_t kMaxBody = size_t{256} << 20;
constexpr size_t kMaxRemembered = 100000;  // identifiers; a few tens of MB
constexpr auto kTryAgainAfter = std::chrono::minutes(10);
constexpr auto kPatience = std::chrono::seconds(10);  // all of it can be done without
constexpr std::string_view kDoing = "use Orthanc's REST interface";

// Says no to us or to all, as against failing.
bool Refuses(int status) {
  return status == 401 || status == 403 || status == 404 || status == 405 || status == 410 || status == 501;
}

// Nothing but what stands between quotes in a path.
bool IsIdentifier(std::string_view text) {
  return !text.empty() && text.size() <= 64 && text.find_first_not_of("0123456789abcdef-") == std::string_view::npos;
}

std::string Text(const json& object, const char* member) {
  const auto at = object.find(member);
  return at != object.end() && at->is_string() ? at->get<std::string>() : std::string();
}

[[noreturn]] void NotOrthanc(std::string_view what) {
  throw Error(ErrorCode::kProtocol, StrCat("Cannot ", kDoing, ": ", what));
}

struct StoredInstance {
  std::string id;
  std::optional<uint64_t> size;
};
using StoredInstances = std::unordered_map<Uid, StoredInstance>;

// Adds one of Orthanc's descriptions of an instance.
void AddInstance(const json& described, StoredInstances& instances) {
  const auto tags = described.find("MainDicomTags");
  std::optional<Uid> uid;
  if (tags != described.end() && tags->is_object()) {
    uid = Uid::Parse(Text(*tags, "SOPInstanceUID"));
  }
  const std::string id = Text(described, "ID");
  if (!uid || !IsIdentifier(id)) {
    NotOrthanc("an instance is described without its identifiers");
  }
  StoredInstance stored{id, std::nullopt};
  if (const auto size = described.find("FileSize"); size != described.end() && size->is_number_unsigned()) {
    stored.size = size->get<uint64_t>();
  }
  const auto [at, is_new] = instances.try_emplace(*std::move(uid), std::move(stored));
  if (!is_new) {
    at->second.size.reset();  // stored under two PatientIDs: who knows which is meant
  }
}

}  // namespace

class OrthancRest::Impl {
 public:
  Impl(std::string url, std::shared_ptr<HttpClient> http) : base_(std::move(url)), http_(std::move(http)) {
    while (base_.ends_with('/')) {
      base_.pop_back();
    }
  }

  bool Usable(const Context& context) {
    {
      const std::lock_guard lock(mutex_);
      if (usable_) {
        return true;
      }
      if (Clock::now() < not_before_) {
        return false;
      }
    }
    HttpRequest request;
    request.url = base_ + "/system";
    const HttpResponse response = Fetch(request, context);
    if (!Refuses(response.head.status)) {
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
    const std::vector<std::string> ids = Identifiers(found);
    if (ids.empty()) {
      return std::nullopt;
    }
    Remember(instance.series_reference(), {{instance.instance, {ids.front(), std::nullopt}}});
    return UrlOf(ids.front());
  }

  Sizes SizesOf(const SeriesReference& series, const Context& context) {
    StoredInstances instances;
    for (const std::string& id : Identifiers(Find("Series", series, nullptr, false, context))) {
      HttpRequest request;
      request.url = StrCat(base_, "/series/", id, "/instances");
      request.accept_gzip = true;
      const json listed = Ask(request, context);
      AddAll(listed, instances);
    }
    return Learn(series, instances);
  }

  Sizes SizesOf(const InstanceReference& instance, const Context& context) {
    StoredInstances instances;
    AddAll(Find("Instance", instance.series_reference(), &instance.instance, true, context), instances);
    return Learn(instance.series_reference(), instances);
  }

 private:
  HttpResponse Fetch(const HttpRequest& request, const Context& context) {
    Context limited = context;
    limited.deadline = std::min(context.deadline, Clock::now() + kPatience);
    try {
      return http_->Fetch(request, limited, kMaxBody);
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
  json Find(const char* level, const SeriesReference& series, const Uid* instance, bool expand,
            const Context& context) {
    json query = {{"StudyInstanceUID", series.study.str()}, {"SeriesInstanceUID", series.series.str()}};
    if (instance != nullptr) {
      query["SOPInstanceUID"] = instance->str();
    }
    HttpRequest request;
    request.method = "POST";
    request.url = base_ + "/tools/find";
    request.headers = {"Content-Type: application/json"};
    request.body = json{{"Level", level}, {"Expand", expand}, {"Query", query}}.dump();
    return Ask(request, context);
  }

  json Ask(const HttpRequest& request, const Context& context) {
    const HttpResponse response = Fetch(request, context);
    const int status = response.head.status;
    if (Refuses(status)) {
      const std::string reason = StrCat("HTTP ", status, " for ", UrlForLog(request.url));
      GiveUp(reason);
      throw Error(ErrorCode::kUnsupported, StrCat("Cannot ", kDoing, ": ", reason));
    }
    CheckStatus(response.head, kDoing, response.body);
    json answer = json::parse(response.body, nullptr, false);
    if (status != 200 || !answer.is_array()) {
      NotOrthanc("the answer is not the list that it should be");
    }
    return answer;
  }

  static std::vector<std::string> Identifiers(const json& found) {
    std::vector<std::string> ids;
    for (const json& id : found) {
      if (!id.is_string() || !IsIdentifier(id.get_ref<const std::string&>())) {
        NotOrthanc("an identifier is malformed");
      }
      ids.push_back(id.get<std::string>());
    }
    return ids;
  }

  static void AddAll(const json& described, StoredInstances& instances) {
    for (const json& instance : described) {
      if (!instance.is_object()) {
        NotOrthanc("an instance is not described");
      }
      AddInstance(instance, instances);
    }
  }

  Sizes Learn(const SeriesReference& series, const StoredInstances& instances) {
    Sizes sizes;
    for (const auto& [uid, stored] : instances) {
      if (stored.size && *stored.size > 0) {
        sizes.emplace(uid, *stored.size);
      }
    }
    Remember(series, instances);
    return sizes;
  }

  void Remember(const SeriesReference& series, const StoredInstances& instances) {
    const std::lock_guard lock(mutex_);
    const auto [at, is_new] = known_.try_emplace(series);
    if (is_new) {
      order_.push_back(series);
    }
    for (const auto& [uid, stored] : instances) {
      remembered_ += at->second.insert_or_assign(uid, stored.id).second ? 1 : 0;
    }
    while (remembered_ > kMaxRemembered && order_.size() > 1) {
      const auto oldest = known_.find(order_.front());
      remembered_ -= oldest->second.size();
      known_.erase(oldest);
      order_.pop_front();
    }
  }

  std::string base_;
  const std::shared_ptr<HttpClient> http_;
  std::mutex mutex_;
  bool usable_ = false;
  bool told_ = false;
  Clock::time_point not_before_ = Clock::time_point::min();
  std::unordered_map<SeriesReference, std::unordered_map<Uid, std::string>> known_;  // Orthanc's identifiers
  std::deque<SeriesReference> order_;                                                // of known_, oldest first
  size_t remembered_ = 0;
};

OrthancRest::OrthancRest(std::string url, std::shared_ptr<HttpClient> http)
    : impl_(std::make_unique<Impl>(std::move(url), std::move(http))) {}

OrthancRest::~OrthancRest() = default;

bool OrthancRest::Usable(const Context& context) {
  return impl_->Usable(context);
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
