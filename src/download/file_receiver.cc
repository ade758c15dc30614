#include "download/file_receiver.h"

#include <utility>

#include "base/text.h"
#include "dicom/file_meta.h"
#include "trolley/log.h"

namespace trolley {

FileReceiver::FileReceiver(std::span<const InstanceReference> wanted, DownloadSink& sink) : sink_(sink) {
  for (const InstanceReference& instance : wanted) {
    wanted_.emplace(instance.instance, instance);
  }
}

FileReceiver::FileReceiver(SeriesReference all_of, DownloadSink& sink) : all_of_(std::move(all_of)), sink_(sink) {}

template <typename Function>
void FileReceiver::CallSink(Function function) {
  sink_failed_ = true;  // unless the sink returns
  function();
  sink_failed_ = false;
}

void FileReceiver::Begin(std::optional<uint64_t> length, std::optional<Uid> expected) {
  held_.clear();
  reason_.clear();
  file_ = File::kPeeking;
  length_ = length;
  expected_ = std::move(expected);
}

void FileReceiver::Add(std::span<const std::byte> piece) {
  switch (file_) {
    case File::kPeeking:
      if (held_.empty()) {
        Peek(piece);
      } else {
        held_.insert(held_.end(), piece.begin(), piece.end());
        Peek(held_);
      }
      return;
    case File::kTaken:
      CallSink([&] { sink_.OnData(piece); });
      return;
    case File::kNone:
    case File::kDropped:
      return;
  }
}

// `all` of the file that has come so far.
void FileReceiver::Peek(std::span<const std::byte> all) {
  const FileMetaPeek peek = PeekFileMeta(all);
  if (peek.status == FileMetaPeek::Status::kNeedMore) {
    if (held_.empty()) {
      held_.assign(all.begin(), all.end());
    }
    return;
  }
  if (peek.status == FileMetaPeek::Status::kNotDicom) {
    LogWarning("The archive sent a part that is no DICOM file");
    Drop("the server sent something that is no DICOM file");
    return;
  }
  const Uid& uid = peek.meta->sop_instance_uid;
  if (all_of_ && !arrived_.contains(uid)) {
    wanted_.try_emplace(uid, InstanceReference{all_of_->study, all_of_->series, uid});
  }
  const auto wanted = wanted_.find(uid);
  if (wanted == wanted_.end() || (expected_ && *expected_ != uid)) {
    LogDebug(StrCat("Dropped an instance that was not asked for: ", uid.str()));
    Drop(StrCat("the server sent another instance, ", uid.str()));
    return;
  }
  file_ = File::kTaken;
  taken_ = uid;
  taken_ended_ = false;
  CallSink([&] {
    sink_.OnBegin(wanted->second, length_);
    sink_.OnData(all);
  });
  held_ = {};
}

void FileReceiver::Drop(std::string reason) {
  file_ = File::kDropped;
  reason_ = std::move(reason);
}

std::string FileReceiver::End() {
  if (file_ == File::kTaken) {
    taken_ended_ = true;
  } else if (file_ == File::kPeeking) {
    Drop("the server sent something that is no DICOM file");
  }
  file_ = File::kNone;
  return reason_;
}

void FileReceiver::Confirm() {
  if (!taken_ || !taken_ended_) {
    return;
  }
  wanted_.erase(*taken_);
  ++delivered_;
  if (all_of_) {
    arrived_.insert(*taken_);
  }
  taken_.reset();
  CallSink([&] { sink_.OnEnd(); });
}

std::vector<InstanceReference> FileReceiver::Remaining() const {
  std::vector<InstanceReference> remaining;
  for (const auto& [uid, instance] : wanted_) {
    remaining.push_back(instance);
  }
  return remaining;
}

}  // namespace trolley
