#ifndef TROLLEY_DOWNLOAD_REPORT_H_
#define TROLLEY_DOWNLOAD_REPORT_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "trolley/context.h"
#include "trolley/error.h"
#include "trolley/references.h"

namespace trolley {

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
  // The same on a high-latency link, where more requests raise throughput until they slow each other down (32
  // are a good choice); not more than `jobs` unless it is.
  unsigned max_jobs = 0;
  bool skip_complete = true;  // what the storage has already is not fetched again
  Context context = {};       // when to give up
  // Called from several threads, never two calls together: on_progress now and then (not more often than every
  // `progress_interval`, and once at the end), on_result for each result. What they throw ends the download and leaves
  // through it.
  std::function<void(const DownloadProgress&)> on_progress = {};
  std::function<void(const DownloadResult&)> on_result = {};
  std::chrono::milliseconds progress_interval{100};
  // A series that broke off is asked for again, for what it did not bring: at once when something came, after this
  // pause (doubled the next time) when the archive was out of reach; three times in all without anything coming.
  std::chrono::milliseconds retry_pause{1000};
  // After this number of series or queries in a row that failed because the archive is out of reach or refuses access,
  // the rest is not tried.
  unsigned give_up_after = 10;
};

struct DownloadReport {
  DownloadProgress total;
  std::vector<DownloadResult> problems;  // everything that is missing or failed
  // Why it ended before everything was tried: the context's end, a full disk, or an archive that is out of reach.
  std::optional<Error> stopped_by;

  bool ok() const { return problems.empty() && !stopped_by; }
};

}  // namespace trolley

#endif  // TROLLEY_DOWNLOAD_REPORT_H_
