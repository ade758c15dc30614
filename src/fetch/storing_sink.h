#ifndef TROLLEY_FETCH_STORING_SINK_H_
#define TROLLEY_FETCH_STORING_SINK_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <unordered_set>
#include <vector>

#include "trolley/context.h"
#include "trolley/download_report.h"
#include "trolley/downloader.h"
#include "trolley/error.h"
#include "trolley/references.h"
#include "trolley/searcher.h"
#include "trolley/storage.h"

namespace trolley {

class DownloadRun;

// Stores the instances of a series as they arrive, and reports the outcome of each to the run. A failure of the storage
// fails one instance, unless the disk is full. For one thread at the same time.
class StoringSink : public DownloadSink {
 public:
  StoringSink(std::span<const InstanceReference> instances, Storage& storage, DownloadRun& run)
      : storage_(storage), run_(run), open_(instances.begin(), instances.end()) {}
  // Accepts every instance of a series.
  StoringSink(SeriesReference all_of, Storage& storage, DownloadRun& run)
      : storage_(storage), run_(run), all_of_(std::move(all_of)) {}

  void OnBegin(const InstanceReference& instance, std::optional<uint64_t> length) override;
  void OnData(std::span<const std::byte> piece) override;
  void OnEnd() override;
  void OnMissing(const InstanceReference& instance) override;
  void OnFailed(const InstanceReference& instance, const Error& error) override;

  // Instances without an outcome so far.
  std::vector<InstanceReference> Open() const { return {open_.begin(), open_.end()}; }
  // Of a whole series: instances whose outcome was reported.
  const std::unordered_set<Uid>& closed() const { return closed_; }
  uint64_t received() const { return received_; }     // bytes of the last instance
  Clock::duration waited() const { return waited_; }  // for instances to begin, in all
  bool full() const { return full_; }

 protected:
  // Discards the current instance without an outcome.
  void Drop();

 private:
  template <typename Work>
  void Try(Work work);
  void Close(const InstanceReference& instance, Outcome outcome, std::optional<Error> error);

  Storage& storage_;
  DownloadRun& run_;
  std::unordered_set<InstanceReference> open_;
  std::optional<SeriesReference> all_of_;
  std::unordered_set<Uid> closed_;
  std::optional<InstanceReference> current_;
  std::optional<uint64_t> length_;
  uint64_t received_ = 0;
  std::unique_ptr<InstanceWriter> writer_;
  std::optional<Error> trouble_;
  bool full_ = false;
  Clock::time_point waits_since_ = Clock::now();
  Clock::duration waited_{};
};

}  // namespace trolley

#endif  // TROLLEY_FETCH_STORING_SINK_H_
