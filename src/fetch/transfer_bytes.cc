// Where the bytes of a transfer go as they arrive: called by its worker alone.
#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/text.h"
#include "fetch/memory_file.h"
#include "fetch/transfer.h"
#include "trolley/error.h"

namespace trolley {
namespace {

// Null while it is in memory.
std::shared_ptr<UniqueFd> ReaderOf(const StagedInstance& staged) {
  if (staged.fd() < 0) {
    return nullptr;
  }
  auto fd = std::make_shared<UniqueFd>(fcntl(staged.fd(), F_DUPFD_CLOEXEC, 0));
  if (!*fd) {
    throw Error(ErrorCode::kStorage, StrCat("Cannot open a file in the cache: ", std::strerror(errno)));
  }
  return fd;
}

}  // namespace

void Transfer::Begin(std::unique_ptr<StagedInstance> staged, std::optional<uint64_t> length) {
  const std::shared_ptr<UniqueFd> fd = staged == nullptr ? MakeMemoryFile(length) : ReaderOf(*staged);
  {
    const MutexLock lock(mutex_);
    fd_ = fd;
    bytes_ = staged != nullptr ? staged->bytes() : nullptr;
    staged_ = std::move(staged);
    length_ = length;
    state_ = State::kArriving;
  }
  CompleteOpeners();
}

void Transfer::Append(std::span<const std::byte> piece) {
  // Only the worker changes length_, arrived_, staged_ and fd_, so that it may read them and write the file without the
  // lock.
  piece = CheckAgain(piece);
  if (length_ && piece.size() > *length_ - arrived_) {
    throw Error(ErrorCode::kProtocol, StrCat("Cannot retrieve instance ", reference_.instance.str(),
                                             ": more bytes arrived than the archive had announced"));
  }
  Store(piece);
  ReadWaiters ready;
  {
    const MutexLock lock(mutex_);
    arrived_ += piece.size();
    ready = TakeReady();
  }
  CallAll(ready);
}

void Transfer::Store(std::span<const std::byte> piece) {
  if (staged_ != nullptr) {
    if (staged_->size() != arrived_) {
      throw Error(ErrorCode::kStorage, "Cannot write to the cache: an earlier piece of this instance was lost");
    }
    try {
      staged_->Append(piece);
      if (fd_ == nullptr && staged_->fd() >= 0) {
        auto fd = ReaderOf(*staged_);
        const MutexLock lock(mutex_);
        fd_ = std::move(fd);
        bytes_ = nullptr;
      }
      return;
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kNoSpace) {
        throw;
      }
      MoveToMemory();
    }
  }
  WriteFully(fd_->get(), arrived_, piece);
}

void Transfer::RestartFromZero() {
  const MutexLock lock(mutex_);
  pinned_ = false;
  if (state_ == State::kArriving) {
    repeated_ = 0;
    repeat_end_ = arrived_;
  }
}

void Transfer::Continue(std::optional<uint64_t> length) {
  if (length && length_ && *length != *length_) {
    throw Error(ErrorCode::kProtocol, StrCat("Cannot retrieve instance ", reference_.instance.str(),
                                             ": requested again, it came with another length"));
  }
}

// Readers have seen what is there: it must be the same, and is not stored twice. Gives what is new of the piece.
std::span<const std::byte> Transfer::CheckAgain(std::span<const std::byte> piece) {
  if (repeated_ >= repeat_end_) {
    return piece;
  }
  const auto old = piece.first(static_cast<size_t>(std::min<uint64_t>(piece.size(), repeat_end_ - repeated_)));
  std::vector<std::byte> before(old.size());
  ReadBack(repeated_, before);
  if (!std::equal(old.begin(), old.end(), before.begin())) {
    throw Error(ErrorCode::kProtocol, StrCat("Cannot retrieve instance ", reference_.instance.str(),
                                             ": requested again, it came with other bytes"));
  }
  repeated_ += old.size();
  return piece.subspan(old.size());
}

void Transfer::ReadBack(uint64_t offset, std::span<std::byte> out) const {
  if (bytes_ != nullptr) {
    std::memcpy(out.data(), bytes_->data() + offset, out.size());
  } else {
    ReadFully(fd_->get(), offset, out);
  }
}

void Transfer::MoveToMemory() {
  const std::shared_ptr<UniqueFd> memory = MakeMemoryFile(length_);
  std::vector<std::byte> buffer(size_t{1} << 20);
  for (uint64_t offset = 0; offset < arrived_;) {
    const std::span piece(buffer.data(), static_cast<size_t>(std::min<uint64_t>(buffer.size(), arrived_ - offset)));
    ReadBack(offset, piece);
    WriteFully(memory->get(), offset, piece);
    offset += piece.size();
  }
  const MutexLock lock(mutex_);
  fd_ = memory;
  bytes_ = nullptr;
  staged_.reset();
}

}  // namespace trolley
