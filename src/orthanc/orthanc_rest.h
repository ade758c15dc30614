#ifndef TROLLEY_ORTHANC_ORTHANC_REST_H_
#define TROLLEY_ORTHANC_ORTHANC_REST_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "trolley/context.h"
#include "trolley/http_client.h"
#include "trolley/references.h"
#include "trolley/study.h"

namespace trolley {

// The part of Orthanc's own REST interface that serves reading: its identifiers, and the sizes of stored files. Shared
// by the searcher that lists series and the downloader, so that the identifiers of a listing are not requested again.
//
// Calls return nullopt when Orthanc refuses the request (then the interface is no longer available) or has nothing like
// that. They throw Error as HttpClient does (but none waits longer than ten seconds), and kProtocol for a response that
// is not Orthanc's. Thread-safe.
class OrthancRest {
 public:
  // Why this is thought to be an Orthanc: the configuration says so, or detection found one.
  enum class Basis { kConfigured, kDetected };

  // `url`: of Orthanc itself, with or without trailing "/" (see OrthancRoot).
  OrthancRest(std::string url, std::shared_ptr<HttpClient> http, Basis basis = Basis::kConfigured);
  ~OrthancRest();
  OrthancRest(const OrthancRest&) = delete;
  OrthancRest& operator=(const OrthancRest&) = delete;

  // Whether the interface can be used: some proxies pass nothing but DICOMweb. Requested once (GET /system) and
  // remembered, with one log line when it cannot. Throws when that could not be found out (no connection); the next
  // call tries again.
  //
  // With kDetected, /system must describe an Orthanc that has the DICOMweb plugin. That takes two seconds at most,
  // renews no credentials, follows no redirect, logs nothing when something else is there, and throws only kCancelled.
  // It is repeated after a while.
  bool IsAvailable(const Context& context);
  // As IsAvailable, but with kDetected sends no request: false until an earlier call of IsAvailable found an Orthanc.
  bool IsKnownAvailable(const Context& context);
  bool is_detected() const;
  // A later request was refused: not available for a while.
  void MarkUnavailable(std::string_view reason);

  // Where the file of an instance is.
  struct File {
    bool refused = false;  // the interface is not available
    std::string url;       // empty: Orthanc has no such instance in that study and series
  };
  // `refresh`: does not use remembered identifiers, because they led to no file.
  File FindFile(const InstanceReference& instance, bool refresh, const Context& context);

  // Exact sizes of the stored files by SOPInstanceUID, for a whole series or for one instance. Empty when Orthanc has
  // none. An instance stored twice (under two PatientIDs) has no size here.
  using Sizes = std::unordered_map<Uid, uint64_t>;
  std::optional<Sizes> SizesOf(const SeriesReference& series, const Context& context);
  std::optional<Sizes> SizesOf(const InstanceReference& instance, const Context& context);

  // All instances of a series, each with its size, SOPInstanceUID and InstanceNumber. Also nullopt when the list is
  // doubtful: an instance is stored twice, a size is missing or may be modulo 4 GiB (as in older versions), or Orthanc
  // counts another number of instances.
  std::optional<std::vector<Instance>> List(const SeriesReference& series, const Context& context);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace trolley

#endif  // TROLLEY_ORTHANC_ORTHANC_REST_H_
