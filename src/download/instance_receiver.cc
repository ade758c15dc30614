#include "download/instance_receiver.h"

#include <utility>

#include "base/text.h"
#include "dicom/data_set_peek.h"
#include "dicom/file_meta_writer.h"

namespace trolley {

InstanceReceiver::InstanceReceiver(InstanceReference instance, FileMeta meta, DownloadSink& sink)
    : instance_(std::move(instance)), meta_(std::move(meta)), sink_(sink) {}

void InstanceReceiver::Take(std::span<const std::byte> piece) {
  switch (state_) {
    case State::kPeeking:
      if (held_.empty()) {
        Peek(piece, false);
      } else {
        held_.insert(held_.end(), piece.begin(), piece.end());
        Peek(held_, false);
      }
      return;
    case State::kHandingOn:
      sink_.OnData(piece);
      return;
    case State::kRefused:
    case State::kDone:
      return;
  }
}

// `all` of the data set that has come so far.
void InstanceReceiver::Peek(std::span<const std::byte> all, bool is_whole) {
  const DataSetPeek peek = PeekDataSet(all, meta_.transfer_syntax_uid);
  if (peek.status == DataSetPeek::Status::kNeedMore) {
    if (is_whole) {
      state_ = State::kRefused;
    } else if (held_.empty()) {
      held_.assign(all.begin(), all.end());
    }
    return;
  }
  if (peek.status == DataSetPeek::Status::kOk && *peek.sop_instance_uid != meta_.sop_instance_uid) {
    state_ = State::kRefused;
    return;
  }
  state_ = State::kHandingOn;
  sink_.OnBegin(instance_, std::nullopt);
  sink_.OnData(Part10Prefix(meta_));
  sink_.OnData(all);
  held_ = {};
}

std::optional<Error> InstanceReceiver::Finish() {
  if (state_ == State::kPeeking) {
    Peek(std::vector(held_), true);
  }
  if (state_ == State::kRefused) {
    return Error(ErrorCode::kProtocol, StrCat("Cannot download instance ", instance_.instance.str(),
                                              ": the archive sent something else under its SOPInstanceUID"));
  }
  state_ = State::kDone;
  sink_.OnEnd();
  return std::nullopt;
}

void InstanceReceiver::Fail(const Error& error) {
  if (state_ != State::kDone) {
    state_ = State::kDone;
    sink_.OnFailed(instance_, error);
  }
}

}  // namespace trolley
