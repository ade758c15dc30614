#include "fetch/series_stream.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "base/text.h"
#include "fetch/download_run.h"
#include "trolley/log.h"

namespace trolley {
namespace {

constexpr size_t kMaxThreads = 128;  // that were started for a series

// The sink of a request beside the stream. A failure of this request is not a failure of the instance: the stream may
// still bring it, and the requests for what is missing afterwards report it.
class HelpingSink : public StoringSink {
 public:
  using StoringSink::StoringSink;
  void OnMissing(const InstanceReference& /*instance*/) override {}
  void OnFailed(const InstanceReference& /*instance*/, const Error& /*error*/) override { Drop(); }
};

}  // namespace

SeriesStream::SeriesStream(SeriesReference series, uint64_t count, const Parts& parts)
    : series_(std::move(series)), count_(count), parts_(parts), sink_(series_, parts.storage, parts.run) {}

void SeriesStream::Run() {
  {
    const std::stop_callback stop_all(parts_.context.stop, [this] {
      stop_stream_.request_stop();
      stop_list_.request_stop();
    });
    Stream(stop_stream_.get_token());
  }
  bool again = false;
  {
    const MutexLock lock(mutex_);
    left_ = std::exchange(refused_, {});
    std::erase_if(left_, [this](const Uid& uid) { return closed_.contains(uid); });
    again = std::any_of(left_.begin(), left_.end(),
                        [this](const Uid& uid) TROLLEY_REQUIRES(mutex_) { return cut_ || passed_over_.contains(uid); });
    if (again) {
      claimed_ = closed_;
      listed_ = false;
    }
  }
  if (again) {
    LogInfo(StrCat("The archive refused single instances of series ", series_.series.str(),
                   ", the whole series is requested once more"));
    Stream(parts_.context.stop);
    std::erase_if(left_, [this](const Uid& uid) { return closed_.contains(uid); });
  }
}

void SeriesStream::Stream(const std::stop_token& stop) {
  struct End {
    SeriesStream& self;
    ~End() { self.EndHelpers(); }
  };
  const End end{*this};
  try {
    parts_.downloader.DownloadSeries(series_, *this, {stop, parts_.context.deadline});
  } catch (const Error&) {
    const MutexLock lock(mutex_);
    if (parts_.context.stop.stop_requested() || sink_.full() || !HasAllElse() || streaming_) {
      throw;
    }
    cut_ = true;
  }
}

void SeriesStream::OnBegin(const InstanceReference& instance, std::optional<uint64_t> length) {
  {
    const MutexLock lock(mutex_);
    dropped_ = !claimed_.insert(instance.instance).second;
    streaming_ = !dropped_;
    if (dropped_) {
      passed_over_.insert(instance.instance);
    }
    if (dropped_ && HasAllElse()) {
      throw Error(ErrorCode::kCancelled, "Cannot go on with a series: the rest of it has arrived already");
    }
  }
  if (!dropped_) {
    sink_.OnBegin(instance, length);
  }
  if (length) {
    RequestHelp(*length);
  }
}

void SeriesStream::OnData(std::span<const std::byte> piece) {
  if (!dropped_) {
    sink_.OnData(piece);
  }
}

void SeriesStream::OnEnd() {
  if (dropped_) {
    return;
  }
  sink_.OnEnd();
  {
    const MutexLock lock(mutex_);
    streaming_ = false;
    StartHelpers();
  }
  RequestHelp(sink_.received());
}

void SeriesStream::OnMissing(const InstanceReference& instance) {
  sink_.OnMissing(instance);
}

void SeriesStream::OnFailed(const InstanceReference& instance, const Error& error) {
  {
    const MutexLock lock(mutex_);
    // A part that began was claimed by OnBegin; one that a helper has is its.
    if (!std::exchange(streaming_, false) && !claimed_.insert(instance.instance).second) {
      return;
    }
  }
  sink_.OnFailed(instance, error);
}

// Once, when it is known what an instance takes.
void SeriesStream::RequestHelp(uint64_t bytes_each) {
  if (std::exchange(help_requested_, true)) {
    return;
  }
  if (const auto round_trip = parts_.downloader.capabilities().round_trip) {
    parts_.limiter.NoteRoundTrip(*round_trip);
  }
  if (parts_.limiter.StreamIsSlow(bytes_each, count_)) {
    const MutexLock lock(mutex_);
    Spawn(&SeriesStream::List);
  }
}

void SeriesStream::List() {
  try {
    std::vector<WantedInstance> list =
        ListSeries(series_, parts_.searcher, {stop_list_.get_token(), parts_.context.deadline});
    const MutexLock lock(mutex_);
    list_ = std::move(list);
    listed_ = true;
    StartHelpers();
  } catch (const Error& error) {
    LogDebug(StrCat("Cannot help the stream of series ", series_.series.str(), ": ", error.what()));
  } catch (...) {
    parts_.run.Abort();
  }
}

void SeriesStream::StartHelpers() {
  while (!ended_ && refused_.empty() && helping_ < list_.size() && threads_.size() < kMaxThreads &&
         parts_.limiter.TryAcquire()) {
    if (!Spawn(&SeriesStream::Help)) {
      parts_.limiter.Release();
      return;
    }
    ++helping_;
  }
}

bool SeriesStream::Spawn(void (SeriesStream::*work)()) {
  try {
    threads_.emplace_back(work, this);
    return true;
  } catch (const std::system_error& error) {
    LogDebug(StrCat("Cannot fetch more at the same time: ", error.what()));
    return false;
  }
}

void SeriesStream::Help() {
  try {
    while (const auto instance = Next()) {
      const bool stored = Fetch(*instance);
      const MutexLock lock(mutex_);
      if (stored) {
        closed_.insert(instance->instance);
        StartHelpers();
      } else {
        claimed_.erase(instance->instance);
        refused_.push_back(instance->instance);
      }
    }
  } catch (...) {
    parts_.run.Abort();
  }
  const MutexLock lock(mutex_);
  --helping_;
  parts_.limiter.Release();
  if (helping_ == 0 && HasAllElse() && !streaming_) {
    stop_stream_.request_stop();
  }
}

std::optional<InstanceReference> SeriesStream::Next() {
  if (parts_.limiter.over_limit()) {
    return std::nullopt;
  }
  const MutexLock lock(mutex_);
  while (!ended_ && refused_.empty() && !list_.empty()) {
    InstanceReference instance = std::move(list_.back().reference);
    list_.pop_back();
    if (claimed_.insert(instance.instance).second) {
      return instance;
    }
  }
  return std::nullopt;
}

// Whether its outcome was reported.
bool SeriesStream::Fetch(const InstanceReference& instance) {
  HelpingSink sink({&instance, 1}, parts_.storage, parts_.run);
  try {
    const auto began = Clock::now();
    parts_.downloader.Download({&instance, 1}, sink, parts_.context);
    parts_.limiter.NoteRequest(sink.waited(), Clock::now() - began, sink.received());
  } catch (const Error& error) {
    LogDebug(StrCat("Cannot help the stream of series ", series_.series.str(), ": ", error.what()));
  }
  return sink.Open().empty();
}

void SeriesStream::EndHelpers() {
  stop_list_.request_stop();
  std::vector<std::thread> threads;
  {
    const MutexLock lock(mutex_);
    ended_ = true;  // and so there will be no more of them
    threads.swap(threads_);
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  closed_.insert(sink_.closed().begin(), sink_.closed().end());
}

}  // namespace trolley
