#ifndef TROLLEY_DOWNLOAD_FILE_RECEIVER_H_
#define TROLLEY_DOWNLOAD_FILE_RECEIVER_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "trolley/downloader.h"
#include "trolley/references.h"

namespace trolley {

// Takes DICOM files one after another as they arrive and hands on those that are wanted, in constant memory. A file's
// SOPInstanceUID is looked at before its first byte is handed on.
class FileReceiver {
 public:
  // No two of `wanted` have the same SOPInstanceUID.
  FileReceiver(std::span<const InstanceReference> wanted, DownloadSink& sink);
  // Whatever comes is wanted, each instance once.
  FileReceiver(SeriesReference all_of, DownloadSink& sink);

  // A file begins. `expected`: what the server says it is, so that another one is dropped.
  void Begin(std::optional<uint64_t> length, std::optional<Uid> expected = std::nullopt);
  void Add(std::span<const std::byte> piece);
  // Its bytes have come. Why nothing of them was handed on; "" when it was.
  std::string End();
  // It is certain that these were all its bytes: OnEnd. Does nothing when nothing has been handed on.
  void Confirm();

  // Instances that did not come whole.
  std::vector<InstanceReference> Remaining() const;
  // Nothing remains.
  bool done() const { return wanted_.empty() && !all_of_; }
  // Instances that came whole.
  size_t delivered() const { return delivered_; }
  // An exception came from the sink, not from the response.
  bool sink_failed() const { return sink_failed_; }

 private:
  enum class File { kNone, kPeeking, kTaken, kDropped };

  void Peek(std::span<const std::byte> all);
  void Drop(std::string reason);
  template <typename Function>
  void CallSink(Function function);

  std::map<Uid, InstanceReference> wanted_;  // not yet whole
  std::optional<SeriesReference> all_of_;
  std::set<Uid> arrived_;  // whole, of all_of_
  size_t delivered_ = 0;
  DownloadSink& sink_;
  bool sink_failed_ = false;
  File file_ = File::kNone;
  std::optional<uint64_t> length_;
  std::optional<Uid> expected_;
  std::vector<std::byte> held_;  // what has to be looked at before it can be handed on
  std::string reason_;           // why it was dropped
  std::optional<Uid> taken_;     // the instance whose bytes are handed on
  bool taken_ended_ = false;     // its bytes have come
};

}  // namespace trolley

#endif  // TROLLEY_DOWNLOAD_FILE_RECEIVER_H_
