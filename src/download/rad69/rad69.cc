// MakeRad69Downloader() of downloaders.h: IHE RAD-69 (Retrieve Imaging Document Set), many instances in one request.
// This part classifies the errors of a response and repeats requests while the server is busy; rad69_receiver.h takes
// the files. Thread-safe: each call of Download has its own Retrieval.
#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "base/message_digest.h"
#include "base/text.h"
#include "base/wait.h"
#include "download/rad69/rad69_receiver.h"
#include "download/rad69/rad69_request.h"
#include "download/rad69/rad69_response.h"
#include "download/series_batch.h"
#include "http/http_status.h"
#include "http/url_for_log.h"
#include "trolley/downloaders.h"
#include "trolley/error.h"
#include "trolley/log.h"

namespace trolley {
namespace {

using Instances = std::vector<InstanceReference>;

bool IsMissing(const Rad69Error& error) {
  return error.code == "XDSMissingDocument" || error.code == "XDSDocumentUniqueIdError";
}

bool IsBusy(const Rad69Error& error) {
  return error.code.ends_with("Busy") || error.code.ends_with("OutOfResources");  // XDSRepository..., XDSRegistry...
}

std::string_view Advice(const Rad69Error& error) {
  if (error.code == "urn:dicom:wado:0006" || error.code == "urn:dicom:wado:0007") {
    return "; the server can give it in none of the transfer syntaxes that are known here";
  }
  return error.code == "XDSUnknownRepositoryId" ? "; check repository_uid" : "";
}

// "8f14e45f-ceea-4d6f-8a3b-..."
std::string NewUuid() {
  std::string hex = RandomHex(16);
  hex[12] = '4';
  hex[16] = std::string_view("89ab")[static_cast<unsigned char>(hex[16]) % 4u];
  for (const size_t at : {20U, 16U, 12U, 8U}) {
    hex.insert(at, 1, '-');
  }
  return hex;
}

std::string DoingFor(const Instances& instances) {
  if (instances.size() == 1) {
    return StrCat("download instance ", instances.front().instance.str());
  }
  const bool one_series = std::all_of(instances.begin(), instances.end(), [&](const InstanceReference& each) {
    return each.series_reference() == instances.front().series_reference();
  });
  return StrCat("download ", instances.size(), " instances",
                one_series ? StrCat(" of series ", instances.front().series.str()) : "");
}

// The server's own words, unless nobody may see them: servers quote names of patients.
std::string_view Quotable(std::string_view text) {
  return Sensitive(text) == text ? text : std::string_view();
}

// "Receiver: disk on fire"
std::string QuotableFault(std::string_view fault) {
  const std::string_view code = fault.substr(0, fault.find(": "));
  const std::string_view reason = Quotable(fault.substr(code.size()));
  return StrCat(code, reason);
}

// The errors of one response, for the instances that did not arrive.
struct ErrorsByInstance {
  std::map<Uid, Rad69Error> own;      // each its own
  std::optional<Rad69Error> general;  // about no one of them
};

std::set<Uid> UidsOf(const Instances& instances) {
  std::set<Uid> uids;
  for (const InstanceReference& instance : instances) {
    uids.insert(instance.instance);
  }
  return uids;
}

ErrorsByInstance Attribute(const std::vector<Rad69Error>& errors, const Instances& requested,
                           const Instances& remaining) {
  ErrorsByInstance by_instance;
  const std::set<Uid> all = UidsOf(requested);
  const std::set<Uid> uids = UidsOf(remaining);
  for (const Rad69Error& error : errors) {
    if (error.warning) {
      LogInfo(StrCat("The archive warns: ", error.code, Quotable(error.context).empty() ? "" : " ",
                     Quotable(error.context)));
      continue;
    }
    // "1.2.3", "urn:oid:1.2.3"
    std::optional<Uid> uid = Uid::Parse(std::string_view(error.location).substr(error.location.rfind(':') + 1));
    if ((!uid || !all.contains(*uid)) && remaining.size() == 1) {
      uid = remaining.front().instance;
    }
    if (uid && uids.contains(*uid)) {
      by_instance.own.try_emplace(*uid, error);
    } else if ((!uid || !all.contains(*uid)) && !by_instance.general) {
      by_instance.general = error;
    }
  }
  return by_instance;
}

// One call of Download.
class Retrieval {
 public:
  Retrieval(const Rad69Options& options, HttpClient& http, DownloadSink& sink, const Context& context)
      : options_(options), http_(http), sink_(sink), context_(context) {}
  ~Retrieval() {
    if (!ignored_.empty()) {
      std::string text = "The archive's errors on the list of those to ignore:";
      for (const auto& [code, count] : ignored_) {
        text += StrCat(" ", count, " times ", code);
      }
      LogWarning(text);
    }
  }
  Retrieval(const Retrieval&) = delete;
  Retrieval& operator=(const Retrieval&) = delete;

  // No two of `instances` have the same SOPInstanceUID.
  void Fetch(Instances instances) {
    std::chrono::milliseconds pause = options_.busy_pause;
    for (uint32_t attempt = 0;; ++attempt, pause *= 2) {
      context_.Check("download instances");
      const size_t before = instances.size();
      last_ = attempt >= options_.busy_retries || Clock::now() + pause >= context_.deadline;
      instances = Request(instances);
      if (instances.empty()) {
        return;
      }
      LogInfo(StrCat("The archive is busy: ", instances.size(), " of ", before, " instances are requested again in ",
                     pause.count(), " ms"));
      WaitFor(-1, 0, context_, pause);
    }
  }

 private:
  // The instances that are worth another try.
  Instances Request(const Instances& instances) {
    const std::string doing = DoingFor(instances);
    Rad69Receiver receiver(instances, sink_);
    try {
      try {
        http_.Stream(MakeRad69Request(options_, instances, NewUuid()), receiver, context_);
        receiver.Finish();
      } catch (const Rad69Receiver::Enough&) {
        if (receiver.head().status > 299) {
          receiver.Finish();
        }
      }
    } catch (const Error& error) {
      if (receiver.sink_failed()) {
        throw;
      }
      const Error failure(error.code(), StrCat("Cannot ", doing, ": ", error.what()));
      if (instances.size() > 1 || error.code() != ErrorCode::kProtocol) {
        throw failure;
      }
      sink_.OnFailed(instances.front(), failure);
      return {};
    }
    CheckHttp(receiver, doing);
    return busy_response_ ? RetryUnlessLast(instances, *std::exchange(busy_response_, std::nullopt))
                          : ReportOutcomes(receiver, instances, doing);
  }

  // Throws for a response that is a failure as a whole; sets busy_response_ for one that is only for now.
  void CheckHttp(const Rad69Receiver& receiver, const std::string& doing) {
    const int status = receiver.head().status;
    const std::optional<Rad69Response>& response = receiver.response();
    const bool success = status >= 200 && status <= 299;
    if (response && response->fault) {
      const bool ours = response->fault->starts_with("Sender") || response->fault->starts_with("Client");
      const Error failure(
          ours ? ErrorCode::kProtocol : ErrorCode::kUnavailable,
          StrCat("Cannot ", doing, ": the server responded with a SOAP fault, ", QuotableFault(*response->fault)));
      if (success || status == 400 || status == 500) {
        throw failure;
      }
    }
    if (success) {
      return;
    }
    if (status == 404 || status == 410) {
      throw Error(ErrorCode::kProtocol, StrCat("Cannot ", doing, ": the server has no RAD-69 service at ",
                                               UrlForLog(options_.url), "; check the URL of the archive"));
    }
    if (status == 415) {
      throw Error(ErrorCode::kProtocol,
                  StrCat("Cannot ", doing,
                         ": the server does not take this form of a request (HTTP 415); try the other "
                         "envelope (bare_soap)"));
    }
    try {
      CheckStatus(receiver.head(), doing, receiver.problem());
    } catch (const Error& error) {
      if (status != 503 && status != 429) {
        throw;
      }
      busy_response_ = error;
      return;
    }
    throw Error(ErrorCode::kProtocol, StrCat("Cannot ", doing, ": the server responded with HTTP ", status));
  }

  // All of `instances`, unless it was the last try.
  Instances RetryUnlessLast(const Instances& instances, const Error& error) const {
    if (last_) {
      throw error;
    }
    return instances;
  }

  // Reports each instance that did not arrive. Returns those that are worth another try.
  Instances ReportOutcomes(const Rad69Receiver& receiver, const Instances& instances, const std::string& doing) {
    const Instances remaining = receiver.Remaining();
    if (remaining.empty()) {
      return {};
    }
    const Rad69Response response = receiver.response().value_or(Rad69Response());
    const ErrorsByInstance by_instance = Attribute(response.errors, instances, remaining);
    const std::map<Uid, std::string> bad_parts = receiver.BadParts();
    Instances retry;
    Instances unexplained;
    for (const InstanceReference& instance : remaining) {
      const auto own = by_instance.own.find(instance.instance);
      const auto bad = bad_parts.find(instance.instance);
      if (own != by_instance.own.end()) {
        if (!last_ && IsBusy(own->second) && !IsIgnored(own->second)) {
          retry.push_back(instance);
        } else {
          Report(instance, own->second);
        }
      } else if (bad != bad_parts.end()) {
        Fail(instance, bad->second);
      } else {
        unexplained.push_back(instance);
      }
    }
    if (unexplained.empty()) {
      return retry;
    }
    const bool nothing = remaining.size() == instances.size() && unexplained.size() == remaining.size();
    if (by_instance.general) {
      const Instances more = ClassifyGeneralError(*by_instance.general, unexplained, nothing, doing);
      retry.insert(retry.end(), more.begin(), more.end());
      return retry;
    }
    if (nothing && response.status == Rad69Response::Status::kNone && instances.size() > 1) {
      throw Error(ErrorCode::kProtocol, StrCat("Cannot ", doing, ": ", Reason(receiver)));
    }
    for (const InstanceReference& instance : unexplained) {
      Fail(instance, Reason(receiver));
    }
    return retry;
  }

  // An error that names no instance. `nothing`: nothing else is known of this response.
  Instances ClassifyGeneralError(const Rad69Error& error, const Instances& instances, bool nothing,
                                 const std::string& doing) {
    if (!IsIgnored(error)) {
      if (IsBusy(error) && !last_) {
        return instances;
      }
      if (nothing) {
        throw Error(CodeOf(error), StrCat("Cannot ", doing, ": ", Describe(error)));
      }
    }
    for (const InstanceReference& instance : instances) {
      // That one of several is missing does not say which.
      ReportFailure(instance, error);
    }
    return {};
  }

  static std::string Reason(const Rad69Receiver& receiver) {
    if (!receiver.problem().empty()) {
      return receiver.problem();
    }
    return receiver.response() && receiver.response()->status != Rad69Response::Status::kNone
               ? "the server left it out without saying why"
               : "the response has neither documents nor errors";
  }

  // --- One instance ---

  bool IsIgnored(const Rad69Error& error) const {
    const auto& list = options_.errors_to_ignore;
    return std::find(list.begin(), list.end(), error.code) != list.end();
  }

  void Report(const InstanceReference& instance, const Rad69Error& error) {
    if (IsMissing(error)) {
      if (IsIgnored(error)) {
        ++ignored_[error.code];
      }
      sink_.OnMissing(instance);
      return;
    }
    ReportFailure(instance, error);
  }

  void ReportFailure(const InstanceReference& instance, const Rad69Error& error) {
    if (IsIgnored(error)) {
      ++ignored_[error.code];
    }
    sink_.OnFailed(instance, Error(CodeOf(error), StrCat("Cannot download instance ", instance.instance.str(), ": ",
                                                         Describe(error))));
  }

  void Fail(const InstanceReference& instance, std::string_view reason) {
    sink_.OnFailed(instance, Error(ErrorCode::kProtocol,
                                   StrCat("Cannot download instance ", instance.instance.str(), ": ", reason)));
  }

  static ErrorCode CodeOf(const Rad69Error& error) {
    return IsBusy(error) ? ErrorCode::kUnavailable : ErrorCode::kProtocol;
  }

  static std::string Describe(const Rad69Error& error) {
    const std::string_view said = Quotable(error.context);
    return StrCat("the server responded with ", error.code.empty() ? "an error" : error.code, said.empty() ? "" : " (",
                  said, said.empty() ? "" : ")", Advice(error));
  }

  const Rad69Options& options_;
  HttpClient& http_;
  DownloadSink& sink_;
  const Context& context_;
  bool last_ = false;                      // there will be no other try
  std::optional<Error> busy_response_;     // the latest response, as a whole
  std::map<std::string, size_t> ignored_;  // by error code
};

class Rad69 : public Downloader {
 public:
  Rad69(Rad69Options options, std::shared_ptr<HttpClient> http)
      : options_(std::move(options)), http_(std::move(http)) {}

  void Download(std::span<const InstanceReference> instances, DownloadSink& sink, const Context& context) override {
    Retrieval retrieval(options_, *http_, sink, context);
    for (Instances& request : Requests(instances)) {
      retrieval.Fetch(std::move(request));
    }
  }

  Capabilities capabilities() const override { return {.batching = Capabilities::Batching::kList}; }

 private:
  std::vector<Instances> Requests(std::span<const InstanceReference> instances) const {
    std::vector<Instances> requests;
    std::vector<std::set<Uid>> uids;
    for (SeriesBatch& batch : GroupBySeries(instances)) {
      if (options_.request == Rad69Options::Request::kPerSeries) {
        requests.push_back(std::move(batch.instances));
        continue;
      }
      // Servers send a SOPInstanceUID once, even if it is in two series.
      for (const InstanceReference& instance : batch.instances) {
        size_t at = 0;
        while (at < uids.size() && uids[at].contains(instance.instance)) {
          ++at;
        }
        if (at == uids.size()) {
          uids.emplace_back();
          requests.emplace_back();
        }
        uids[at].insert(instance.instance);
        requests[at].push_back(instance);
      }
    }
    return requests;
  }

  const Rad69Options options_;
  const std::shared_ptr<HttpClient> http_;
};

}  // namespace

std::unique_ptr<Downloader> MakeRad69Downloader(Rad69Options options, std::shared_ptr<HttpClient> http) {
  return std::make_unique<Rad69>(std::move(options), std::move(http));
}

}  // namespace trolley
