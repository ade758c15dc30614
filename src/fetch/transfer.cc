#include "fetch/transfer.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <iterator>

#include "base/text.h"
#include "trolley/error.h"

namespace trolley {
namespace {

// A transfer that nobody wants any more still runs to its end when at most this is missing: a new request costs more.
constexpr uint64_t kNearlyDone = uint64_t{4} << 20;

}  // namespace

struct Transfer::OpenWaiter {
  Retriever::OpenCallback done;
  std::atomic<bool> completed{false};
  std::optional<std::stop_callback<std::function<void()>>> on_stop;
};

struct Transfer::ReadWaiter {
  uint64_t offset = 0;
  size_t length = 0;
  std::function<void()> ready;
  std::optional<std::stop_callback<std::function<void()>>> on_stop;
};

// A reader's view of a transfer. While one exists, the transfer is wanted.
class StreamingInstance : public OpenedInstance {
 public:
  StreamingInstance(std::shared_ptr<Transfer> transfer, uint64_t size) : transfer_(std::move(transfer)), size_(size) {}
  ~StreamingInstance() override { transfer_->DropReader(); }

  uint64_t size() const override { return size_; }
  std::optional<size_t> TryRead(uint64_t offset, std::span<std::byte> out) override {
    return transfer_->TryRead(offset, out);
  }
  void WhenReadable(uint64_t offset, size_t length, std::stop_token stop, std::function<void()> ready) override {
    transfer_->WhenReadable(offset, length, std::move(stop), std::move(ready));
  }
  int CompleteFd() const override { return transfer_->CompleteFd(); }

 private:
  const std::shared_ptr<Transfer> transfer_;
  const uint64_t size_;
};

bool Transfer::AddOpener(std::stop_token stop, Retriever::OpenCallback done) {
  auto waiter = std::make_shared<OpenWaiter>();
  waiter->done = std::move(done);
  {
    const MutexLock lock(mutex_);
    if (stop_.stop_requested() && state_ != State::kWhole) {
      return false;
    }
    openers_.push_back(waiter);
  }
  // Outside the lock, because a stop that was requested already calls back from within the constructor.
  waiter->on_stop.emplace(std::move(stop), [self = weak_from_this(), weak = std::weak_ptr(waiter)] {
    const auto transfer = self.lock();
    const auto cancelled = weak.lock();
    if (transfer && cancelled) {
      transfer->CancelOpener(cancelled);
    }
  });
  CompleteOpeners();  // the length may be known already
  return true;
}

void Transfer::CancelOpener(const std::shared_ptr<OpenWaiter>& waiter) {
  if (waiter->completed.exchange(true)) {
    return;
  }
  {
    const MutexLock lock(mutex_);
    openers_.remove(waiter);
    StopIfUnwanted();
  }
  waiter->done(
      {nullptr, std::make_exception_ptr(Error(ErrorCode::kCancelled, "Cannot open an instance: interrupted"))});
}

void Transfer::CompleteOpeners() {
  std::list<std::shared_ptr<OpenWaiter>> waiters;
  Retriever::Opened opened;
  {
    const MutexLock lock(mutex_);
    if (state_ == State::kWaiting || (state_ == State::kArriving && !length_)) {
      return;
    }
    waiters.swap(openers_);
    if (waiters.empty()) {
      return;
    }
    if (state_ == State::kFailed) {
      opened.error = error_;
    } else if (state_ != State::kMissing) {
      opened.instance = MakeOpened();
    }
  }
  for (const auto& waiter : waiters) {
    if (!waiter->completed.exchange(true)) {
      waiter->done(opened);
    }
  }
}

std::shared_ptr<OpenedInstance> Transfer::MakeOpened() {
  if (auto opened = opened_.lock()) {
    return opened;
  }
  auto opened = std::make_shared<StreamingInstance>(shared_from_this(), *length_);
  ++readers_;
  opened_ = opened;
  return opened;
}

std::shared_ptr<OpenedInstance> Transfer::TryOpen() {
  const MutexLock lock(mutex_);
  const bool open = (state_ == State::kArriving || state_ == State::kWhole) && length_ && !stop_.stop_requested();
  return open ? MakeOpened() : nullptr;
}

std::optional<uint64_t> Transfer::KnownSize() const {
  const MutexLock lock(mutex_);
  return state_ == State::kArriving || state_ == State::kWhole ? length_ : std::nullopt;
}

bool Transfer::wanted() const {
  const MutexLock lock(mutex_);
  return readers_ > 0 || !openers_.empty();
}

bool Transfer::awaited() const {
  const MutexLock lock(mutex_);
  return !openers_.empty() || !read_waiters_.empty();
}

bool Transfer::Pin() {
  const MutexLock lock(mutex_);
  pinned_ = !stop_.stop_requested();
  return pinned_;
}

void Transfer::CancelIfUnused() {
  const MutexLock lock(mutex_);
  pinned_ = false;
  StopIfUnwanted();
}

bool Transfer::Unpin() {
  const MutexLock lock(mutex_);
  if (readers_ > 0 || !openers_.empty()) {
    return false;
  }
  stop_.request_stop();
  return true;
}

bool Transfer::begun() const {
  const MutexLock lock(mutex_);
  return state_ != State::kWaiting;
}

bool Transfer::ended() const {
  const MutexLock lock(mutex_);
  return state_ != State::kWaiting && state_ != State::kArriving;
}

uint64_t Transfer::arrived() const {
  const MutexLock lock(mutex_);
  return arrived_;
}

void Transfer::DropReader() {
  const MutexLock lock(mutex_);
  --readers_;
  StopIfUnwanted();
}

void Transfer::StopIfUnwanted() {
  if (pinned_ || readers_ > 0 || !openers_.empty()) {
    return;
  }
  const bool nearly_done = state_ == State::kArriving && length_ && *length_ - arrived_ <= kNearlyDone;
  if (state_ == State::kWaiting || (state_ == State::kArriving && !nearly_done)) {
    stop_.request_stop();
  }
}

void Transfer::End() {
  const uint64_t arrived_count = repeated_ < repeat_end_ ? repeated_ : arrived_;
  if (arrived_count != length_.value_or(arrived_)) {
    throw Error(ErrorCode::kProtocol, StrCat("Cannot retrieve instance ", reference_.instance.str(), ": only ",
                                             arrived_count, " of ", length_.value_or(arrived_), " bytes arrived"));
  }
  if (staged_ != nullptr) {
    staged_->Commit();
  }
  ReadWaiters ready;
  {
    const MutexLock lock(mutex_);
    staged_.reset();
    length_ = arrived_;
    state_ = State::kWhole;
    ready = TakeReady();
  }
  CompleteOpeners();
  CallAll(ready);
}

void Transfer::EndWith(CachedInstance whole) {
  ReadWaiters ready;
  {
    const MutexLock lock(mutex_);
    if (state_ != State::kWaiting && state_ != State::kArriving) {
      return;
    }
    if (whole.bytes == nullptr) {
      fd_ = std::make_shared<UniqueFd>(std::move(whole.fd));
    }
    bytes_ = std::move(whole.bytes);
    length_ = whole.size;
    arrived_ = whole.size;
    state_ = State::kWhole;
    ready = TakeReady();
  }
  CompleteOpeners();
  CallAll(ready);
}

void Transfer::EndMissing() {
  {
    const MutexLock lock(mutex_);
    if (state_ == State::kWaiting) {
      state_ = State::kMissing;
    }
  }
  // Readers of its first bytes must not wait for the rest.
  Fail(
      std::make_exception_ptr(Error(ErrorCode::kProtocol, StrCat("Cannot retrieve instance ", reference_.instance.str(),
                                                                 ": requested again, the archive has it no more"))));
  CompleteOpeners();
}

void Transfer::Fail(std::exception_ptr error) {
  ReadWaiters ready;
  {
    const MutexLock lock(mutex_);
    if (state_ != State::kWaiting && state_ != State::kArriving) {
      return;
    }
    state_ = State::kFailed;
    error_ = std::move(error);
    staged_.reset();
    ready = TakeReady();
  }
  CompleteOpeners();
  CallAll(ready);
}

bool Transfer::Readable(uint64_t offset, size_t length) const {
  if (state_ == State::kWhole || state_ == State::kFailed) {
    return true;
  }
  // What reaches the end waits for the transfer's proper end: only then it is known that the announced length is true.
  const uint64_t rest = *length_ - std::min(offset, *length_);
  return length < rest && offset + length <= arrived_;
}

Transfer::ReadWaiters Transfer::TakeReady() {
  ReadWaiters ready;
  for (auto at = read_waiters_.begin(); at != read_waiters_.end();) {
    const auto next = std::next(at);
    if (Readable((*at)->offset, (*at)->length)) {
      ready.splice(ready.end(), read_waiters_, at);
    }
    at = next;
  }
  return ready;
}

void Transfer::CallAll(const ReadWaiters& waiters) {
  for (const auto& waiter : waiters) {
    waiter->ready();
  }
}

std::optional<size_t> Transfer::TryRead(uint64_t offset, std::span<std::byte> out) {
  if (use_ != nullptr) {
    use_->Touch();
  }
  std::shared_ptr<UniqueFd> fd;
  std::shared_ptr<const std::string> bytes;
  uint64_t size = 0;
  {
    const MutexLock lock(mutex_);
    if (state_ == State::kFailed) {
      std::rethrow_exception(error_);
    }
    if (!Readable(offset, out.size())) {
      return std::nullopt;
    }
    fd = fd_;
    bytes = bytes_;
    size = *length_;
  }
  if (offset >= size) {
    return 0;
  }
  const size_t length = static_cast<size_t>(std::min<uint64_t>(out.size(), size - offset));
  if (bytes != nullptr) {
    std::memcpy(out.data(), bytes->data() + offset, length);
  } else {
    ReadFully(fd->get(), offset, out.first(length));
  }
  return length;
}

void Transfer::WhenReadable(uint64_t offset, size_t length, std::stop_token stop, std::function<void()> ready) {
  const auto waiter = std::make_shared<ReadWaiter>();
  waiter->offset = offset;
  waiter->length = length;
  waiter->ready = std::move(ready);
  bool readable = false;
  {
    const MutexLock lock(mutex_);
    readable = Readable(offset, length);
    if (!readable) {
      read_waiters_.push_back(waiter);
    }
  }
  if (readable) {
    waiter->ready();
    return;
  }
  // Outside the lock, because a stop that was requested already calls back from within the constructor. Whoever stops
  // lets go of what `ready` holds at once: it may be the last reader.
  waiter->on_stop.emplace(std::move(stop), [self = weak_from_this(), weak = std::weak_ptr(waiter)] {
    const auto transfer = self.lock();
    const auto cancelled = weak.lock();
    if (transfer && cancelled) {
      transfer->CancelRead(cancelled);
    }
  });
}

void Transfer::CancelRead(const std::shared_ptr<ReadWaiter>& waiter) {
  const MutexLock lock(mutex_);
  read_waiters_.remove(waiter);  // not the last owner: the caller has one
}

int Transfer::CompleteFd() const {
  const MutexLock lock(mutex_);
  return state_ == State::kWhole && fd_ != nullptr ? fd_->get() : -1;
}

}  // namespace trolley
