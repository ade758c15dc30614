// Metadata of DICOMweb: a client (WadoRsMetadata), and a downloader of files without pixels. Runs on the thread of its
// caller. A response is held in memory as a whole, up to kMaxBody.
#include "download/wado/wado_rs_metadata.h"

#include <array>
#include <atomic>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/text.h"
#include "dicom/dicom_json_data_set.h"
#include "dicom/native_xml.h"
#include "dicom/part10_writer.h"
#include "download/series_batch.h"
#include "download/wado/wado_request.h"
#include "http/media_type.h"
#include "http/multipart.h"
#include "trolley/error.h"
#include "trolley/log.h"

namespace trolley {
namespace {

// From this number of instances on, one request for the series is cheaper than one for each.
constexpr size_t kMetadataSeriesThreshold = 4;
constexpr size_t kMaxBody = size_t{1} << 30;
constexpr size_t kMaxMetadataFailureText = 1024;

constexpr std::string_view kJson = "application/dicom+json";
constexpr std::string_view kXml = R"(multipart/related; type="application/dicom+xml")";

// Gives the data sets of a multipart response on.
class PartReader : public MultipartSink {
 public:
  explicit PartReader(const WadoRsMetadata::Each& each) : each_(each) {}
  void OnPartBegin(const PartHead&) override { xml_.clear(); }
  void OnPartData(std::span<const std::byte> piece) override {
    xml_.append(reinterpret_cast<const char*>(piece.data()), piece.size());
  }
  void OnPartEnd() override { each_(ParseNativeXml(xml_)); }

 private:
  const WadoRsMetadata::Each& each_;
  std::string xml_;
};

void ReadParts(std::string boundary, std::string_view body, const WadoRsMetadata::Each& each) {
  PartReader reader(each);
  MultipartParser parser(std::move(boundary), reader);
  parser.Feed(std::as_bytes(std::span(body)));
  parser.Finish();
}

// Looks at the body itself: servers are careless with its Content-Type.
void ReadBody(const HttpResponse& response, const WadoRsMetadata::Each& each) {
  const std::optional<MediaType> type = ParseMediaType(response.head.Header("content-type"));
  const std::string_view body = Trim(response.body);
  if (body.empty()) {
    throw Error(ErrorCode::kProtocol, "the server responded with no content");
  }
  if (type && type->type.starts_with("multipart/")) {
    ReadParts(std::string(type->Parameter("boundary")), response.body, each);
  } else if (body.starts_with("--")) {
    ReadParts("", body, each);
  } else if (body.front() == '[' || body.front() == '{') {
    ParseDataSets(body, each);
  } else if (body.front() == '<' && !(type && type->type.ends_with("html"))) {
    each(ParseNativeXml(body));
  } else {
    throw Error(ErrorCode::kProtocol, StrCat("the server responded with ", type ? type->type : "something",
                                             " instead of metadata; check the URL of the archive"));
  }
}

// Requests to one server, which remember what it understands. Thread-safe.
class MetadataClient {
 public:
  MetadataClient(const WadoRsMetadataOptions& options, std::shared_ptr<HttpClient> http)
      : base_(WithoutTrailingSlashes(options.url)), http_(std::move(http)), first_(options.use_xml ? 1 : 0) {}

  static std::string PathOf(const StudyReference& study) { return "/studies/" + PercentEncode(study.study.str()); }
  static std::string PathOf(const SeriesReference& series) {
    return StrCat(PathOf(StudyReference{series.study}), "/series/", PercentEncode(series.series.str()));
  }
  static std::string PathOf(const InstanceReference& instance) {
    return StrCat(PathOf(instance.series_reference()), "/instances/", PercentEncode(instance.instance.str()));
  }

  // The response head, and the text of a failure.
  struct Outcome {
    HttpHead head;
    std::string text;
  };

  // Throws for a response that cannot be read, and what `each` throws.
  Outcome Fetch(const std::string& path, const std::string& doing, const WadoRsMetadata::Each& each,
                const Context& context) {
    const size_t first = first_.load(std::memory_order_relaxed);
    HttpResponse response = Get(path, first, context);
    if (response.head.status == 400 || response.head.status == 406) {
      HttpResponse other = Get(path, 1 - first, context);
      if (IsSuccess(other.head.status)) {
        first_.store(1 - first, std::memory_order_relaxed);
        response = std::move(other);
      }
    }
    if (IsSuccess(response.head.status)) {
      bool in_each = false;  // what that throws passes as it is
      try {
        ReadBody(response, [&](DataSet data_set) {
          in_each = true;
          each(std::move(data_set));
          in_each = false;
        });
      } catch (const Error& error) {
        if (in_each) {
          throw;
        }
        throw Error(error.code(), StrCat("Cannot ", doing, ": ", error.what()));
      }
    }
    return {std::move(response.head), response.body.substr(0, kMaxMetadataFailureText)};
  }

 private:
  HttpResponse Get(const std::string& path, size_t format, const Context& context) {
    HttpRequest request;
    request.url = StrCat(base_, path, "/metadata");
    request.headers = {StrCat("Accept: ", format == 0 ? kJson : kXml)};
    request.accept_gzip = true;
    return http_->Fetch(request, context, kMaxBody);
  }

  std::string base_;
  const std::shared_ptr<HttpClient> http_;
  std::atomic<size_t> first_;  // of the two formats, the one to ask for
};

class MetadataDownloader : public Downloader {
 public:
  MetadataDownloader(const WadoRsMetadataOptions& options, std::shared_ptr<HttpClient> http)
      : client_(options, std::move(http)) {}

  Capabilities capabilities() const override { return {.batching = Capabilities::Batching::kSeries}; }

  void Download(std::span<const InstanceReference> instances, DownloadSink& sink, const Context& context) override {
    for (const SeriesBatch& batch : GroupBySeries(instances)) {
      Wanted wanted(batch.instances, sink);
      bool series_missing = false;
      if (batch.instances.size() >= kMetadataSeriesThreshold) {
        series_missing = FetchSeries(batch.series, wanted, context);
      }
      for (const InstanceReference& instance : batch.instances) {
        if (!wanted.Has(instance)) {
          continue;
        }
        context.Check("download metadata");
        const bool missing = FetchOne(instance, wanted, context);
        if (missing && series_missing) {  // both are missing: the others need no requests
          wanted.ReportMissing();
          break;
        }
        series_missing = false;
      }
    }
  }

 private:
  // The instances of a series that were not handed on yet.
  class Wanted {
   public:
    Wanted(const std::vector<InstanceReference>& instances, DownloadSink& to) : sink(to) {
      for (const InstanceReference& instance : instances) {
        left_.emplace(instance.instance, instance);
      }
    }

    bool Has(const InstanceReference& instance) const { return left_.contains(instance.instance); }
    void Drop(const InstanceReference& instance) { left_.erase(instance.instance); }

    void Deliver(const DataSet& data_set) {
      const std::optional<Uid> uid = Uid::Parse(FirstValue(data_set, tag::kSOPInstanceUID));
      const auto at = uid ? left_.find(*uid) : left_.end();
      if (at == left_.end()) {
        LogDebug(StrCat("Dropped metadata that were not requested: ", uid ? uid->str() : "no SOPInstanceUID"));
        return;
      }
      const InstanceReference instance = at->second;
      const std::string file = WritePart10(data_set);
      left_.erase(at);
      sink_failed = true;  // unless it returns
      sink.OnBegin(instance, file.size());
      sink.OnData(std::as_bytes(std::span(file)));
      sink.OnEnd();
      sink_failed = false;
    }

    void ReportMissing() {
      for (const auto& [uid, instance] : left_) {
        sink.OnMissing(instance);
      }
      left_.clear();
    }

    DownloadSink& sink;
    bool sink_failed = false;

   private:
    std::unordered_map<Uid, InstanceReference> left_;
  };

  // True when the archive says that it has no such series.
  bool FetchSeries(const SeriesReference& series, Wanted& wanted, const Context& context) {
    const std::string doing = StrCat("download metadata of series ", series.series.str());
    try {
      const auto outcome = client_.Fetch(
          MetadataClient::PathOf(series), doing, [&](const DataSet& data_set) { wanted.Deliver(data_set); }, context);
      return IsMissing(outcome.head.status);  // other refusals: perhaps each instance is given
    } catch (const Error& error) {
      if (wanted.sink_failed || (error.code() != ErrorCode::kProtocol && error.code() != ErrorCode::kTooMany)) {
        throw;
      }
      LogInfo(StrCat(error.what(), "; the instances are requested one by one"));
      return false;
    }
  }

  // True when the archive says that it has no such instance.
  bool FetchOne(const InstanceReference& instance, Wanted& wanted, const Context& context) {
    const std::string doing = StrCat("download metadata of instance ", instance.instance.str());
    WadoReply reply;
    try {
      auto outcome = client_.Fetch(
          MetadataClient::PathOf(instance), doing, [&](const DataSet& data_set) { wanted.Deliver(data_set); }, context);
      reply = {
          std::move(outcome.head), std::move(outcome.text), "the server sent the metadata of another instance", {}};
    } catch (const Error& error) {
      if (wanted.sink_failed || (error.code() != ErrorCode::kProtocol && error.code() != ErrorCode::kTooMany)) {
        throw;
      }
      if (wanted.Has(instance)) {
        wanted.Drop(instance);
        wanted.sink.OnFailed(instance, error);
      }
      return false;
    }
    if (!wanted.Has(instance)) {
      return false;
    }
    reply.remaining = {instance};
    const bool missing = ReportInstance(reply, instance, doing, wanted.sink);
    wanted.Drop(instance);
    return missing;
  }

  MetadataClient client_;
};

}  // namespace

class WadoRsMetadata::Impl {
 public:
  Impl(const WadoRsMetadataOptions& options, std::shared_ptr<HttpClient> http) : client_(options, std::move(http)) {}

  template <typename Reference>
  bool Of(const Reference& reference, const std::string& uid, const Each& each, const Context& context) {
    const std::string doing = StrCat("download metadata of ", uid);
    const auto outcome = client_.Fetch(MetadataClient::PathOf(reference), doing, each, context);
    if (!IsSuccess(outcome.head.status) && !IsMissing(outcome.head.status)) {
      throw StatusFailure(outcome.head, doing, outcome.text);
    }
    return IsSuccess(outcome.head.status);
  }

 private:
  MetadataClient client_;
};

WadoRsMetadata::WadoRsMetadata(WadoRsMetadataOptions options, std::shared_ptr<HttpClient> http)
    : impl_(std::make_unique<Impl>(options, std::move(http))) {}

WadoRsMetadata::~WadoRsMetadata() = default;

bool WadoRsMetadata::OfStudy(const StudyReference& study, const Each& each, const Context& context) {
  return impl_->Of(study, study.study.str(), each, context);
}

bool WadoRsMetadata::OfSeries(const SeriesReference& series, const Each& each, const Context& context) {
  return impl_->Of(series, series.series.str(), each, context);
}

bool WadoRsMetadata::OfInstance(const InstanceReference& instance, const Each& each, const Context& context) {
  return impl_->Of(instance, instance.instance.str(), each, context);
}

std::unique_ptr<Downloader> MakeWadoRsMetadataDownloader(WadoRsMetadataOptions options,
                                                         std::shared_ptr<HttpClient> http) {
  return std::make_unique<MetadataDownloader>(options, std::move(http));
}

}  // namespace trolley
