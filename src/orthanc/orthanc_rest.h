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

#include "base/context.h"
#include "dicom/references.h"
#include "dicom/study.h"
#include "http/http_client.h"

namespace trolley {

// Orthanc's own REST interface, as far as it serves reading: its identifiers, and the sizes of stored files. Shared by
// the searcher that lists series and the downloader, so that what a listing told need not be asked again. Calls throw
// Error as HttpClient does (but none waits longer than ten seconds), kProtocol for an answer that is not Orthanc's, and
// kUnsupported when it is refused, after which it is no longer Usable. Thread-safe.
class OrthancRest {
 public:
  // Whether somebody said that this is an Orthanc.
  enum class Basis { kTold, kGuess };

  // `url`: of Orthanc itself, with or without trailing "/" (see OrthancRoot).
  OrthancRest(std::string url, std::shared_ptr<HttpClient> http, Basis basis = Basis::kTold);
  ~OrthancRest();
  OrthancRest(const OrthancRest&) = delete;
  OrthancRest& operator=(const OrthancRest&) = delete;

  // Whether the interface is there for us: some proxies pass nothing but DICOMweb. Asked once (GET /system) and
  // remembered; with one log line when it is not. What cannot be told (no connection) is thrown and asked again.
  //
  // A guess is confirmed by /system and by Orthanc's word that it has the DICOMweb plugin; that takes two seconds at
  // most, renews no credentials, follows no redirect and never throws but kCancelled. Whatever else is there, and
  // nothing, is silent, and asked again after a while.
  bool Usable(const Context& context);
  // As Usable, but asks nobody about a guess.
  bool UsableByNow(const Context& context);
  bool is_guess() const;
  // Later requests were refused after all: no longer Usable.
  void GiveUp(std::string_view reason);

  // URL of the file of an instance; nullopt when Orthanc has no such instance in that study and series.
  // `fresh`: what is remembered does not count, it led to nothing.
  std::optional<std::string> FileUrl(const InstanceReference& instance, bool fresh, const Context& context);

  // Exact sizes of the stored files of one series, whole, by SOPInstanceUID; of one instance where only that is wanted.
  // Empty when Orthanc has none. An instance stored twice (under two PatientIDs) has no size here.
  using Sizes = std::unordered_map<Uid, uint64_t>;
  Sizes SizesOf(const SeriesReference& series, const Context& context);
  Sizes SizesOf(const InstanceReference& instance, const Context& context);

  // All instances of a series, each with its size, SOPInstanceUID and InstanceNumber. nullopt when Orthanc has none, or
  // anything about its answer leaves a doubt: an instance stored twice, a size missing, or perhaps told modulo 4 GiB as
  // older versions do, or another number of instances than it counts.
  std::optional<std::vector<Instance>> List(const SeriesReference& series, const Context& context);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// Where Orthanc itself is, when its DICOMweb plugin is at `dicom_web_url`: "http://host:8042/dicom-web" ->
// "http://host:8042". Throws kInvalidArgument when the URL has no last part to take off; then it has to be configured.
std::string OrthancRoot(std::string_view dicom_web_url);

}  // namespace trolley

#endif  // TROLLEY_ORTHANC_ORTHANC_REST_H_
