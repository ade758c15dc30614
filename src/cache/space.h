#ifndef TROLLEY_CACHE_SPACE_H_
#define TROLLEY_CACHE_SPACE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

namespace trolley {

// What this process's staged and pending instances take and will take, in bytes.
struct SpaceInUse {
  std::atomic<uint64_t> reserved{0};  // in all
  std::atomic<uint64_t> written{0};   // of that, what the disk already counts
};

// One instance's part of it.
class Reservation {
 public:
  explicit Reservation(std::shared_ptr<SpaceInUse> space) : space_(std::move(space)) {}
  Reservation(Reservation&& other) noexcept
      : space_(std::move(other.space_)),
        reserved_(std::exchange(other.reserved_, 0)),
        written_(std::exchange(other.written_, 0)) {}
  Reservation& operator=(Reservation&&) = delete;
  ~Reservation() {
    if (space_ != nullptr) {
      Set(0, 0);
    }
  }

  uint64_t reserved() const { return reserved_; }
  void Set(uint64_t reserved, uint64_t written) {
    // Unsigned wrap-around makes one addition of a gain and of a loss.
    space_->reserved += reserved - reserved_;
    space_->written += written - written_;
    reserved_ = reserved;
    written_ = written;
  }
  void SetReserved(uint64_t reserved) { Set(reserved, written_); }
  void SetWritten(uint64_t written) { Set(reserved_ < written ? written : reserved_, written); }

 private:
  std::shared_ptr<SpaceInUse> space_;
  uint64_t reserved_ = 0;
  uint64_t written_ = 0;
};

}  // namespace trolley

#endif  // TROLLEY_CACHE_SPACE_H_
