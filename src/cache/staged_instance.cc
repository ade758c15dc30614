#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/text.h"
#include "cache/instance_cache_impl.h"
#include "trolley/error.h"
#include "trolley/log.h"

namespace trolley {
namespace {

constexpr uint64_t kFirstReservation = 64 << 10;
constexpr uint64_t kMaxReservationStep = 8 << 20;
constexpr uint64_t kInMemory = 64 << 10;     // of an instance
constexpr uint64_t kMaxInMemory = 24 << 20;  // of all

Error WriteError(const std::filesystem::path& directory, int reason) {
  return Error(MeansFull(reason) ? ErrorCode::kNoSpace : ErrorCode::kStorage,
               StrCat("Cannot write to the cache ", directory.string(), ": ", std::strerror(reason)));
}

}  // namespace

bool MeansFull(int reason) {
  return reason == ENOSPC || reason == EDQUOT || reason == EFBIG;
}

// Counted as long as somebody has it.
std::shared_ptr<std::string> MakeBytes(std::shared_ptr<std::atomic<uint64_t>> in_memory) {
  return {new std::string, [in_memory = std::move(in_memory)](const std::string* bytes) {
            *in_memory -= bytes->size();
            delete bytes;
          }};
}

class StagedInstance::Impl {
 public:
  Impl(std::shared_ptr<InstanceCache::Impl> cache, InstanceKey key, std::optional<uint64_t> length)
      : cache_(std::move(cache)),
        key_(std::move(key)),
        length_known_(length.has_value()),
        reservation_(cache_->space_) {
    if (length.value_or(0) <= kInMemory && *cache_->in_memory_ < kMaxInMemory) {
      cache_->ReserveInMemory(reservation_, length.value_or(0));
      bytes_ = MakeBytes(cache_->in_memory_);
      bytes_->reserve(length.value_or(0));  // readers need not wait for the rest
      return;
    }
    Reserve(length.value_or(0));
    Create();
  }

  ~Impl() {
    if (!committed_) {
      CacheDirectory::Move(path_, {});
    }
  }

  int fd() const { return fd_.get(); }
  uint64_t size() const { return size_; }
  std::shared_ptr<const std::string> bytes() const { return bytes_; }

  void Append(std::span<const std::byte> piece) {
    if (failed_) {
      throw Error(ErrorCode::kStorage, "Cannot write to the cache: an earlier piece of this instance was lost");
    }
    failed_ = true;  // until the piece is written
    const uint64_t end = size_ + piece.size();
    if (bytes_ != nullptr && end > kInMemory) {
      MoveToFile();
    }
    if (bytes_ != nullptr) {
      bytes_->append(reinterpret_cast<const char*>(piece.data()), piece.size());
      *cache_->in_memory_ += piece.size();
      reservation_.SetReserved(std::max(end, reservation_.reserved()));
      size_ = end;
      failed_ = false;
      return;
    }
    if (end > reservation_.reserved()) {
      const uint64_t step = std::clamp(reservation_.reserved(), kFirstReservation, kMaxReservationStep);
      Reserve(std::max(end, reservation_.reserved() + step));
    }
    Write(piece);
    checksum_->Update(piece);
    size_ = end;
    reservation_.SetWritten(end);
    failed_ = false;
  }

  void Commit() {
    if (failed_ || committed_) {
      return;
    }
    if (size_ > cache_->options_.max_size) {
      cache_->RememberSize(key_.hash, size_);
      return;
    }
    if (bytes_ == nullptr) {
      reservation_.Set(size_, size_);
    } else if (!length_known_) {
      cache_->ReserveInMemory(reservation_, size_);
    }
    const std::string checksum = bytes_ != nullptr ? ChecksumOf(*bytes_, cache_->index_.secret()) : checksum_->Digest();
    auto pending =
        std::make_shared<PendingInstance>(key_, Content{checksum, size_}, path_, bytes_, std::move(reservation_));
    committed_ = true;
    cache_->AddPending(std::move(pending));
  }

 private:
  void MoveToFile() {
    const auto in_memory = std::as_bytes(std::span(*bytes_));
    Reserve(std::max<uint64_t>(kFirstReservation, in_memory.size()));
    Create();
    size_ = 0;
    Write(in_memory);
    size_ = in_memory.size();
    checksum_->Update(in_memory);
    reservation_.SetWritten(size_);
    bytes_.reset();
  }

  void Reserve(uint64_t bytes) { cache_->Reserve(reservation_, bytes, bytes <= cache_->options_.max_size); }

  void Create() {
    checksum_.emplace(cache_->index_.secret());
    for (int attempt = 0; attempt < 2; ++attempt) {
      path_ = cache_->directory_.NewStagingPath();
      fd_.Reset(::open(path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
      if (fd_) {
        return;
      }
      const int reason = errno;
      if (attempt > 0 || (reason != ENOENT && !MeansFull(reason))) {
        throw WriteError(cache_->options_.directory, reason);
      }
      if (reason == ENOENT) {
        cache_->directory_.Restore();
      } else {
        cache_->MakeRoom(kEvictedWhenFull);
      }
    }
  }

  void Write(std::span<const std::byte> piece) {
    uint64_t offset = size_;
    bool evicted = false;
    while (!piece.empty()) {
      const ssize_t done = ::pwrite(fd_.get(), piece.data(), piece.size(), static_cast<off_t>(offset));
      if (done >= 0) {
        piece = piece.subspan(static_cast<size_t>(done));
        offset += static_cast<uint64_t>(done);
      } else if (MeansFull(errno) && !evicted) {
        evicted = true;
        cache_->MakeRoom(piece.size() + kEvictedWhenFull);
      } else if (errno != EINTR) {
        throw WriteError(cache_->options_.directory, errno);
      }
    }
  }

  const std::shared_ptr<InstanceCache::Impl> cache_;
  const InstanceKey key_;
  const bool length_known_;
  Reservation reservation_;
  std::optional<Checksum> checksum_;    // of what is in the file
  std::shared_ptr<std::string> bytes_;  // instead of a file
  std::filesystem::path path_;
  UniqueFd fd_;
  uint64_t size_ = 0;
  bool failed_ = false;
  bool committed_ = false;
};

StagedInstance::StagedInstance(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
StagedInstance::~StagedInstance() = default;

int StagedInstance::fd() const {
  return impl_->fd();
}

uint64_t StagedInstance::size() const {
  return impl_->size();
}

std::shared_ptr<const std::string> StagedInstance::bytes() const {
  return impl_->bytes();
}

void StagedInstance::Append(std::span<const std::byte> piece) {
  impl_->Append(piece);
}

void StagedInstance::Commit() {
  try {
    impl_->Commit();
  } catch (const std::exception& error) {
    LogWarning(StrCat("Cannot keep an instance in the cache: ", error.what()));
  }
}

std::unique_ptr<StagedInstance> InstanceCache::Stage(std::string_view archive, const InstanceReference& instance,
                                                     std::optional<uint64_t> length) {
  auto impl = std::make_unique<StagedInstance::Impl>(impl_, impl_->index_.KeyOf(archive, instance), length);
  return std::unique_ptr<StagedInstance>(new StagedInstance(std::move(impl)));
}

}  // namespace trolley
