#ifndef TROLLEY_ARCHIVE_TROLLEY_H_
#define TROLLEY_ARCHIVE_TROLLEY_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "archive/config.h"
#include "archive/expand.h"
#include "base/context.h"
#include "base/error.h"
#include "dicom/query.h"
#include "dicom/study.h"
#include "download/downloader.h"
#include "search/searcher.h"
#include "storage/storage.h"

namespace trolley {

// What is to be downloaded: references, or what a search found. Of a found study that has series, just these are meant,
// of a found series that has instances, just these; what has none is meant as a whole.
class Selection {
 public:
  Selection(StudyReference study);        // NOLINT(google-explicit-constructor): whatever can be downloaded is one
  Selection(SeriesReference series);      // NOLINT(google-explicit-constructor)
  Selection(InstanceReference instance);  // NOLINT(google-explicit-constructor)
  Selection(Reference reference);         // NOLINT(google-explicit-constructor)
  Selection(const Study& study);          // NOLINT(google-explicit-constructor)
  Selection(const Answer& studies);       // NOLINT(google-explicit-constructor)
  // A series does not know its study, nor an instance its series.
  Selection(const Study& study, const Series& series);
  Selection(const Study& study, const Series& series, std::span<const Instance> instances);
  explicit Selection(std::vector<Reference> references) : references_(std::move(references)) {}
  explicit Selection(std::span<const Study> studies);

  const std::vector<Reference>& references() const { return references_; }

 private:
  void Add(const Study& study);
  void Add(const StudyReference& study, const Series& series);

  std::vector<Reference> references_;
};

enum class Outcome {
  kDone,      // downloaded
  kComplete,  // it was there already
  kMissing,   // the archive says that it has none
  kFailed,
};

struct DownloadResult {
  Reference what;  // an instance; or a series or study of which the instances could not be found
  Outcome outcome = Outcome::kFailed;
  std::optional<Error> error;  // why, for kFailed
  uint64_t bytes = 0;          // for kDone
};

struct DownloadProgress {
  uint64_t found = 0;  // instances that are to be downloaded, as far as is known
  bool all_found = false;
  uint64_t done = 0;
  uint64_t complete = 0;  // were there already
  uint64_t missing = 0;
  uint64_t failed = 0;
  uint64_t bytes = 0;  // received
};

struct DownloadOptions {
  unsigned jobs = 4;  // downloads at the same time; not more than a configured archive's limits
  // Likewise over a long way, where requests for single instances pay as long as they do not slow each other down (32
  // are a good choice); not more than `jobs` unless it is.
  unsigned most_jobs = 0;
  bool skip_complete = true;  // what the storage has already is not fetched again
  Context context = {};       // when to give up
  // Called from several threads, one at a time: on_progress now and then (not more often than every
  // `progress_interval`, and once at the end), on_result for each result. What they throw ends the download and leaves
  // through it.
  std::function<void(const DownloadProgress&)> on_progress = {};
  std::function<void(const DownloadResult&)> on_result = {};
  std::chrono::milliseconds progress_interval{100};
  // A series that broke off is asked for again, for what it did not bring: at once when something came, after this
  // pause (doubled the next time) when the archive was out of reach; three times in all without anything coming.
  std::chrono::milliseconds retry_pause{1000};
  // So many series or questions in a row that failed because the archive is out of reach or refuses access: the rest is
  // not tried.
  unsigned give_up_after = 10;
};

struct DownloadReport {
  DownloadProgress total;
  std::vector<DownloadResult> problems;  // everything that is missing or failed
  // Why it ended before everything was tried: the context's end, a full disk, or an archive that is out of reach.
  std::optional<Error> stopped_by;

  bool ok() const { return problems.empty() && !stopped_by; }
};

struct FetchedInstance {
  InstanceReference reference;
  std::span<const std::byte> bytes;  // the Part-10 file; valid during the call
};

// Searches and downloads, from an archive to a storage: the simplest way to use this library. Thread-safe.
class Trolley {
 public:
  // `storage` may be null when nothing but Find... and FetchAll is used.
  Trolley(std::shared_ptr<Searcher> searcher, std::shared_ptr<Downloader> downloader,
          std::shared_ptr<Storage> storage = nullptr);

  // For what a configuration or ResolveArchive() names. Questions are not cached. Asks nobody yet. Throws as
  // MakeEndPoints.
  explicit Trolley(const ArchiveConfig& archive, std::shared_ptr<Storage> storage = nullptr);

  // As Searcher::Find.
  Answer FindStudies(const Query& query, const Context& context = {});
  // The only study that matches; throws when it is none or several.
  Study FindStudy(const Query& query, const Context& context = {});

  // Downloads what is selected into the storage. A failure concerns what failed and nothing else: everything is tried,
  // and the report says what became of it (see DownloadReport::stopped_by for what ends it early). Uses constant
  // memory, besides the names of the instances of a few series at a time. Throws only what the callbacks throw, and
  // kInvalidArgument without a storage.
  DownloadReport Download(const Selection& what, const DownloadOptions& options = {});
  // The same into another storage.
  DownloadReport Download(const Selection& what, Storage& storage, const DownloadOptions& options = {});
  // Hands each instance to `take` when it has arrived; one at a time, in order of arrival. Each is held in memory until
  // then. `options.skip_complete` means nothing here.
  DownloadReport FetchAll(const Selection& what, const std::function<void(const FetchedInstance&)>& take,
                          const DownloadOptions& options = {});

 private:
  std::shared_ptr<Searcher> searcher_;
  std::shared_ptr<Downloader> downloader_;
  std::shared_ptr<Storage> storage_;
  unsigned max_jobs_ = std::numeric_limits<unsigned>::max();
  unsigned max_most_jobs_ = std::numeric_limits<unsigned>::max();
};

}  // namespace trolley

#endif  // TROLLEY_ARCHIVE_TROLLEY_H_
