#ifndef TROLLEY_DOWNLOAD_INSTANCE_RECEIVER_H_
#define TROLLEY_DOWNLOAD_INSTANCE_RECEIVER_H_

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "dicom/file_meta.h"
#include "trolley/downloader.h"
#include "trolley/error.h"
#include "trolley/references.h"

namespace trolley {

// Makes a file of one data set that comes over an association, and hands it on as it comes, in constant memory. The
// SOPInstanceUID in the data set is compared with the one that the message named before anything is handed on.
class InstanceReceiver {
 public:
  // `meta` as the message and its presentation context say.
  InstanceReceiver(InstanceReference instance, FileMeta meta, DownloadSink& sink);

  void Take(std::span<const std::byte> piece);
  // The data set is whole: OnEnd. Or it was not what it should be: why; the sink was told nothing then.
  std::optional<Error> Finish();
  // It will not become whole: OnFailed.
  void Fail(const Error& error);

 private:
  enum class State { kPeeking, kHandingOn, kRefused, kDone };
  void Peek(std::span<const std::byte> all, bool is_whole);

  const InstanceReference instance_;
  const FileMeta meta_;
  DownloadSink& sink_;
  State state_ = State::kPeeking;
  std::vector<std::byte> held_;  // what has to be looked at before it can be handed on
};

}  // namespace trolley

#endif  // TROLLEY_DOWNLOAD_INSTANCE_RECEIVER_H_
