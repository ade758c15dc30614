#ifndef TROLLEY_FETCH_OPENED_INSTANCE_H_
#define TROLLEY_FETCH_OPENED_INSTANCE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/unique_fd.h"
#include "cache/instance_cache.h"
#include "fetch/retriever.h"
#include "trolley/context.h"

namespace trolley {

// Fills `out` from `offset`; throws kStorage when the file ends before that or cannot be read.
void ReadFully(int fd, uint64_t offset, std::span<std::byte> out);

// When a series was last opened or read. Thread-safe.
class SeriesUse {
 public:
  void Touch() { at_.store(Clock::now().time_since_epoch().count(), std::memory_order_relaxed); }
  Clock::time_point at() const { return Clock::time_point(Clock::duration(at_.load(std::memory_order_relaxed))); }
  // Whole files of it that are open: the kernel may read them without telling us.
  void NoteOpened() { ++open_; }
  void NoteClosed() { --open_; }
  bool open() const { return open_ > 0; }

 private:
  std::atomic<int64_t> open_{0};
  std::atomic<Clock::rep> at_{Clock::now().time_since_epoch().count()};
};

// An instance of which all is here: from the cache, or a folder's own file. `use` may be null.
std::shared_ptr<OpenedInstance> MakeCompleteInstance(CachedInstance whole, std::shared_ptr<SeriesUse> use);

}  // namespace trolley

#endif  // TROLLEY_FETCH_OPENED_INSTANCE_H_
