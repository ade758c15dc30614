#ifndef TROLLEY_BASE_INDEX_SET_H_
#define TROLLEY_BASE_INDEX_SET_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

namespace trolley {

// The places of different things in a sequence that somebody else keeps, found by what stands there. Takes 8 bytes or
// so for each, where a std::unordered_set of the things takes a hundred.
class IndexSet {
 public:
  // Adds `index`, where something with this hash stands, unless `equals(other)` for an index that is there already:
  // then that one is returned, and false. `hash_of(other)` gives the hash of what stands at an index.
  template <typename Equals, typename HashOf>
  std::pair<uint32_t, bool> Insert(uint32_t index, size_t hash, const Equals& equals, const HashOf& hash_of) {
    if ((size_ + 1) * 4 > slots_.size() * 3) {
      Grow(hash_of);
    }
    size_t slot = Spread(hash);
    for (; slots_[slot] != kEmpty; slot = (slot + 1) & (slots_.size() - 1)) {
      if (equals(slots_[slot])) {
        return {slots_[slot], false};
      }
    }
    slots_[slot] = index;
    ++size_;
    return {index, true};
  }
  size_t size() const { return size_; }

 private:
  static constexpr uint32_t kEmpty = std::numeric_limits<uint32_t>::max();

  // Hashes of texts that differ in little may differ in their upper bits alone.
  size_t Spread(size_t hash) const {
    return static_cast<size_t>((uint64_t{hash} * 0x9E3779B97F4A7C15U) >> 32) & (slots_.size() - 1);
  }

  template <typename HashOf>
  void Grow(const HashOf& hash_of) {
    std::vector<uint32_t> old(slots_.empty() ? 16 : slots_.size() * 2, kEmpty);
    old.swap(slots_);
    for (const uint32_t index : old) {
      if (index != kEmpty) {
        size_t slot = Spread(hash_of(index));
        while (slots_[slot] != kEmpty) {
          slot = (slot + 1) & (slots_.size() - 1);
        }
        slots_[slot] = index;
      }
    }
  }

  std::vector<uint32_t> slots_;  // a power of two of them
  size_t size_ = 0;
};

}  // namespace trolley

#endif  // TROLLEY_BASE_INDEX_SET_H_
