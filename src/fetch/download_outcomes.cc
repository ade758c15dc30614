// The part of DownloadRun that counts outcomes and calls back. Any of its threads comes here; callbacks run one after
// the other, under mutex_, and what one throws ends the run.
#include <utility>

#include "fetch/download_run.h"

namespace trolley {

void DownloadRun::AddBytes(uint64_t bytes) {
  bytes_ += bytes;
  ShowProgress(false);
}

void DownloadRun::Report(DownloadResult result) {
  {
    const MutexLock lock(mutex_);
    switch (result.outcome) {
      case Outcome::kDone:
        ++report_.total.done;
        break;
      case Outcome::kComplete:
        ++report_.total.complete;
        break;
      case Outcome::kMissing:
        ++report_.total.missing;
        break;
      case Outcome::kFailed:
        ++report_.total.failed;
        break;
    }
  }
  if (options_.on_result) {
    CallBack([&] { options_.on_result(result); });
  }
  if (result.outcome == Outcome::kMissing || result.outcome == Outcome::kFailed) {
    const MutexLock lock(mutex_);
    report_.problems.push_back(std::move(result));
  }
  ShowProgress(false);
}

void DownloadRun::StopBecause(const Error& error) {
  {
    const MutexLock lock(mutex_);
    if (!report_.stopped_by) {
      report_.stopped_by = error;
    }
  }
  stop_.request_stop();
}

void DownloadRun::Abort() {
  CallBack([] { throw; });
}

void DownloadRun::CallBack(const std::function<void()>& call) {
  const MutexLock lock(mutex_);
  if (thrown_) {
    return;
  }
  try {
    call();
  } catch (...) {
    thrown_ = std::current_exception();
    stop_.request_stop();
  }
}

void DownloadRun::ShowProgress(bool at_end) {
  if (!options_.on_progress) {
    return;
  }
  const auto now = Clock::now().time_since_epoch();
  auto before = shown_at_.load(std::memory_order_relaxed);
  const bool due =
      now.count() - before >= std::chrono::duration_cast<Clock::duration>(options_.progress_interval).count();
  if (!at_end && (!due || !shown_at_.compare_exchange_strong(before, now.count()))) {
    return;
  }
  CallBack([this]() TROLLEY_REQUIRES(mutex_) { options_.on_progress(Progress()); });
}

DownloadProgress DownloadRun::Progress() const {
  DownloadProgress progress = report_.total;
  progress.found = found_;
  progress.all_found = all_found_;
  progress.bytes = bytes_;
  return progress;
}

}  // namespace trolley
