#include "download/wado/wado_request.h"

#include <utility>

#include "base/text.h"
#include "download/wado/wado_receiver.h"
#include "http/http_status.h"

namespace trolley {
namespace {

// The status is about the instance, not about the server or our access to it.
bool ConcernsOneInstance(int status) {
  return status >= 400 && status <= 499 && status != 401 && status != 407 && status != 408 && status != 429;
}

// Keeps the head, also of a response that was not read to its end.
struct HeadKeeper : HttpSink {
  explicit HeadKeeper(HttpSink& to) : sink(to) {}
  void OnHead(const HttpHead& h) override {
    head = h;
    sink.OnHead(h);
  }
  void OnBody(std::span<const std::byte> piece) override { sink.OnBody(piece); }
  HttpSink& sink;
  HttpHead head;
};

WadoReply Receive(HttpClient& http, const HttpRequest& request, const std::string& doing, bool alone,
                  WadoReceiver& receiver, const Context& context) {
  HeadKeeper keeper(receiver);
  try {
    try {
      http.Stream(request, keeper, context);
      receiver.Finish();
    } catch (const WadoReceiver::Enough&) {
    }
  } catch (const Error& error) {
    if (receiver.sink_failed()) {
      throw;
    }
    const Error failure(error.code(), StrCat("Cannot ", doing, ": ", error.what()));
    if (alone && error.code() == ErrorCode::kProtocol) {
      throw InstanceFailure{failure};
    }
    throw failure;
  }
  return {std::move(keeper.head), receiver.failure_text(), receiver.reason(), receiver.Remaining(),
          receiver.delivered()};
}

}  // namespace

bool IsSuccess(int status) {
  return status >= 200 && status <= 299;
}

bool IsMissing(int status) {
  return status == 404 || status == 410;
}

Error StatusFailure(const HttpHead& head, const std::string& doing, std::string_view text) {
  try {
    CheckStatus(head, doing, text);
  } catch (const Error& error) {
    return error;
  }
  return {ErrorCode::kProtocol, StrCat("Cannot ", doing, ": the server responded with HTTP ", head.status)};
}

WadoReply RequestInstances(HttpClient& http, const HttpRequest& request, const std::string& doing, bool alone,
                           std::span<const InstanceReference> wanted, DownloadSink& sink, const Context& context) {
  WadoReceiver receiver(wanted, sink);
  return Receive(http, request, doing, alone, receiver, context);
}

WadoReply RequestSeries(HttpClient& http, const HttpRequest& request, const std::string& doing,
                        const SeriesReference& all_of, DownloadSink& sink, const Context& context) {
  WadoReceiver receiver(all_of, sink);
  return Receive(http, request, doing, false, receiver, context);
}

bool ReportInstance(const WadoReply& reply, const InstanceReference& instance, const std::string& doing,
                    DownloadSink& sink) {
  const int status = reply.head.status;
  if (IsMissing(status)) {
    sink.OnMissing(instance);
    return true;
  }
  if (!IsSuccess(status)) {
    const Error failure = StatusFailure(reply.head, doing, reply.text);
    if (!ConcernsOneInstance(status)) {
      throw failure;
    }
    sink.OnFailed(instance, failure);
  } else if (!reply.remaining.empty()) {
    sink.OnFailed(instance,
                  Error(ErrorCode::kProtocol, StrCat("Cannot ", doing, ": ",
                                                     reply.reason.empty() ? "the server sent nothing" : reply.reason)));
  }
  return false;
}

}  // namespace trolley
