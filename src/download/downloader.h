#ifndef TROLLEY_DOWNLOAD_DOWNLOADER_H_
#define TROLLEY_DOWNLOAD_DOWNLOADER_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>

#include "base/context.h"
#include "base/error.h"
#include "dicom/references.h"

namespace trolley {

// Told of instances as they arrive, one after another. What these throw aborts the download and leaves through
// Download().
class DownloadSink {
 public:
  virtual ~DownloadSink() = default;
  // An instance's bytes begin. `length` in bytes when the protocol gives it. The instance's own SOPInstanceUID was
  // checked.
  virtual void OnBegin(const InstanceReference& instance, std::optional<uint64_t> length) = 0;
  virtual void OnData(std::span<const std::byte> piece) = 0;
  // The instance that began last is whole: exactly `length` bytes where that was given.
  virtual void OnEnd() = 0;
  // The archive says that it has no such instance.
  virtual void OnMissing(const InstanceReference& instance) = 0;
  // This instance failed, the others may still come. Also after OnBegin, instead of OnEnd.
  virtual void OnFailed(const InstanceReference& instance, const Error& error) = 0;
};

// Fetches instances, byte for byte as the archive stores them. Thread-safe.
class Downloader {
 public:
  virtual ~Downloader() = default;

  // When it returns, each of `instances` (of one archive, any series) got exactly one of OnEnd, OnMissing and OnFailed.
  // Throws Error when the download as a whole failed: then those that got none of them failed too. Instances that
  // arrive without having been asked for are dropped with a log line.
  virtual void Download(std::span<const InstanceReference> instances, DownloadSink& sink, const Context& context) = 0;

  // How Download() of many instances of one series goes over the wire. The rest of a series is fetched accordingly.
  enum class Batching {
    kOneByOne,  // a request for each: several at the same time pay
    kSeries,    // one stream of the whole series in the archive's order; what is not wanted of it is sent in vain
    kList,      // one exchange for just the instances asked for (C-GET): lists may be split
  };
  virtual Batching batching() const { return Batching::kOneByOne; }
  // With kList: each instance of a list waits for a round trip of a long way, so that several lists at a time pay.
  virtual bool shares_lists() const { return false; }

  // A whole series without naming its instances, where the protocol has that: each instance that comes is told to the
  // sink (OnBegin to OnEnd, or OnFailed), once. Returns when the archive said that this was all; whether it was has to
  // be found out otherwise, since archives leave instances out without a word. Throws Error when the download as a
  // whole failed, also after a part of it; kUnsupported unless gives_whole_series() is true.
  virtual bool gives_whole_series() const { return false; }
  virtual void DownloadSeries(const SeriesReference& series, DownloadSink& sink, const Context& context);

  // The way to the archive and back, as far as it was seen already what the network alone takes.
  virtual std::optional<Clock::duration> round_trip() const { return std::nullopt; }

  // For archives whose files can be opened directly (a folder): the file, which then is neither copied nor cached.
  // nullopt: the archive has none. Throws kUnsupported unless local() is true.
  virtual bool local() const { return false; }
  virtual std::optional<std::filesystem::path> LocalFile(const InstanceReference& instance, const Context& context);
};

}  // namespace trolley

#endif  // TROLLEY_DOWNLOAD_DOWNLOADER_H_
