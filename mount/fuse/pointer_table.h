#ifndef TROLLEY_MOUNT_FUSE_POINTER_TABLE_H_
#define TROLLEY_MOUNT_FUSE_POINTER_TABLE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace trolley {

// A hash table of pointers to things that somebody else owns, in 16 bytes or so for each. Hashes are the caller's, and
// asked for again (`hash_of`) when others have to move.
template <typename T>
class PointerTable {
 public:
  // Null when there is none.
  template <typename Is>
  T* Find(uint64_t hash, const Is& is) const {
    for (size_t slot = slots_.empty() ? 0 : Home(hash); !slots_.empty() && slots_[slot] != nullptr; slot = Next(slot)) {
      if (is(*slots_[slot])) {
        return slots_[slot];
      }
    }
    return nullptr;
  }

  // Precondition: it is not there. Nothing has changed when there is no memory.
  template <typename HashOf>
  void Insert(T* thing, uint64_t hash, const HashOf& hash_of) {
    if ((size_ + 1) * 4 > slots_.size() * 3) {
      Resize(std::max(kLeast, slots_.size() * 2), hash_of);
    }
    Put(thing, hash);
    ++size_;
  }

  // Precondition: it is there.
  template <typename HashOf>
  void Erase(const T* thing, uint64_t hash, const HashOf& hash_of) {
    size_t hole = Home(hash);
    while (slots_[hole] != thing) {
      hole = Next(hole);
    }
    // What comes behind and would not be found any more moves up.
    for (size_t slot = Next(hole); slots_[slot] != nullptr; slot = Next(slot)) {
      const size_t home = Home(hash_of(*slots_[slot]));
      const size_t mask = slots_.size() - 1;
      if (((slot - home) & mask) >= ((slot - hole) & mask)) {
        slots_[hole] = slots_[slot];
        hole = slot;
      }
    }
    slots_[hole] = nullptr;
    --size_;
  }

  template <typename Visit>
  void ForEach(const Visit& visit) const {
    for (const T* thing : slots_) {
      if (thing != nullptr) {
        visit(*thing);
      }
    }
  }
  size_t size() const { return size_; }

 private:
  static constexpr size_t kLeast = 64;

  size_t Home(uint64_t hash) const {
    return static_cast<size_t>((hash * 0x9E3779B97F4A7C15U) >> 32) & (slots_.size() - 1);
  }
  size_t Next(size_t slot) const { return (slot + 1) & (slots_.size() - 1); }
  void Put(T* thing, uint64_t hash) {
    size_t slot = Home(hash);
    while (slots_[slot] != nullptr) {
      slot = Next(slot);
    }
    slots_[slot] = thing;
  }
  template <typename HashOf>
  void Resize(size_t slots, const HashOf& hash_of) {
    std::vector<T*> old(slots);
    old.swap(slots_);
    for (T* thing : old) {
      if (thing != nullptr) {
        Put(thing, hash_of(*thing));
      }
    }
  }

  std::vector<T*> slots_;  // a power of two of them
  size_t size_ = 0;
};

}  // namespace trolley

#endif  // TROLLEY_MOUNT_FUSE_POINTER_TABLE_H_
