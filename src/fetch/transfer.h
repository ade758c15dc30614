#ifndef TROLLEY_FETCH_TRANSFER_H_
#define TROLLEY_FETCH_TRANSFER_H_

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <vector>

#include "base/mutex.h"
#include "base/unique_fd.h"
#include "cache/instance_cache.h"
#include "fetch/opened_instance.h"
#include "fetch/retriever.h"
#include "trolley/context.h"

namespace trolley {

// One instance on its way from the archive: where its bytes are, who waits for its length and for its bytes. Made by
// the retriever, filled by one worker, read by any number of openers. Thread-safe; calls back without holding its lock.
class Transfer : public std::enable_shared_from_this<Transfer> {
 public:
  // `use` may be null.
  explicit Transfer(InstanceReference reference, std::shared_ptr<SeriesUse> use = nullptr)
      : reference_(std::move(reference)), use_(std::move(use)) {}

  const InstanceReference& reference() const { return reference_; }
  Clock::time_point created_at() const { return created_at_; }
  std::stop_token stop_token() const { return stop_.get_token(); }
  // Ends it with kCancelled as soon as the worker notices.
  void RequestStop() { stop_.request_stop(); }

  // For those who open.

  // False: it is being cancelled, start another one. Otherwise `done` is called once, see Retriever::Open; with the
  // outcome when it has ended already.
  bool AddOpener(std::stop_token stop, Retriever::OpenCallback done);
  // Null when the length is not known yet, or it failed.
  std::shared_ptr<OpenedInstance> TryOpen();
  std::optional<uint64_t> KnownSize() const;

  // Somebody has it open or waits for it.
  bool wanted() const;
  // Somebody waits at this moment.
  bool awaited() const;
  // From now on it runs to its end even when nobody wants it. False: it is being cancelled.
  bool Pin();
  // Cancels it unless someone holds or awaits it.
  void CancelIfUnused();
  // It has failed. False: somebody wants it. Otherwise nobody can open it any more.
  bool Unpin();

  // For the worker.

  // Bytes begin. `staged` null: they are kept in memory, because the disk is full.
  void Begin(std::unique_ptr<StagedInstance> staged, std::optional<uint64_t> length);
  void Append(std::span<const std::byte> piece);
  // Its bytes were cut off, and they are requested anew: Continue() instead of Begin() then. The bytes that are there
  // already stay, and must come again.
  void RestartFromZero();
  void Continue(std::optional<uint64_t> length);
  bool begun() const;
  // It is whole and goes into the cache. Throws kProtocol when it is shorter than promised.
  void End();
  // These have no effect when it has ended.
  // It need not be transferred: all of it is here.
  void EndWith(CachedInstance whole);
  void EndMissing();  // a failure for those who read it already
  void Fail(std::exception_ptr error);
  bool ended() const;
  uint64_t arrived() const;

 private:
  friend class StreamingInstance;
  struct OpenWaiter;
  struct ReadWaiter;
  using ReadWaiters = std::list<std::shared_ptr<ReadWaiter>>;
  enum class State { kWaiting, kArriving, kWhole, kMissing, kFailed };

  std::optional<size_t> TryRead(uint64_t offset, std::span<std::byte> out);
  void WhenReadable(uint64_t offset, size_t length, std::stop_token stop, std::function<void()> ready);
  int CompleteFd() const;
  void DropReader();
  void CancelOpener(const std::shared_ptr<OpenWaiter>& waiter);
  void CancelRead(const std::shared_ptr<ReadWaiter>& waiter);
  // Without the lock: what a waiter calls or destroys may come back here.
  static void CallAll(const ReadWaiters& waiters);
  void MoveToMemory();
  void Store(std::span<const std::byte> piece);
  // What has arrived; the worker's alone.
  void ReadBack(uint64_t offset, std::span<std::byte> out) const;
  std::span<const std::byte> CheckAgain(std::span<const std::byte> piece);
  void CompleteOpeners();

  bool Readable(uint64_t offset, size_t length) const TROLLEY_REQUIRES(mutex_);
  void StopIfUnwanted() TROLLEY_REQUIRES(mutex_);
  std::shared_ptr<OpenedInstance> MakeOpened() TROLLEY_REQUIRES(mutex_);
  ReadWaiters TakeReady() TROLLEY_REQUIRES(mutex_);

  const InstanceReference reference_;
  const std::shared_ptr<SeriesUse> use_;
  const Clock::time_point created_at_ = Clock::now();
  std::stop_source stop_;

  mutable Mutex mutex_;
  // Whoever fills or ends the transfer is the only one at that time. It changes length_, arrived_, staged_, fd_ and
  // bytes_ with the lock, and may read them without; everybody else reads them with it.
  State state_ TROLLEY_GUARDED_BY(mutex_) = State::kWaiting;
  std::optional<uint64_t> length_;  // exact
  uint64_t arrived_ = 0;
  uint64_t repeated_ = 0;    // after RestartFromZero(): what arrived again of
  uint64_t repeat_end_ = 0;  // what was there already
  bool pinned_ TROLLEY_GUARDED_BY(mutex_) = false;
  std::unique_ptr<StagedInstance> staged_;    // null when the disk is full, and after the end
  std::shared_ptr<UniqueFd> fd_;              // what readers read; of small ones instead:
  std::shared_ptr<const std::string> bytes_;  // else null
  std::exception_ptr error_ TROLLEY_GUARDED_BY(mutex_);
  size_t readers_ TROLLEY_GUARDED_BY(mutex_) = 0;
  std::list<std::shared_ptr<OpenWaiter>> openers_ TROLLEY_GUARDED_BY(mutex_);
  ReadWaiters read_waiters_ TROLLEY_GUARDED_BY(mutex_);
  std::weak_ptr<OpenedInstance> opened_ TROLLEY_GUARDED_BY(mutex_);
};

}  // namespace trolley

#endif  // TROLLEY_FETCH_TRANSFER_H_
