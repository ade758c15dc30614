#include "trolley/client.h"

#include <algorithm>
#include <exception>
#include <stop_token>
#include <utility>

#include "base/mutex.h"
#include "config/clients.h"
#include "fetch/download_run.h"
#include "search/find_study.h"

namespace trolley {
namespace {

// Hands whole instances on instead of keeping them.
class HandOver : public Storage {
 public:
  explicit HandOver(const std::function<void(const FetchedInstance&)>& take) : take_(take) {}

  std::unique_ptr<InstanceWriter> Begin(const InstanceReference& instance, std::optional<uint64_t> length) override {
    return std::make_unique<Held>(*this, instance, length);
  }

  std::stop_token stop_token() const { return stop_.get_token(); }
  void RequestStop() { stop_.request_stop(); }
  std::exception_ptr thrown() const { return thrown_; }

 private:
  static constexpr uint64_t kMaxReserve = uint64_t{256} << 20;  // a length is only what a server says

  class Held : public InstanceWriter {
   public:
    Held(HandOver& to, InstanceReference instance, std::optional<uint64_t> length)
        : to_(to), instance_(std::move(instance)) {
      bytes_.reserve(static_cast<size_t>(std::min(length.value_or(0), kMaxReserve)));
    }
    void Append(std::span<const std::byte> piece) override { bytes_.insert(bytes_.end(), piece.begin(), piece.end()); }
    void Commit() override { to_.Take({instance_, bytes_}); }

   private:
    HandOver& to_;
    const InstanceReference instance_;
    std::vector<std::byte> bytes_;
  };

  void Take(const FetchedInstance& instance) {
    const MutexLock lock(mutex_);
    try {
      if (!thrown_) {
        take_(instance);
        return;
      }
    } catch (...) {
      thrown_ = std::current_exception();
      RequestStop();
    }
    throw Error(ErrorCode::kCancelled, "Cannot take an instance: its receiver has failed");
  }

  const std::function<void(const FetchedInstance&)>& take_;
  std::stop_source stop_;
  Mutex mutex_;
  std::exception_ptr thrown_;
};

}  // namespace

Selection::Selection(StudyReference study) : references_{std::move(study)} {}
Selection::Selection(SeriesReference series) : references_{std::move(series)} {}
Selection::Selection(InstanceReference instance) : references_{std::move(instance)} {}
Selection::Selection(Reference reference) : references_{std::move(reference)} {}

Selection::Selection(const Study& study) {
  Add(study);
}

Selection::Selection(const SearchResult& studies) : Selection(std::span<const Study>(*studies)) {}

Selection::Selection(std::span<const Study> studies) {
  for (const Study& study : studies) {
    Add(study);
  }
}

Selection::Selection(const Study& study, const Series& series) {
  Add({study.uid}, series);
}

Selection::Selection(const Study& study, const Series& series, std::span<const Instance> instances) {
  for (const Instance& instance : instances) {
    references_.emplace_back(InstanceReference{study.uid, series.uid, instance.uid});
  }
}

void Selection::Add(const Study& study) {
  if (study.series.empty()) {
    references_.emplace_back(StudyReference{study.uid});
  }
  for (const Series& series : study.series) {
    Add({study.uid}, series);
  }
}

void Selection::Add(const StudyReference& study, const Series& series) {
  if (series.instances.empty()) {
    references_.emplace_back(SeriesReference{study.study, series.uid});
  }
  for (const Instance& instance : series.instances) {
    references_.emplace_back(InstanceReference{study.study, series.uid, instance.uid});
  }
}

Trolley::Trolley(std::shared_ptr<Searcher> searcher, std::shared_ptr<Downloader> downloader,
                 std::shared_ptr<Storage> storage)
    : searcher_(std::move(searcher)), downloader_(std::move(downloader)), storage_(std::move(storage)) {}

Trolley::Trolley(const ArchiveConfig& archive, std::shared_ptr<Storage> storage) : storage_(std::move(storage)) {
  Clients ends = MakeClients(archive, nullptr);
  archive_jobs_ = Concurrency(archive, ends);
  archive_max_jobs_ = MaxConcurrency(archive, ends);
  searcher_ = std::move(ends.searcher);
  downloader_ = std::move(ends.downloader);
}

SearchResult Trolley::FindStudies(const Query& query, const Context& context) {
  return searcher_->Find(query, context);
}

Study Trolley::FindStudy(const Query& query, const Context& context) {
  return trolley::FindStudy(*searcher_, query, context);
}

DownloadReport Trolley::Download(const Selection& what, const DownloadOptions& options) {
  if (storage_ == nullptr) {
    throw Error(ErrorCode::kInvalidArgument, "Cannot download: this trolley was made without a storage");
  }
  return Download(what, *storage_, options);
}

DownloadReport Trolley::Download(const Selection& what, Storage& storage, const DownloadOptions& options) {
  DownloadOptions limited = options;
  limited.jobs = std::clamp(options.jobs, 1U, std::max(1U, archive_jobs_));
  limited.max_jobs = std::min(options.max_jobs, archive_max_jobs_);
  return DownloadRun(*searcher_, *downloader_, storage, limited).Run(what.references());
}

DownloadReport Trolley::FetchAll(const Selection& what, const std::function<void(const FetchedInstance&)>& take,
                                 const DownloadOptions& options) {
  HandOver hand_over(take);
  DownloadOptions changed = options;
  changed.skip_complete = false;
  changed.max_jobs = options.jobs;  // each holds an instance in memory
  changed.context.stop = hand_over.stop_token();
  const std::stop_callback pass_on(options.context.stop, [&] { hand_over.RequestStop(); });
  DownloadReport report = Download(what, hand_over, changed);
  if (hand_over.thrown()) {
    std::rethrow_exception(hand_over.thrown());
  }
  return report;
}

}  // namespace trolley
