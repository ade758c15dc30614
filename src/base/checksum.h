#ifndef TROLLEY_BASE_CHECKSUM_H_
#define TROLLEY_BASE_CHECKSUM_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace trolley {

// Keys XXH3: 192 random bytes, kept secret from archives, so that none can prepare two instances with equal checksums.
using ChecksumSecret = std::array<unsigned char, 192>;

// XXH3-128 of a stream, in its canonical (big-endian) form of 16 bytes.
class Checksum {
 public:
  explicit Checksum(const ChecksumSecret& secret);
  ~Checksum();
  Checksum(Checksum&&) noexcept;
  Checksum& operator=(Checksum&&) noexcept;

  void Update(std::span<const std::byte> piece);
  std::string Digest() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The same of one text, with `secret`, or without one.
std::string ChecksumOf(std::string_view text, const ChecksumSecret& secret);
std::string ChecksumOf(std::string_view text);

std::string RandomBytes(size_t count);
std::string ToHex(std::string_view bytes);

// Integers in keys are big-endian, so that LMDB's order is theirs.
void AppendBigEndian(std::string& out, uint64_t value);
uint64_t ReadBigEndian(std::string_view eight_bytes);

}  // namespace trolley

#endif  // TROLLEY_BASE_CHECKSUM_H_
