#ifndef TROLLEY_DOWNLOAD_RAD69_RAD69_RECEIVER_H_
#define TROLLEY_DOWNLOAD_RAD69_RAD69_RECEIVER_H_

#include <cstddef>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "download/file_receiver.h"
#include "download/rad69/rad69_response.h"
#include "http/media_type.h"
#include "http/multipart.h"
#include "trolley/downloader.h"
#include "trolley/http_client.h"
#include "trolley/references.h"

namespace trolley {

// Receives one RAD-69 response as it arrives and hands the wanted instances on, in constant memory: a multipart body
// whose root part is the SOAP envelope and whose other parts are files, or the envelope alone, which may hold files.
// Where the envelope says which document a part is, the file in it has to be that; what comes before the envelope is
// known by its own SOPInstanceUID.
class Rad69Receiver : public HttpSink, public MultipartSink {
 public:
  // Thrown out of OnBody when all that is wanted has come, to end the transfer.
  struct Enough : std::exception {};

  // No two of `wanted` have the same SOPInstanceUID.
  Rad69Receiver(std::span<const InstanceReference> wanted, DownloadSink& sink) : files_(wanted, sink) {}

  void OnHead(const HttpHead& head) override;
  void OnBody(std::span<const std::byte> piece) override;
  void OnPartBegin(const PartHead& head) override;
  void OnPartData(std::span<const std::byte> piece) override;
  void OnPartEnd() override;
  // The response is complete, as far as HTTP can tell. Throws kProtocol when it is not whole or no RAD-69.
  void Finish();

  const HttpHead& head() const { return head_; }
  // The envelope, when one came.
  const std::optional<Rad69Response>& response() const { return response_; }
  // Why the response is incomplete; "" when no problem was seen.
  const std::string& problem() const { return problem_; }
  std::vector<InstanceReference> Remaining() const { return files_.Remaining(); }
  // Why parts of instances that did not arrive were dropped, by SOPInstanceUID.
  std::map<Uid, std::string> BadParts() const;
  // An exception came from the sink, not from the response.
  bool sink_failed() const { return files_.sink_failed(); }

 private:
  enum class Body { kNone, kUnknown, kMultipart, kEnvelope, kFailure };

  void Sniff(std::span<const std::byte> piece);
  void AddText(std::span<const std::byte> piece, size_t most);
  bool IsRoot(const std::string& id, const std::optional<MediaType>& type) const;
  void ReadRoot();
  void TakeEmbedded();

  FileReceiver files_;
  HttpHead head_;
  Body body_ = Body::kNone;
  std::unique_ptr<MultipartParser> parser_;
  std::string root_id_;  // "" when not named
  size_t parts_ = 0;
  bool in_root_ = false;
  std::string text_;     // of the envelope, or a failure
  std::string part_id_;  // of the file that comes
  std::optional<Rad69Response> response_;
  std::map<std::string, std::string> bad_parts_;  // Content-ID -> what was wrong
  std::string problem_;
};

}  // namespace trolley

#endif  // TROLLEY_DOWNLOAD_RAD69_RAD69_RECEIVER_H_
