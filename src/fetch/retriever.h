#ifndef TROLLEY_FETCH_RETRIEVER_H_
#define TROLLEY_FETCH_RETRIEVER_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "cache/instance_cache.h"
#include "trolley/context.h"
#include "trolley/downloader.h"
#include "trolley/references.h"

namespace trolley {

// An opened instance: its exact length is known; its bytes are there or still arriving. Thread-safe.
class OpenedInstance {
 public:
  virtual ~OpenedInstance() = default;
  virtual uint64_t size() const = 0;
  // Never waits. The number of bytes read (0 only at or past the end; less than requested only at the end), or nullopt
  // when they have not arrived yet. Throws Error when they never will (the transfer failed) or the disk fails.
  virtual std::optional<size_t> TryRead(uint64_t offset, std::span<std::byte> out) = 0;
  // Calls `ready` once, when a TryRead of [offset, offset + length) would no longer give nullopt: at once, or from
  // another thread. Not at all, or harmlessly late, after `stop` was requested.
  virtual void WhenReadable(uint64_t offset, size_t length, std::stop_token stop, std::function<void()> ready) = 0;
  // Where the whole file lies, for reading without us; -1 while bytes are still arriving, and while it is no file.
  virtual int CompleteFd() const = 0;
};

// The instances of a series in the order in which programs read them; null when it is not known.
using SeriesList = std::shared_ptr<const std::vector<Uid>>;

struct RetrieverOptions {
  std::string archive;                             // identity, for the cache's keys
  uint32_t concurrency = 8;                        // transfers that run at the same time
  uint32_t max_concurrency = 0;                    // on a high-latency link, while throughput grows with it
  std::chrono::milliseconds queue_timeout{60000};  // an open whose turn did not arrive while nothing arrived: kTimedOut
  std::chrono::milliseconds transfer_timeout{3600000};  // for one instance
  // What is known of a series without a request to the archive; called from a thread of the retriever's own. Without it
  // nothing is prefetched.
  std::function<SeriesList(const SeriesReference&)> series_list;
  // The next series in the listing of the study, at most `count`: a reader that goes through the study reads these
  // next. Empty: it is the last one, or the study was not listed. Sends no query. Without it, prefetching ends with the
  // series that is read.
  std::function<std::vector<SeriesReference>(const SeriesReference&, size_t count)> following_series;
  // Lists a series, so that series_list knows it. Queries the archive if necessary, throws Error. Required when
  // following_series is set.
  std::function<void(const SeriesReference&, const Context&)> list_series;
  std::chrono::milliseconds idle_stop{700};  // prefetching stops when nobody reads the series for this long
  // Bytes of a series that may be prefetched and not opened yet; and of all series together that follow it.
  uint64_t max_prefetched_bytes = uint64_t{2} << 30;
};

struct RetrieverStatus {
  uint64_t transfers = 0;  // begun, since the start
  uint64_t failures = 0;
  uint64_t bytes = 0;       // received
  uint64_t cache_hits = 0;  // opens served from the cache
  uint64_t running = 0;
  uint64_t waiting = 0;        // queued
  uint64_t concurrency = 0;    // the current limit: it grows while throughput grows
  uint64_t bulk_requests = 0;  // requests for many instances at once
  uint64_t prefetched = 0;     // instances fetched before they were opened
};

// Decides what is fetched when. Concurrent opens of one instance share one transfer;
// its bytes stream into the cache in constant memory and can be read while they arrive. A transfer that nobody waits
// for or reads any more is stopped unless it is nearly done. Failed transfers are not remembered: the next open tries
// again. Sequential reads trigger prefetch of the rest of the series: one bulk request where the protocol has it. An
// instance that is opened before the bulk request brings it is requested directly. After two series of a study were
// read to their end the next series is prefetched as well, and with each further one more, at most sixteen. Opens go
// before prefetches. Threads are made when work needs them. Thread-safe.
class Retriever {
 public:
  // `instance` null and `error` null: the archive says that there is none.
  struct Opened {
    std::shared_ptr<OpenedInstance> instance;
    std::exception_ptr error;  // an Error
  };
  using OpenCallback = std::function<void(Opened)>;

  // `cache` may be null when the downloader is local.
  Retriever(RetrieverOptions options, std::shared_ptr<Downloader> downloader, std::shared_ptr<InstanceCache> cache);
  ~Retriever();  // fails what still waits with kCancelled, stops transfers, joins

  // What TryOpen() learned, for Open(), which then does not look into the cache again.
  struct Lookup {
    std::shared_ptr<OpenedInstance> instance;  // null: it has to be fetched, verified or waited for
    bool needs_verification = false;           // it is cached, and checking it takes time
    std::optional<uint64_t> missed_at;         // it was not cached; the retriever's count of arrivals before that look
  };

  // Without waiting: gives the instance when it is cached or already arriving (its length known).
  Lookup TryOpen(const InstanceReference& instance);
  // `done` is called exactly once, on this or another thread: when the length is known, or with a failure. A caller
  // that has given up requests `stop`: its callback then comes soon, with kCancelled.
  void Open(const InstanceReference& instance, const std::stop_token& stop, const OpenCallback& done);
  // The same, after a TryOpen() of this instance.
  void Open(const InstanceReference& instance, Lookup lookup, const std::stop_token& stop, const OpenCallback& done);
  // Waits. nullptr: the archive says there is none.
  std::shared_ptr<OpenedInstance> Open(const InstanceReference& instance, const Context& context);
  // Announces that these will be opened: those that are not cached are prefetched.
  void Expect(const SeriesReference& series, const std::vector<Uid>& instances);
  // The exact size if it is known without a request to the archive.
  std::optional<uint64_t> KnownSize(const InstanceReference& instance);

  RetrieverStatus Status() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace trolley

#endif  // TROLLEY_FETCH_RETRIEVER_H_
