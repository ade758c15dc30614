#ifndef TROLLEY_DOWNLOAD_WADO_WADO_REQUEST_H_
#define TROLLEY_DOWNLOAD_WADO_WADO_REQUEST_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "trolley/context.h"
#include "trolley/downloader.h"
#include "trolley/error.h"
#include "trolley/http_client.h"
#include "trolley/references.h"

namespace trolley {

// Shared by the downloaders over HTTP.

bool IsSuccess(int status);
bool IsMissing(int status);
// The error for a failure status.
Error StatusFailure(const HttpHead& head, const std::string& doing, std::string_view text);

struct WadoReply {
  HttpHead head;
  std::string text;                          // of a failure
  std::string reason;                        // why instances remained although the status is a success
  std::vector<InstanceReference> remaining;  // not delivered
  size_t delivered = 0;
};

// The failure of one instance; others may succeed. Exceptions of the sink never become one.
struct InstanceFailure {
  Error error;
};

// One request, for `wanted` of one series; what comes of them is handed on. `alone`: it is for one instance, so that an
// response that makes no sense is an InstanceFailure; other errors are thrown.
WadoReply RequestInstances(HttpClient& http, const HttpRequest& request, const std::string& doing, bool alone,
                           std::span<const InstanceReference> wanted, DownloadSink& sink, const Context& context);

// The same for a whole series, whatever it holds.
WadoReply RequestSeries(HttpClient& http, const HttpRequest& request, const std::string& doing,
                        const SeriesReference& all_of, DownloadSink& sink, const Context& context);

// Reports the outcome of a request for one instance to `sink`, unless the instance was delivered. Throws when the reply
// concerns more than the instance. True: the archive has no such instance.
bool ReportInstance(const WadoReply& reply, const InstanceReference& instance, const std::string& doing,
                    DownloadSink& sink);

}  // namespace trolley

#endif  // TROLLEY_DOWNLOAD_WADO_WADO_REQUEST_H_
