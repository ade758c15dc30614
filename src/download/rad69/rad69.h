#ifndef TROLLEY_DOWNLOAD_RAD69_RAD69_H_
#define TROLLEY_DOWNLOAD_RAD69_RAD69_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "download/downloader.h"
#include "http/http_client.h"

namespace trolley {

struct Rad69Options {
  enum class Request { kPerSeries, kAllAtOnce };
  enum class Envelope {
    kMtom,  // multipart/related with XOP, as IHE has it
    kSoap,  // bare application/soap+xml, as Vitrea Connection takes it
  };
  std::string url = {};                            // of the Imaging Document Source
  std::string repository_uid = "1.3.6.1.4.1000";   // RepositoryUniqueId; many servers do not look at it
  std::string home_community_id = {};              // "urn:oid:1.2.3"; empty: not sent
  std::vector<std::string> errors_to_ignore = {};  // RegistryError codes that are no failure of the download
  Request request = Request::kPerSeries;
  Envelope envelope = Envelope::kMtom;
  uint32_t busy_retries = 3;                   // after XDSRepositoryBusy and the like
  std::chrono::milliseconds busy_pause{1000};  // before the first of these; doubles each time
};

// Retrieve Imaging Document Set, IHE RAD TF-2 §4.69: SOAP 1.2 request, instances as parts of a MIME multipart answer,
// or embedded in its envelope.
//
// What the server says of one instance is told of that one: XDSMissingDocument as OnMissing, any other error as
// OnFailed. An error that names no instance fails the download, unless some instances came all the same. Busy servers
// are asked again, if the deadline allows.
//
// errors_to_ignore: an error with one of these codes never makes Download throw and is not retried; the instances are
// told as OnMissing or OnFailed as above, and one warning counts them by code.
std::unique_ptr<Downloader> MakeRad69Downloader(Rad69Options options, std::shared_ptr<HttpClient> http);

}  // namespace trolley

#endif  // TROLLEY_DOWNLOAD_RAD69_RAD69_H_
