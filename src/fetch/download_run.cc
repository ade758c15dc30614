#include "fetch/download_run.h"

#include <algorithm>
#include <iterator>
#include <system_error>
#include <utility>

#include "base/text.h"
#include "fetch/series_stream.h"
#include "fetch/storing_sink.h"
#include "trolley/log.h"

namespace trolley {
namespace {

constexpr unsigned kFruitlessAttempts = 3;
constexpr size_t kMaxPiece = 64;
constexpr size_t kMinListPiece = 32;         // an exchange has its price
constexpr size_t kPiecesOnHighLatency = 16;  // of what one job would fetch, for jobs that come later

bool IsOutOfReach(const Error& error) {
  return error.code() == ErrorCode::kUnavailable || error.code() == ErrorCode::kTimedOut ||
         error.code() == ErrorCode::kAccessDenied;
}

}  // namespace

DownloadRun::DownloadRun(Searcher& searcher, Downloader& downloader, Storage& storage, const DownloadOptions& options)
    : searcher_(searcher),
      downloader_(downloader),
      storage_(storage),
      options_(options),
      context_{stop_.get_token(), options.context.deadline},
      link_(std::max(options.jobs, options.max_jobs) - options.jobs) {}

DownloadReport DownloadRun::Run(std::span<const Reference> references) {
  const std::stop_callback pass_on(options_.context.stop, [this] { stop_.request_stop(); });
  {
    struct Joining {
      std::vector<std::jthread>& workers;
      ~Joining() { workers.clear(); }
    } const joining{workers_};
    while (workers_.size() < options_.jobs && AddWorker()) {
    }
    try {
      Expand(references, searcher_, *this, context_);
    } catch (const Error& error) {
      StopBecause(error);
    } catch (...) {
      CallBack([] { throw; });
    }
    const MutexLock lock(queue_mutex_);
    all_found_ = true;
    queue_changed_.NotifyAll();
  }
  if (stop_.stop_requested()) {
    StopBecause(Error(ErrorCode::kCancelled, "Cannot go on downloading: it was cancelled"));
  }
  ShowProgress(true);
  const MutexLock lock(mutex_);
  if (thrown_) {
    std::rethrow_exception(thrown_);
  }
  report_.total = Progress();
  return std::move(report_);
}

void DownloadRun::OnSeries(std::vector<WantedInstance> instances) {
  CountReached(nullptr);
  found_ += instances.size();
  const size_t piece = PieceSize(instances.size());
  for (size_t begin = 0; begin < instances.size(); begin += piece) {
    const auto first = instances.begin() + static_cast<ptrdiff_t>(begin);
    const auto last = instances.begin() + static_cast<ptrdiff_t>(std::min(begin + piece, instances.size()));
    Push(Piece(std::make_move_iterator(first), std::make_move_iterator(last)));
  }
}

// The number of instances of a series in one request.
size_t DownloadRun::PieceSize(size_t series) {
  const size_t share = (series + options_.jobs - 1) / options_.jobs;
  switch (downloader_.capabilities().batching) {
    case Capabilities::Batching::kOneByOne:
      return std::clamp<size_t>(IsHighLatency() ? share / kPiecesOnHighLatency : share, 1, kMaxPiece);
    case Capabilities::Batching::kList:
      return std::max(share, kMinListPiece);
    case Capabilities::Batching::kSeries:  // each piece would bring the whole series again
      break;
  }
  return series;
}

bool DownloadRun::TakesWholeSeries(const SeriesReference& series) {
  return downloader_.capabilities().can_stream_series && (!options_.skip_complete || !storage_.MayHave(series));
}

void DownloadRun::OnWholeSeries(const SeriesReference& series, uint64_t instances) {
  CountReached(nullptr);
  found_ += instances;
  Push(WholeSeries{series, instances});
}

bool DownloadRun::IsHighLatency() {
  if (const auto round_trip = downloader_.capabilities().round_trip) {
    link_.NoteRoundTrip(*round_trip);
  }
  return link_.IsHighLatency();
}

// More workers for direct requests, while they raise throughput.
void DownloadRun::AddWorkers() {
  if (downloader_.capabilities().batching != Capabilities::Batching::kOneByOne || !IsHighLatency()) {
    return;
  }
  while (workers_.size() < options_.max_jobs && link_.TryAcquire()) {
    if (!AddWorker()) {
      link_.Release();
      return;
    }
  }
}

// False: the system has no more threads. Throws std::system_error when it has not even one.
bool DownloadRun::AddWorker() {
  try {
    workers_.emplace_back([this] { Work(); });
    return true;
  } catch (const std::system_error& error) {
    if (workers_.empty()) {
      throw;
    }
    LogDebug(StrCat("Cannot fetch more at the same time: ", error.what()));
    return false;
  }
}

void DownloadRun::Push(Task task) {
  AddWorkers();
  MutexLock lock(queue_mutex_);
  // A few series in advance, so that workers need not wait for queries.
  queue_changed_.Wait(lock, stop_.get_token(),
                      [this]() TROLLEY_REQUIRES(queue_mutex_) { return queue_.size() < 2 * workers_.size() + 2; });
  if (stop_.stop_requested()) {
    context_.Check("go on downloading");
  }
  queue_.push_back(std::move(task));
  queue_changed_.NotifyAll();
}

void DownloadRun::OnMissing(const Reference& reference) {
  CountReached(nullptr);
  Report({reference, Outcome::kMissing, std::nullopt, 0});
}

void DownloadRun::OnFailed(const Reference& reference, const Error& error) {
  Report({reference, Outcome::kFailed, error, 0});
  CountReached(&error);
}

void DownloadRun::Work() {
  while (true) {
    Task task;
    {
      MutexLock lock(queue_mutex_);
      queue_changed_.Wait(lock, stop_.get_token(),
                          [this]() TROLLEY_REQUIRES(queue_mutex_) { return !queue_.empty() || all_found_; });
      if (stop_.stop_requested() || queue_.empty()) {
        return;
      }
      task = std::move(queue_.front());
      queue_.pop_front();
      queue_changed_.NotifyAll();
    }
    try {
      std::visit([this](auto& chosen) { Process(std::move(chosen)); }, task);
    } catch (...) {
      Abort();
    }
  }
}

void DownloadRun::Process(Piece piece) {
  std::vector<InstanceReference> all;
  all.reserve(piece.size());
  for (const WantedInstance& wanted : piece) {
    all.push_back(wanted.reference);
  }
  try {
    storage_.Prepare(all, context_);
  } catch (const Error& error) {
    FailAll(all, error);
    return;
  }
  std::vector<InstanceReference> instances = options_.skip_complete ? Incomplete(piece) : std::move(all);
  if (!instances.empty()) {
    Fetch(std::move(instances));
  }
}

// The list of its instances, which may take an archive longer than the series itself, is requested only when not all
// of them came.
void DownloadRun::Process(const WholeSeries& series) {
  SeriesStream download(series.reference, series.count, {searcher_, downloader_, storage_, *this, link_, context_});
  bool cut = false;
  try {
    download.Run();
  } catch (const Error& error) {
    if (download.full() || stop_.stop_requested()) {
      return;
    }
    cut = true;
    LogInfo(StrCat("Series ", series.reference.series.str(), " does not come as a whole: ", error.what()));
  }
  const uint64_t arrived_count = download.closed().size();
  if (!cut && arrived_count >= series.count && !download.left_some()) {  // the count may be too low
    CountReached(nullptr);
    found_ += arrived_count - series.count;
    return;
  }
  std::vector<WantedInstance> all;
  try {
    all = ListSeries(series.reference, searcher_, context_);
  } catch (const Error& error) {
    if (!stop_.stop_requested()) {
      OnFailed(series.reference, error);
    }
    return;
  }
  std::erase_if(all,
                [&](const WantedInstance& wanted) { return download.closed().contains(wanted.reference.instance); });
  // The list is what counts from here on.
  found_ += arrived_count + all.size() - series.count;
  if (all.empty()) {
    return;
  }
  Process(std::move(all));
}

std::vector<InstanceReference> DownloadRun::Incomplete(const Piece& piece) {
  std::vector<InstanceReference> incomplete;
  for (const WantedInstance& wanted : piece) {
    if (stop_.stop_requested()) {
      return {};
    }
    try {
      if (storage_.IsComplete(wanted.reference, wanted.size)) {
        Report({wanted.reference, Outcome::kComplete, std::nullopt, 0});
      } else {
        incomplete.push_back(wanted.reference);
      }
    } catch (const Error& error) {
      FailAll({&wanted.reference, 1}, error);
    }
  }
  return incomplete;
}

void DownloadRun::Fetch(std::vector<InstanceReference> instances) {
  unsigned fruitless = 0;  // attempts in a row that brought nothing
  while (!instances.empty() && !stop_.stop_requested()) {
    StoringSink sink(instances, storage_, *this);
    try {
      const auto began = Clock::now();
      downloader_.Download(instances, sink, context_);
      const auto count = static_cast<Clock::rep>(instances.size());
      link_.NoteRequest(sink.waited() / count, (Clock::now() - began) / count, sink.received());
      CountReached(nullptr);
      FailAll(sink.Open(), Error(ErrorCode::kProtocol,
                                 "Cannot download an instance: it did not arrive, for no reason "
                                 "given"));
      return;
    } catch (const Error& error) {
      if (sink.full() || stop_.stop_requested()) {
        return;
      }
      std::vector<InstanceReference> open = sink.Open();
      if (!Pause(error, open.size() < instances.size(), fruitless)) {
        FailAll(open, error);
        CountReached(&error);
        return;
      }
      instances = std::move(open);
    }
  }
}

bool DownloadRun::Pause(const Error& error, bool something_arrived, unsigned& fruitless) const {
  fruitless = something_arrived ? 0 : fruitless + 1;
  if (something_arrived) {
    return IsOutOfReach(error) || error.code() == ErrorCode::kProtocol;
  }
  if (error.code() != ErrorCode::kUnavailable || fruitless >= kFruitlessAttempts) {
    return false;
  }
  Mutex mutex;
  MutexLock lock(mutex);
  StoppableCondition never;
  const auto pause = options_.retry_pause * (1U << (fruitless - 1));
  never.WaitUntil(lock, stop_.get_token(), std::min(Clock::now() + pause, context_.deadline), [] { return false; });
  return !stop_.stop_requested() && Clock::now() < context_.deadline;
}

void DownloadRun::FailAll(std::span<const InstanceReference> instances, const Error& error) {
  try {
    context_.Check("go on downloading");
  } catch (const Error& end) {
    StopBecause(end);
    return;
  }
  if (error.code() == ErrorCode::kNoSpace) {
    StopBecause(error);
  }
  for (const InstanceReference& instance : instances) {
    Report({instance, Outcome::kFailed, error, 0});
  }
}

void DownloadRun::CountReached(const Error* error) {
  if (error == nullptr || !IsOutOfReach(*error)) {
    unreached_ = 0;
  } else if (++unreached_ >= options_.give_up_after) {
    StopBecause(*error);
  }
}

}  // namespace trolley
