#ifndef TROLLEY_DOWNLOADER_H_
#define TROLLEY_DOWNLOADER_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>

#include "trolley/context.h"
#include "trolley/error.h"
#include "trolley/references.h"

namespace trolley {

// Receives instances as they arrive, one after another. An exception from any of these aborts the download and leaves
// through Download().
class DownloadSink {
 public:
  virtual ~DownloadSink() = default;
  // An instance's bytes begin. `length` in bytes where the protocol reports it. The SOPInstanceUID in the data was
  // compared with `instance`.
  virtual void OnBegin(const InstanceReference& instance, std::optional<uint64_t> length) = 0;
  virtual void OnData(std::span<const std::byte> piece) = 0;
  // The instance that began last is complete: exactly `length` bytes where that was given.
  virtual void OnEnd() = 0;
  // The archive reports that it has no such instance.
  virtual void OnMissing(const InstanceReference& instance) = 0;
  // This instance failed; others may still arrive. May follow OnBegin, instead of OnEnd.
  virtual void OnFailed(const InstanceReference& instance, const Error& error) = 0;
};

// What a downloader can do, and how its requests are best arranged.
struct Capabilities {
  // How Download() of many instances of one series goes over the wire.
  enum class Batching {
    kOneByOne,  // a request for each instance: several in parallel are faster
    kSeries,    // one stream of the whole series in the archive's order; instances that are not wanted cost bandwidth
    kList,      // one exchange for exactly the requested instances (C-GET): lists may be split
  };
  Batching batching = Batching::kOneByOne;
  // kList only: the protocol waits one round trip for each instance, so parallel lists are faster on high-latency
  // links.
  bool parallel_lists = false;
  // DownloadSeries() works.
  bool can_stream_series = false;
  // LocalFile() works: the archive's files can be opened directly (a folder).
  bool local_files = false;
  // The round trip of the network alone, the shortest measured so far. nullopt: not measured.
  std::optional<Clock::duration> round_trip = std::nullopt;
};

// Fetches instances, byte for byte as the archive stores them. Thread-safe.
class Downloader {
 public:
  virtual ~Downloader() = default;

  // When it returns, each of `instances` (of one archive, any series) got exactly one of OnEnd, OnMissing and OnFailed.
  // Throws Error when the download as a whole failed; instances without one of these calls failed, too. Instances that
  // arrive without having been requested are dropped with a log line.
  virtual void Download(std::span<const InstanceReference> instances, DownloadSink& sink, const Context& context) = 0;

  // What the protocol and this archive can do, as known so far. Cheap: callers may ask before each request, because
  // some of it is learned from responses.
  virtual Capabilities capabilities() const { return {}; }

  // Downloads a whole series without naming its instances. The sink gets each instance that arrives, once (OnBegin to
  // OnEnd, or OnFailed). Returns when the archive reports the end of the series. The caller must check for missing
  // instances, because archives leave some out silently. Throws Error when the download as a whole failed, possibly
  // after a part of it; kUnsupported unless `can_stream_series`.
  virtual void DownloadSeries(const SeriesReference& series, DownloadSink& sink, const Context& context);

  // The file that holds `instance`; it is neither copied nor cached. nullopt: the archive has no such instance. Throws
  // kUnsupported unless `local_files`.
  virtual std::optional<std::filesystem::path> LocalFile(const InstanceReference& instance, const Context& context);
};

}  // namespace trolley

#endif  // TROLLEY_DOWNLOADER_H_
