#ifndef TROLLEY_DOWNLOAD_WADO_WADO_RECEIVER_H_
#define TROLLEY_DOWNLOAD_WADO_WADO_RECEIVER_H_

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "download/file_receiver.h"
#include "http/multipart.h"
#include "trolley/downloader.h"
#include "trolley/http_client.h"
#include "trolley/references.h"

namespace trolley {

// Receives one response of WADO-RS or the like as it arrives and hands the wanted instances on, in constant memory:
// multipart or single part, whatever its headers claim. Each part's SOPInstanceUID is looked at before the first byte
// is handed on; an instance ends for the sink only when the delimiter after it (for the last one, the closing
// delimiter) was seen.
class WadoReceiver : public HttpSink, public MultipartSink {
 public:
  // Thrown out of OnBody when all that is wanted has come, to end the transfer.
  struct Enough : std::exception {};

  // `wanted` is of one series.
  WadoReceiver(std::span<const InstanceReference> wanted, DownloadSink& sink);
  // Everything that comes is wanted.
  WadoReceiver(SeriesReference all_of, DownloadSink& sink);

  void OnHead(const HttpHead& head) override;
  void OnBody(std::span<const std::byte> piece) override;
  void OnPartBegin(const PartHead& head) override { BeginPart(head.content_length); }
  void OnPartData(std::span<const std::byte> piece) override { files_.Add(piece); }
  void OnPartEnd() override { EndPart(); }
  // The response is complete, as far as HTTP can tell. Throws kProtocol when it is not whole.
  void Finish();

  // Instances that did not come whole.
  std::vector<InstanceReference> Remaining() const { return files_.Remaining(); }
  size_t delivered() const { return files_.delivered(); }
  // Why the parts that arrived were dropped; "" when none was.
  const std::string& reason() const { return reason_; }
  // The begin of a body that came with a failure status.
  const std::string& failure_text() const { return failure_text_; }
  // An exception came from the sink, not from the response.
  bool sink_failed() const { return files_.sink_failed(); }

 private:
  enum class Body { kNone, kFailure, kUnknown, kMultipart, kSingle };

  void Sniff();
  void BeginPart(std::optional<uint64_t> length);
  void EndPart();

  FileReceiver files_;
  Body body_ = Body::kNone;
  std::optional<uint64_t> length_;  // of the body
  bool end_is_marked_ = false;      // the body's end can be told from a lost connection
  std::string rendered_type_;       // the response claims to be a picture
  std::unique_ptr<MultipartParser> parser_;
  std::vector<std::byte> held_;  // the body's first bytes, until its kind is known
  std::string reason_;
  std::string failure_text_;
  uint64_t failure_bytes_ = 0;
};

}  // namespace trolley

#endif  // TROLLEY_DOWNLOAD_WADO_WADO_RECEIVER_H_
