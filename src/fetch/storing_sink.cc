#include "fetch/storing_sink.h"

#include <utility>

#include "base/text.h"
#include "fetch/download_run.h"

namespace trolley {

void StoringSink::OnBegin(const InstanceReference& instance, std::optional<uint64_t> length) {
  if (all_of_ == instance.series_reference() && !closed_.contains(instance.instance)) {
    open_.insert(instance);
  }
  current_ = open_.contains(instance) ? std::optional(instance) : std::nullopt;
  length_ = length;
  received_ = 0;
  waited_ += Clock::now() - waits_since_;
  trouble_.reset();
  writer_.reset();
  Try([&] { writer_ = storage_.Begin(instance, length); });
}

void StoringSink::OnData(std::span<const std::byte> piece) {
  received_ += piece.size();
  Try([&] { writer_->Append(piece); });
  run_.AddBytes(piece.size());
}

void StoringSink::OnEnd() {
  Try([&] {
    if (length_ && *length_ != received_) {
      throw Error(ErrorCode::kProtocol, StrCat("Cannot download instance ", current_->instance.str(), ": ", received_,
                                               " of ", *length_, " bytes arrived"));
    }
    writer_->Commit();
  });
  writer_.reset();
  if (current_ && !trouble_) {
    Close(*current_, Outcome::kDone, std::nullopt);
  }
  current_.reset();
  waits_since_ = Clock::now();
}

void StoringSink::OnMissing(const InstanceReference& instance) {
  Close(instance, Outcome::kMissing, std::nullopt);
}

void StoringSink::OnFailed(const InstanceReference& instance, const Error& error) {
  Drop();
  if (all_of_ == instance.series_reference() && !closed_.contains(instance.instance)) {
    open_.insert(instance);  // it may not have begun
  }
  Close(instance, Outcome::kFailed, error);
}

void StoringSink::Drop() {
  writer_.reset();
  current_.reset();
}

template <typename Work>
void StoringSink::Try(Work work) {
  if (!current_ || trouble_) {
    return;
  }
  try {
    work();
  } catch (const Error& error) {
    trouble_ = error;
    writer_.reset();
    Close(*current_, Outcome::kFailed, error);
    if (error.code() == ErrorCode::kNoSpace) {
      full_ = true;
      run_.StopBecause(error);
      throw;
    }
  }
}

void StoringSink::Close(const InstanceReference& instance, Outcome outcome, std::optional<Error> error) {
  if (all_of_) {
    closed_.insert(instance.instance);
  }
  if (open_.erase(instance) > 0) {
    run_.Report({instance, outcome, std::move(error), outcome == Outcome::kDone ? received_ : 0});
  }
}

}  // namespace trolley
